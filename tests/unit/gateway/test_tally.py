"""Counts that several workers keep: any of them shows the sum, and none goes back when a worker ends."""

import os

import pytest

from isthmus.gateway import tally
from isthmus.gateway.tally import Answered, Tally

FINE, REFUSED = ("ec2", "DescribeVpcs", 200), ("ec2", "InvalidVpcID.NotFound", 400)


def test_the_total_is_the_sum_of_the_parts() -> None:
    shared = Tally(3, 2)
    for number in (1, 2, 3):
        part = shared.part(number)
        answered = Answered(part)
        answered[FINE] += number
        part.cells[0] += 10 * number
        part.cells[1] += number
        part.cells[2] += 1
        part.cells[3] += 1
    total = shared.total()
    assert total.answered == {FINE: 6}
    assert (total.units, total.batches, total.retried) == (63, 6, 3)


def test_whoever_takes_a_place_counts_on() -> None:
    shared = Tally(2, 2)
    first = Answered(shared.part(1))
    first[FINE] += 5
    first[REFUSED] += 1
    second = Answered(shared.part(1))
    assert second == {FINE: 5, REFUSED: 1}
    second[FINE] += 1
    assert shared.total().answered == {FINE: 6, REFUSED: 1}


def test_what_a_process_counted_before_it_was_killed_is_there() -> None:
    shared = Tally(2, 2)
    worker = os.fork()
    if not worker:
        answered = Answered(shared.part(2))
        answered[FINE] += 7
        shared.part(2).cells[1] += 3
        os.kill(os.getpid(), 9)
    assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == -9
    assert (shared.total().answered, shared.total().batches) == ({FINE: 7}, 3)


def test_kinds_of_answers_beyond_the_room_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "ENTRIES", 3)
    shared = Tally(1, 2)
    answered = Answered(shared.part(1))
    for number in range(5):
        answered["ec2", f"Action{number}", 200] += 1
        answered["ec2", f"Action{number}", 200] += 1
    assert shared.total().answered == {("ec2", "Action0", 200): 2, ("ec2", "Action1", 200): 2, tally.OTHER: 6}
    again = Answered(shared.part(1))
    again["ec2", "Action4", 200] += 1
    again["ec2", "Action0", 200] += 1
    assert shared.total().answered == {("ec2", "Action0", 200): 3, ("ec2", "Action1", 200): 2, tally.OTHER: 7}


def test_an_entry_without_its_name_counts_nothing_yet() -> None:
    shared = Tally(1, 2)
    part = shared.part(1)
    part._used[0] = 1
    assert shared.total().answered == {}
