"""What mutmut's tests begin with."""

import pytest

from isthmus.policy import match
from tests import forgetting


@pytest.mark.parametrize(("under_mutmut", "remembered"), [(True, 0), (False, 1)])
def test_a_test_begins_with_nothing_remembered_under_mutmut_alone(
    monkeypatch: pytest.MonkeyPatch, *, under_mutmut: bool, remembered: int
) -> None:
    monkeypatch.setattr(forgetting, "FORGET", [])
    monkeypatch.delenv("MUTANT_UNDER_TEST", raising=False)
    if under_mutmut:
        monkeypatch.setenv("MUTANT_UNDER_TEST", "")
    match.arn.cache_clear()
    match.arn("arn:aws:iam::111111111111:user/alice")
    forgetting.pytest_collection_finish()
    forgetting.pytest_runtest_setup()
    assert match.arn.cache_info().currsize == remembered
