"""Installs what `make dist` built, wheel and sdist, each into a clean environment, and asks the server there one thing.

Run-time dependencies come from requirements/run.lock, so what is tried is what a user with the lock gets. The request
is signed with the standard library alone: nothing of the development environment takes part.
"""

import hashlib
import hmac
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ACCOUNT = "111122223333"
REGION = "eu-west-1"
BODY = b"Action=DescribeRegions&Version=2016-11-15"
START_SECONDS = 30.0
STOP_SECONDS = 15.0


def main() -> int:
    """Try every file of dist/; answers the exit status."""
    built = sorted([*(ROOT / "dist").glob("*.whl"), *(ROOT / "dist").glob("*.tar.gz")])
    if len(built) != 2:
        print(f"dist: expected a wheel and an sdist, found {[path.name for path in built]}", file=sys.stderr)
        return 1
    for package in built:
        with tempfile.TemporaryDirectory(prefix="isthmus-dist-") as folder:
            answer = try_out(package, Path(folder))
        assert REGION in answer, answer
        print(f"dist: {package.name} installs, serves and answers DescribeRegions")
    return 0


def try_out(package: Path, folder: Path) -> str:
    """Install a package into a clean environment and ask the server that it brings; answers the XML."""
    venv.create(folder / "venv", with_pip=True)
    scripts = folder / "venv" / "bin"
    install = (scripts / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    subprocess.run([*install, "--require-hashes", "-r", ROOT / "requirements" / "run.lock"], check=True, cwd=folder)
    subprocess.run([*install, "--no-deps", package], check=True, cwd=folder)
    port = free_port()
    command = [str(scripts / "isthmus"), "serve", "--port", str(port), "--data", "memory"]
    server = subprocess.Popen(command, cwd=folder, env=clean_environment(folder))
    try:
        answer = ask(port, server)
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(STOP_SECONDS)
    assert status == 0, f"the server stopped with status {status}"
    return answer


def clean_environment(folder: Path) -> dict[str, str]:
    """The environment without anything that points the server or Python elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ISTHMUS_", "PYTHON"))}
    return kept | {"HOME": str(folder)}


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(port: int, server: subprocess.Popen[bytes]) -> str:
    """Send the request until the server has come up; answers the XML."""
    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(signed_request(port), timeout=10) as response:
                return str(response.read(), "utf-8")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"HTTP {error.code}: {error.read().decode()}") from error
        except OSError:
            assert server.poll() is None, f"the server ended with status {server.returncode}"
            assert time.monotonic() < give_up, f"no answer within {START_SECONDS} s"
            time.sleep(0.1)


def signed_request(port: int) -> urllib.request.Request:
    """DescribeRegions as an account of open mode, with a Signature Version 4 made by hand."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{REGION}/ec2/aws4_request"
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "host": f"127.0.0.1:{port}",
        "x-amz-date": stamp,
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(BODY).hexdigest()}"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4test"
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/{scope}, SignedHeaders={names}, Signature={signature}"
    return urllib.request.Request(f"http://127.0.0.1:{port}/", data=BODY, headers=headers)


if __name__ == "__main__":
    sys.exit(main())
