"""Every lock of the project is renewed by one command, and a peer that is measured keeps its release."""

import pytest

from tools.lock import LOCKS, ROOT, Lock, remarks, wanted


def test_every_lock_is_renewed() -> None:
    there = [*ROOT.glob("requirements/*.lock"), *ROOT.glob("bench/requirements-*.txt")]
    assert {lock.path for lock in LOCKS} == {str(path.relative_to(ROOT)) for path in there}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.path)
def test_what_a_lock_is_made_from_is_there(lock: Lock) -> None:
    text = (ROOT / lock.path).read_text(encoding="utf-8")
    if lock.peer:
        assert wanted(lock, text).startswith(f"{lock.peer}==")
    else:
        assert (ROOT / lock.source).exists()
        assert wanted(lock, text) == ""


def test_a_peer_keeps_the_release_that_was_measured() -> None:
    text = "# why\nmoto-ext==9\nmoto==5.2.5 \\\n    --hash=sha256:00\n"
    assert wanted(Lock("some.txt", peer="moto[server]"), text) == "moto[server]==5.2.5\n"
    with pytest.raises(SystemExit, match=r"some\.txt pins no ministack"):
        wanted(Lock("some.txt", peer="ministack"), text)


def test_remarks_stay() -> None:
    assert remarks("# one\n# two\nmoto==1\n") == "# one\n# two\n"
