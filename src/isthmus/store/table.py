"""From a frozen Struct to SQL: the dull statements of a resource are generated here, once, at import.

A row class has `seq` and `version` as its last fields. `seq` is given by the database and orders every list; `version`
counts the writes of a row, so that a writer notices when somebody else was there first.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from typing import Any, Generic, TypeVar, get_args

from msgspec import Struct, json
from msgspec.structs import fields, replace

from isthmus.domain.cidr import Prefix

Row = TypeVar("Row", bound=Struct)
Value = str | int | bytes | None
Convert = Callable[[Any], Any]


class Codec(Struct, frozen=True):
    """How a field's value becomes a column's value and back; None stands for "as it is"."""

    to_column: Convert | None = None
    from_column: Convert | None = None


@lru_cache(maxsize=4_096)
def prefix(text: str) -> Prefix:
    """Return the block that a column holds; the same few are read again and again."""
    return Prefix.parse(text)


@lru_cache(maxsize=4_096)
def _prefixes(text: str) -> tuple[Prefix, ...]:
    return tuple(prefix(part) for part in text.split())


@lru_cache(maxsize=4_096)
def _join(prefixes: tuple[Prefix, ...]) -> str:
    return " ".join(map(str, prefixes))


def _as_json(words: Mapping[str, str] | Sequence[str]) -> str:
    return json.encode(words).decode()


def _optional(codec: Codec) -> Codec:
    to_column, from_column = codec.to_column, codec.from_column
    return Codec(
        to_column and (lambda value: None if value is None else to_column(value)),
        from_column and (lambda value: None if value is None else from_column(value)),
    )


def _enum(cls: type[Enum]) -> Codec:
    """Return the codec of an enumeration: a look-up in a table is several times faster than calling the class."""
    if issubclass(cls, int):
        members = {value: cls(value) for value in range(2 * max(cls, default=0))}  # every combination of flags
        return Codec(int, members.__getitem__)
    return Codec(lambda value: value.value, {member.value: member for member in cls}.__getitem__)


CODECS: Mapping[Any, Codec] = {
    str: Codec(),
    int: Codec(),
    bool: Codec(int, bool),
    Prefix: Codec(str, prefix),
    tuple[Prefix, ...]: Codec(_join, _prefixes),
    tuple[str, ...]: Codec(_as_json, json.Decoder(tuple[str, ...]).decode),
    dict[str, str]: Codec(_as_json, json.Decoder(dict[str, str]).decode),
}
"""By type. Booleans are integers, blocks are text, and several words are JSON, on every engine."""


def _codec(annotation: Any) -> Codec:  # noqa: ANN401 - whatever a field is annotated with
    given = get_args(annotation)
    if type(None) in given:
        (base,) = (each for each in given if each is not type(None))
        return _optional(_codec(base))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _enum(annotation)
    return CODECS[annotation]


@lru_cache(maxsize=64)
def numbered(sql: str) -> str:
    """Return an INSERT for a row that brings its seq along."""
    return sql.replace("(", "(seq, ", 1).replace("VALUES (", "VALUES (?, ", 1)


class _Column(Struct, frozen=True):
    name: str
    path: str
    codec: Codec


class _Nested(Struct, frozen=True):
    """A field that is a value of several columns: where they begin, and what is made of them."""

    start: int
    end: int
    cls: type[Any]


class Table(Generic[Row]):
    """A row class, its table and the statements that every resource needs.

    A field that is itself a Struct is laid out flat: `requester: End` becomes `requester_account` and so on.
    """

    def __init__(self, row: type[Row], name: str, kind: str, columns: Sequence[_Column], nested: Sequence[_Nested]) -> None:
        """Build the statements; `Table.of` is the way to call this."""
        self.row, self.name, self.kind = row, name, kind
        self.columns = tuple(column.name for column in columns)
        self._nested = tuple(nested)
        self._values: Callable[[Row], tuple[Any, ...]] = attrgetter(*(column.path for column in columns[:-2]))
        self._to = tuple((i, column.codec.to_column) for i, column in enumerate(columns) if column.codec.to_column)
        self._from = tuple((i, column.codec.from_column) for i, column in enumerate(columns) if column.codec.from_column)
        self.picked = ", ".join(f"{name}.{column}" for column in self.columns)
        stored = self.columns[:-2]
        self.insert = f"INSERT INTO {name} ({', '.join(stored)}, version) VALUES ({', '.join('?' * len(stored))}, 1)"
        self.update = (
            f"UPDATE {name} SET {', '.join(f'{column} = ?' for column in stored)}, version = version + 1 "
            "WHERE seq = ? AND version = ?"
        )
        self.remove = f"DELETE FROM {name} WHERE seq = ? AND version = ?"

    @staticmethod
    def of(row: type[Row], name: str, kind: str = "") -> "Table[Row]":
        """Describe the table `name` of a row class; `kind` is the resource type as tags name it."""
        columns: list[_Column] = []
        nested: list[_Nested] = []
        for field in fields(row):
            if isinstance(field.type, type) and issubclass(field.type, Struct) and field.type is not Prefix:
                start = len(columns)
                columns += [
                    _Column(f"{field.name}_{part.name}", f"{field.name}.{part.name}", _codec(part.type))
                    for part in fields(field.type)
                ]
                nested.append(_Nested(start, len(columns), field.type))
            else:
                columns.append(_Column(field.name, field.name, _codec(field.type)))
        return Table(row, name, kind, columns, nested)

    def decode(self, values: Sequence[Any]) -> Row:
        """Make a row of the values of `picked`."""
        flat = list(values)
        for i, convert in self._from:
            flat[i] = convert(flat[i])
        for part in reversed(self._nested):
            flat[part.start : part.end] = [part.cls(*flat[part.start : part.end])]
        return self.row(*flat)

    def stored(self, row: Row, seq: int, version: int) -> Row:
        """Return the row as it is now kept."""
        return replace(row, seq=seq, version=version)

    def encode(self, row: Row) -> list[Value]:
        """Return the column values of a row, without `seq` and `version`."""
        flat: list[Any] = list(self._values(row))
        for i, convert in self._to:
            flat[i] = convert(flat[i])
        return flat
