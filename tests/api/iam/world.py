"""A server with IAM's objects, and clients of whoever holds a key, who sign at the server's own time."""

from datetime import UTC, datetime
from typing import Any, Self
from unittest import mock

import pytest
from botocore import auth
from botocore.exceptions import ClientError

from isthmus.config import Settings
from isthmus.store.clock import ManualClock
from isthmus.testing import InProcess

ACCOUNT, OTHER = "111111111111", "222222222222"


class World:
    """An open server: an account's digits are its root, a key that was issued is whoever it was issued to."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.clock = ManualClock()
        self.server = InProcess(settings or Settings(data="memory"), clock=self.clock)
        self._time = mock.patch.object(auth, "get_current_datetime", self._now)

    def _now(self, *_: Any) -> datetime:
        return datetime.fromtimestamp(self.clock.wall() / 1_000, UTC)

    def __enter__(self) -> Self:
        self._time.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._time.stop()
        self.server.close()

    def root(self, service: str = "iam", account: str = ACCOUNT, **more: Any) -> Any:
        """Return a client of an account's root."""
        return self.server.client(account, service=service, **more)

    def of(self, key: dict[str, str], service: str = "iam", **more: Any) -> Any:
        """Return a client of whoever holds a key."""
        return self.server.client(key["AccessKeyId"], service=service, secret=key["SecretAccessKey"], **more)

    def user(self, name: str = "alice", account: str = ACCOUNT, **more: Any) -> dict[str, str]:
        """Make a user with a key, and return the key."""
        iam = self.root(account=account)
        iam.create_user(UserName=name, **more)
        key: dict[str, str] = iam.create_access_key(UserName=name)["AccessKey"]
        return key


def refusal(call: Any, **parameters: Any) -> tuple[int, str, str]:
    """Status, code and message of what a call gets."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]
