"""The documentation says what is so: links lead somewhere, named files and commands exist, decisions are whole."""

import re
import shlex
from pathlib import Path

import click
import pytest

from isthmus.actions import registry
from isthmus.cli.root import root
from tests.docs.pages import LINK, PAGES, PATH, ROOT, anchors, blocks, commands, named, prose, text_of

EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=named)
DECISIONS = sorted((ROOT / "docs" / "adr").glob("0*.md"))
TARGETS = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
INLINE_MAKE = re.compile(r"`make ([a-z-]+)")
INLINE_ISTHMUS = re.compile(r"`(isthmus [^`]+)`")
CI_PARTS = ("lint", "shapes-check", "demo", "dist", "test-all", "docs-check")


@EVERY_PAGE
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    dead = []
    for found in LINK.finditer(prose(page)):
        target, _, anchor = found["target"].partition("#")
        if "://" in target:
            continue
        place = (page.parent / target).resolve() if target else page
        if not place.exists() or (anchor and place.suffix == ".md" and anchor not in anchors(place)):
            dead.append(found["target"])
    assert dead == []


@EVERY_PAGE
def test_files_that_are_named_are_there(page: Path) -> None:
    named_paths = {found["path"] for found in PATH.finditer(prose(page))}
    examples = {"changes/+modify-vpc-tenancy.added.md"}
    assert sorted(path for path in named_paths - examples if not (ROOT / path).exists()) == []


@EVERY_PAGE
def test_make_targets_that_are_named_are_in_the_makefile(page: Path) -> None:
    shown = [command.split()[1] for command in commands(page) if command.startswith("make ")]
    assert sorted({*shown, *INLINE_MAKE.findall(text_of(page))} - TARGETS) == []


def refusal(words: list[str]) -> str:
    """Why the command line would not take these words; empty where it would. Nothing is run."""
    command: click.Command = root
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return f"no command {words[0]}"
        command, words = found, words[1:]
    if isinstance(command, click.Group):
        return "" if not words else "a group takes no options"
    try:
        command.make_context(command.name or "", list(words))
    except click.ClickException as error:
        return error.format_message()
    return ""


def isthmus_commands(page: Path) -> list[str]:
    shown = [command.rpartition("/bin/")[2] for command in commands(page)]
    return [each for each in shown if each.startswith("isthmus ")]


@EVERY_PAGE
def test_commands_that_are_shown_are_taken_by_the_command_line(page: Path) -> None:
    refused = {each: refusal(shlex.split(each)[1:]) for each in isthmus_commands(page)}
    assert {each: why for each, why in refused.items() if why} == {}


@EVERY_PAGE
def test_commands_that_are_named_in_passing_exist(page: Path) -> None:
    for each in INLINE_ISTHMUS.findall(prose(page)):
        why = refusal(shlex.split(each)[1:])
        assert why == "" or why.startswith("Missing argument"), f"{each}: {why}"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["serve", "--port", "0"], ""),
        (["serve", "--no-such-option"], "No such option"),
        (["clock", "stop"], "no command stop"),
        (["accounts", "create"], "Missing argument 'NAME'."),
    ],
)
def test_the_check_itself_refuses_what_is_wrong(words: list[str], why: str) -> None:
    assert refusal(words).startswith(why)
    assert bool(refusal(words)) is bool(why)


def test_the_readme_shows_what_ci_runs() -> None:
    ci = text_of(ROOT / ".ci" / "run")
    shown = list(commands(ROOT / "README.md"))
    for part in CI_PARTS:
        assert f"part {part}" in ci
        assert f"make {part}" in shown


def test_the_readme_names_every_command() -> None:
    assert isinstance(root, click.Group)
    readme = text_of(ROOT / "README.md")
    assert [name for name in root.list_commands(click.Context(root)) if f"isthmus {name}" not in readme] == []


@pytest.mark.rule("S604")
def test_terraform_users_are_told_what_to_skip_and_what_is_offered() -> None:
    (provider,) = blocks(ROOT / "docs" / "how-to" / "terraform.md", "hcl")
    assert re.search(r"^ *skip_metadata_api_check += true$", provider, re.MULTILINE)
    assert re.search(r'^ *sts = "http://127\.0\.0\.1:4510"$', provider, re.MULTILINE)
    assert "skip_requesting_account_id" not in provider
    assert "GetCallerIdentity" in registry.collect("sts")


def test_decisions_are_numbered_without_gaps() -> None:
    assert [path.name[:4] for path in DECISIONS] == [f"{number:04d}" for number in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("page", DECISIONS, ids=named)
def test_a_decision_has_all_its_parts_and_is_listed(page: Path) -> None:
    text = text_of(page)
    parts = [text.find(f"\n## {part}\n") for part in ("Context", "Choice", "Consequences", "When to revisit")]
    assert -1 not in parts
    assert parts == sorted(parts)
    assert text.startswith(f"# {int(page.name[:4])}. ")
    title = text.partition("\n")[0].partition(". ")[2]
    assert f"- [{page.name[:4]}]({page.name}) {title}" in text_of(page.parent / "README.md")
