"""The start files of the documentation can be applied, and what the page says of them is so."""

from pathlib import Path

import pytest

from isthmus.actions.start_file import applying, checking
from isthmus.actions.start_file.applying import Applied
from isthmus.actions.start_file.entries import ENTRIES
from isthmus.actions.start_file.problems import StartFileError
from isthmus.gateway import start_file
from isthmus.gateway.start_file import StartFileRefusedError
from isthmus.store.api import Kind
from isthmus.testing import InProcess
from tests.docs.pages import ROOT, blocks, text_of

PAGE = ROOT / "docs" / "how-to" / "start-file.md"


def written(folder: Path, suffix: str, old: str = "", new: str = "") -> Path:
    (text,) = blocks(PAGE, suffix)
    assert old in text
    path = folder / f"accounts.{suffix}"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.rule("I217")
@pytest.mark.parametrize("suffix", ["toml", "yaml"])
def test_the_page_s_files_can_be_applied_twice(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "alice").write_text("0123456789abcdef")
    (tmp_path / "secrets" / "alice").chmod(0o600)
    loaded = start_file.load(written(tmp_path, suffix), {"ALICE_SECRET": "0123456789abcdef"})
    start = checking.checked(loaded.value)
    with InProcess() as server:
        first, second = (server.store.run_now(Kind.WRITE, lambda unit: applying.apply(unit, start)) for _ in range(2))
    assert "made user alice in 444455556666" in first.changes
    assert second == Applied((), ())


def test_the_page_s_refusal_is_what_is_said(tmp_path: Path) -> None:
    resource = 'Action = "ec2:*VpcPeeringConnection*"\nResource = "*"\n'
    loaded = start_file.load(written(tmp_path, "toml", resource, 'Action = "ec2:*VpcPeeringConnection*"\n'))
    with pytest.raises(StartFileError) as caught:
        checking.checked(loaded.value)
    refusal = loaded.refusal((each.place, each.message) for each in caught.value.problems)
    assert isinstance(refusal, StartFileRefusedError)
    (shown,) = blocks(PAGE, "text")
    assert f"{refusal}\n".replace(f"{tmp_path}/", "") == shown


def test_the_page_names_every_field() -> None:
    text = text_of(PAGE)
    fields = {name for entry in ENTRIES.values() for name in entry.__struct_fields__} - {"secret"}
    assert [name for name in sorted(fields) if name not in text] == []
