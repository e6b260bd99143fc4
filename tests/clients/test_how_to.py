"""The how-to pages of single clients, run as they stand: what a page prints is what it says."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.server import Place, Server, client_environment, serving
from tests.docs.pages import ROOT, blocks

HOW_TO = ROOT / "docs" / "how-to"
DEFAULT_ENDPOINT = "http://127.0.0.1:4510"
NOBODY = Place("", "")
PROMPT = "$ "
RUN_SECONDS = 120


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server for one page: its accounts are empty."""
    with serving(tmp_path) as running:
        yield running


def program(page: str, language: str, server: Server) -> str:
    text = "\n".join(blocks(HOW_TO / page, language))
    assert DEFAULT_ENDPOINT in text
    return text.replace(DEFAULT_ENDPOINT, server.endpoint)


def remarks(text: str, prints: str, mark: str) -> list[str]:
    """What the remarks beside printing lines say."""
    return [line.rsplit(mark, 1)[1].strip() for line in text.splitlines() if line.strip().startswith(prints)]


def printed(command: list[str], server: Server, home: Path, folder: Path | None = None) -> list[str]:
    keep = {"PATH": client_environment(server, NOBODY, home)["PATH"], "HOME": str(home)}
    ran = subprocess.run(command, env=keep, cwd=folder, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    assert (ran.stderr, ran.returncode) == ("", 0)
    return ran.stdout.splitlines()


def test_the_boto3_page_prints_what_its_remarks_say(server: Server, tmp_path: Path) -> None:
    text = program("boto3.md", "python", server)
    said = remarks(text, "print(", "  # ")
    assert len(said) == 4
    assert printed([sys.executable, "-c", text], server, tmp_path) == said


@pytest.mark.extended
def test_the_javascript_page_prints_what_its_remarks_say(server: Server, javascript: Path, tmp_path: Path) -> None:
    text = program("javascript.md", "javascript", server)
    said = remarks(text, "console.log(", "// ")
    assert len(said) == 2
    page = javascript / "page.mjs"
    page.write_text(text)
    assert printed(["node", page.name], server, tmp_path, javascript) == said


def said_and_done(text: str) -> tuple[str, list[str]]:
    """A page's commands as one script, and what stands below them. The server runs already."""
    lines = [line for line in text.splitlines() if line and not line.startswith(f"{PROMPT}isthmus serve")]
    commands = [line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT)]
    return "\n".join(["set -eu", *commands]), [line for line in lines if not line.startswith(PROMPT)]


@pytest.mark.extended
def test_the_command_line_page_prints_what_it_shows(server: Server, aws: Path, tmp_path: Path) -> None:
    script, said = said_and_done(program("aws-cli.md", "console", server))
    assert len(said) == 6
    assert printed(["bash", "-c", f'PATH="{aws.parent}:$PATH"\n{script}'], server, tmp_path) == said


def test_the_terraform_page_s_provider_names_every_service_that_it_asks() -> None:
    (provider,) = blocks(HOW_TO / "terraform.md", "hcl")
    assert [line.split()[0] for line in provider.splitlines() if DEFAULT_ENDPOINT in line] == ["ec2", "iam", "sts"]
    assert "skip_requesting_account_id" not in provider
