"""How the tests find PostgreSQL: on the PATH, or where Debian keeps it; and what becomes of them where there is none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A machine without PostgreSQL."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path / "debian")
    postgres.programs.cache_clear()
    yield tmp_path
    postgres.programs.cache_clear()


def install(folder: Path, programs: tuple[str, ...] = postgres.PROGRAMS) -> Path:
    folder.mkdir(parents=True)
    for name in programs:
        (folder / name).touch(mode=0o755)
    return folder


def test_the_newest_of_debian_s_versions_is_taken(machine: Path) -> None:
    for version in ("9", "15", "14"):
        install(machine / "debian" / version / "bin")
    assert postgres.programs() == machine / "debian" / "15" / "bin"


def test_a_version_without_its_server_is_passed_over(machine: Path) -> None:
    install(machine / "debian" / "16" / "bin", ("psql", "pg_basebackup"))
    install(machine / "debian" / "15" / "bin")
    assert postgres.programs() == machine / "debian" / "15" / "bin"


def test_what_is_on_the_path_comes_first_and_links_are_followed(machine: Path) -> None:
    install(machine / "debian" / "15" / "bin")
    own = install(machine / "own")
    (machine / "bin").mkdir()
    (machine / "bin" / "initdb").symlink_to(own / "initdb")
    assert postgres.programs() == own


def test_without_postgresql_a_test_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISTHMUS_REQUIRE_CLIENTS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="There is no PostgreSQL"):
        postgres.required()


def test_where_it_is_required_a_machine_without_postgresql_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_REQUIRE_CLIENTS", "1")
    with pytest.raises(pytest.fail.Exception, match="There is no PostgreSQL"):
        postgres.required()
