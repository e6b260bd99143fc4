"""The demo's last words: which states each connection was seen in."""

import pytest

from tools import demo


def answer(code: str) -> dict[str, object]:
    return {"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": code}}


def test_the_summary_has_every_state_that_an_answer_told_once_and_in_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "SEEN", {})
    demo.note_states({"VpcPeeringConnection": answer("initiating-request")})
    demo.note_states({"VpcPeeringConnections": [answer("active")]})
    demo.note_states({"VpcPeeringConnections": [answer("active")]})
    demo.note_states({"Vpcs": []})
    demo.summarize({"accepted": "pcx-1"})
    assert "accepted  initiating-request -> active" in capsys.readouterr().out
