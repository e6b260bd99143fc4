"""Requests of the EC2 protocol, whole and signed, as bytes: made before a window opens, they cost nothing in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.load import Address

VERSION = "2016-11-15"
EC2, IAM = "ec2", "iam"
VERSIONS = {EC2: VERSION, IAM: "2010-05-08"}
# What an SDK sends besides the signature, so that a server reads as many header lines as in real use.
SDK_HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    "User-Agent": "Boto3/1.40.0 md/Botocore#1.40.0 ua/2.1 os/linux md/arch#x86_64 lang/python#3.12 Botocore/1.40.0",
    "Accept-Encoding": "identity",
    "amz-sdk-invocation-id": "7d1f6a0e-8f1a-4f0c-9d0e-3c1f0f6f7a11",
    "amz-sdk-request": "attempt=1",
}


@dataclass(frozen=True, slots=True)
class Keys:
    """An account as the bench uses it: its id and one access key."""

    account: str
    access_key_id: str
    secret_access_key: str


def signed(address: Address, keys: Keys, region: str, parameters: Mapping[str, str], service: str = EC2) -> bytes:
    """One POST with the parameters as its form, signed in its header for a service in this Region."""
    host = f"{address[0]}:{address[1]}"
    body = urlencode({"Version": VERSIONS[service], **parameters}).encode()
    request = AWSRequest("POST", f"http://{host}/", headers={"Host": host, **SDK_HEADERS}, data=body)
    SigV4Auth(Credentials(keys.access_key_id, keys.secret_access_key), service, region).add_auth(request)
    lines = [f"{name}: {value}" for name, value in request.headers.items()]
    head = "\r\n".join(["POST / HTTP/1.1", *lines, f"Content-Length: {len(body)}", "", ""])
    return head.encode() + body
