"""What the bench changes between two requests, and how it takes the difference."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from bench.load import Answer
from bench.scenarios.authorization import STATEMENTS
from bench.scenarios.policy_change import GROUP, After, Changing, document
from bench.servers import Window
from isthmus.policy import compiled
from isthmus.policy.compiled import Kind

ACCOUNT = "111111111111"


@dataclass
class Slept:
    """Stands for a group whose policy changes on a server that takes these microseconds, one request after the other."""

    costs: list[float]
    done: list[bytes] = field(default_factory=list)

    @property
    def server(self) -> "Slept":
        return self

    def change(self) -> None:
        self.done.append(b"change")

    def measure(self, requests: Sequence[bytes]) -> Window:
        self.done += requests
        return Window(self.costs.pop(0) / 1e6, 0.1, (Answer(200, requests[0]),))


def test_every_document_is_a_policy_of_20_statements_unlike_any_other() -> None:
    texts = [document(ACCOUNT, number) for number in (0, 1, 10, 9_999)]
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert len(compiled.validate(text, Kind.INLINE).statements) == STATEMENTS
        own = [{**each, "Sid": ""} for each in json.loads(text)["Statement"]]
        assert own == [{**each, "Sid": ""} for each in json.loads(texts[0])["Statement"]]


def test_a_group_may_have_such_a_policy_and_a_user_may_not() -> None:
    assert 2_048 < len(document(ACCOUNT, 9_999)) <= 5_120, f"in {GROUP}"


def test_a_run_is_the_median_of_what_the_first_request_after_a_change_takes_more() -> None:
    slept = Slept([1_500, 300, 9_000, 200, 1_600, 300])
    pairs = [(b"a", b"b"), (b"c", b"d"), (b"e", b"f")]
    window = After(cast("Changing", slept), lambda _number: pairs, wrong_if(b"d"))
    assert window(0) == pytest.approx(1_300)
    assert slept.done == [b"change", b"a", b"b", b"change", b"c", b"d", b"change", b"e", b"f"]
    assert (window.asked, window.mistaken) == (6, 1)


def wrong_if(body: bytes) -> Any:
    return lambda answers: sum(answer.body == body for answer in answers)
