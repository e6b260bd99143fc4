"""YAML with lines, by PyYAML, whose nodes know where they stood.

Only its syntax is used. What plain scalars mean is decided here: `true`, `false` and nothing; everything else is text, so
that `no` is a country, `012345678901` an account and 2012-10-17 a version.
"""

from typing import Any, Final

from isthmus.wire.written.text import Lines, Place, UnreadableError

TRUTHS: Final = {"true": True, "false": False, "null": None, "~": None, "": None}
MOST: Final = 100_000
"""Values in one file: aliases of aliases can make a short text endless."""


def read(text: str) -> tuple[Any, Lines]:
    """Return the value and its lines. Raises `UnreadableError`, also where PyYAML is not installed."""
    try:
        import yaml
    except ImportError:
        raise UnreadableError(
            1, "YAML needs a library that is not installed. Say: pip install 'isthmus[yaml]', or write TOML or JSON"
        ) from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableError(mark.line + 1 if mark else 1, f"this is no YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise UnreadableError(1, f"this is no YAML: {' '.join(str(error).split())}") from None
    walk = _Walk()
    return (None if node is None else walk.value(node, (), _line(node))), walk.lines


def _line(node: Any) -> int:  # noqa: ANN401 - a node of PyYAML, which has no types
    return int(node.start_mark.line) + 1


class _Walk:
    """Goes over the nodes of a text."""

    def __init__(self) -> None:
        self.lines = Lines()

    def value(self, node: Any, place: Place, line: int) -> Any:  # noqa: ANN401 - as above; and what was written
        self.lines[place] = line
        if len(self.lines) > MOST:
            raise UnreadableError(line, f"this has more than {MOST} values")
        if node.tag.startswith("!"):
            raise UnreadableError(_line(node), f"the tag {node.tag} means nothing here")
        match node.id:
            case "mapping":
                return self._table(node, place)
            case "sequence":
                return [self.value(each, (*place, number), _line(each)) for number, each in enumerate(node.value)]
            case _:
                return _scalar(node)

    def _table(self, node: Any, place: Place) -> dict[str, Any]:  # noqa: ANN401 - as above
        members: dict[str, Any] = {}
        for name, member in node.value:
            if name.id != "scalar":
                raise UnreadableError(_line(name), "a name must be a text")
            if name.value in members:
                raise UnreadableError(_line(name), f"{name.value!r} stands here a second time")
            members[name.value] = self.value(member, (*place, name.value), _line(name))
        return members


def _scalar(node: Any) -> Any:  # noqa: ANN401 - as above
    return node.value if node.style else TRUTHS.get(node.value.lower(), node.value)
