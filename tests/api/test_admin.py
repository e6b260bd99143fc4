"""The endpoints below `/_isthmus/`, over HTTP: who may use them, what they take, and what they say to nonsense."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import Request

import pytest

from tests.running import Running, answer_of, running


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("admin"), "--log-format=none", "--auth=enforce") as server:
        yield server


def token(served: Running) -> str:
    return (served.folder / "d" / "isthmus.db.token").read_text().strip()


def send(
    served: Running, method: str, path: str, content: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Send a request with the token; answers the status and the JSON. Bytes go as they are."""
    body = content if isinstance(content, bytes) or content is None else json.dumps(content).encode()
    given = {"Authorization": f"Bearer {token(served)}", **(headers or {})}
    status, text = answer_of(Request(f"{served.url}/_isthmus/{path}", data=body, headers=given, method=method))
    return status, json.loads(text)


def test_health_is_free_and_says_where_the_token_lies(served: Running) -> None:
    status, text = served.get("/_isthmus/health")
    assert status == 200
    assert json.loads(text)["token_file"] == str(served.folder / "d" / "isthmus.db.token")
    assert token(served) not in text


@pytest.mark.parametrize("path", ["clock", "accounts", "metrics", "nothing", "health/more", "clock?advance=7d"])
@pytest.mark.parametrize("given", [None, "Bearer ", "Bearer wrong", "Basic {token}", "Bearer {token}x", "Bearer \xe9"])
def test_everything_else_needs_the_token(served: Running, path: str, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given.format(token=token(served))}
    assert served.get(f"/_isthmus/{path}", headers)[0] == 401


@pytest.mark.parametrize("headers", [{"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "rebound.example.org"}])
def test_a_web_page_is_refused_even_with_the_token(served: Running, headers: dict[str, str]) -> None:
    assert send(served, "GET", "clock", headers=headers)[0] == 403


@pytest.mark.parametrize("path", ["clock?advance=7d", "reset", "accounts?name=eve", "accounts/111122223333/delete"])
def test_what_changes_something_needs_post(served: Running, path: str) -> None:
    before = send(served, "GET", "clock")[1]["offset_seconds"], send(served, "GET", "accounts")[1]
    assert send(served, "GET", path)[0] >= 400
    assert before == (send(served, "GET", "clock")[1]["offset_seconds"], send(served, "GET", "accounts")[1])


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        ("clock", {}, "exactly one of"),
        ("clock", {"advance": "1d", "reset": True}, "exactly one of"),
        ("clock", {"forward": "1d"}, "Unknown: forward"),
        ("clock", {"advance": "soon"}, "not a span of time"),
        ("clock", {"advance": None}, "not a span of time"),
        ("clock", {"set": "9999-12-31T23:59:59Z"}, "must stay between"),
        ("clock", {"set": 5}, "not a time"),
        ("clock", b'{"offset_seconds": 1e999}', "not a number of seconds"),
        ("clock", b'{"offset_seconds": NaN}', "not a number of seconds"),
        ("clock", {"offset_seconds": 10**300}, "must stay between"),
        ("clock", b"{", "not JSON"),
        ("clock", b"[]", "must be a JSON object"),
        ("clock", b"\xff\xfe", "not JSON"),
        ("accounts", {"name": ""}, "1 to 50 printable"),
        ("accounts", {"name": "x" * 51}, "1 to 50 printable"),
        ("accounts", {"name": "\ud800"}, "1 to 50 printable"),
        ("accounts", {"name": "bob", "id": "1234"}, "12 digits"),
        ("accounts", {"name": "bob", "id": "\u0661" * 12}, "12 digits"),
        ("accounts", {"name": "bob", "admin": True}, "Unknown: admin"),
        ("accounts/111122223333", {}, "accounts/ID/delete"),
        ("accounts/111122223333/delete", {}, "There is no account"),
        ("accounts/111122223333/keys/rotate", {}, "There is no account"),
        ("accounts/111122223333/keys/rotate", {"keep_old": "perhaps"}, "must be true or false"),
        ("accounts/111122223333/keys/rotate", {"keep": True}, "Unknown: keep"),
        ("accounts", {"name": "bob", "root_key": "perhaps"}, "must be true or false"),
        ("accounts/111122223333/delete", {"with_objects": "perhaps"}, "must be true or false"),
        ("reset", {"identity": "perhaps"}, "must be true or false"),
        ("reset", {"account": "nobody"}, "12 digits"),
        ("reset", {"account": ""}, "12 digits"),
        ("reset", {"account": None}, "12 digits"),
        ("reset", {"account": "111122223333", "identity": True}, "either account or identity"),
    ],
)
def test_nonsense_is_answered_with_a_sentence_and_changes_nothing(
    served: Running, path: str, content: Any, sentence: str
) -> None:
    before = send(served, "GET", "clock")[1]["offset_seconds"], send(served, "GET", "accounts")[1]
    status, answer = send(served, "POST", path, content)
    assert status == 400
    assert sentence in answer["error"]
    assert before == (send(served, "GET", "clock")[1]["offset_seconds"], send(served, "GET", "accounts")[1])


def test_an_unknown_endpoint_is_not_found(served: Running) -> None:
    assert send(served, "POST", "nothing")[0] == 404


def test_an_account_is_made_shown_and_deleted(served: Running) -> None:
    status, made = send(served, "POST", "accounts", {"name": "alice"})
    assert status == 200
    ((key, secret),) = [(each["access_key_id"], each["secret_access_key"]) for each in made["access_keys"]]
    assert len(made["id"]) == 12
    assert len(secret) == 40
    shown = send(served, "GET", f"accounts/{made['id']}")[1]
    assert [each["access_key_id"] for each in shown["access_keys"]] == [key]
    assert secret not in json.dumps(shown)
    assert send(served, "POST", f"accounts/{made['id']}/delete")[1]["access_key_ids"] == [key]
    assert send(served, "GET", f"accounts/{made['id']}")[0] == 400


def test_the_clock_takes_each_of_its_words(served: Running) -> None:
    for word, value, offset in (("offset_seconds", 60, 60), ("advance", "1h", 3_660), ("reset", True, 0)):
        assert send(served, "POST", "clock", {word: value})[1]["offset_seconds"] == offset
    assert send(served, "POST", "clock", {"set": "2030-01-01T00:00:00+01:00"})[1]["service"].startswith("2029-12-31T23:00:0")
    assert send(served, "POST", "reset", {})[1] == {"reset": "objects", "deleted_accounts": []}
    assert send(served, "GET", "clock")[1]["offset_seconds"] == 0
