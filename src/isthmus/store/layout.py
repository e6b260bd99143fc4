"""How an export is laid out as text: one JSON document that can be written and read a line at a time.

    {"isthmus":{"format":1,"schema":1,"version":"0.1.0"},
    "account":{"columns":["id","name",...],"rows":[
    ["111122223333","alice",...],
    ["444455556666","bob",...]
    ]},
    ...
    "end":{"rows":{"account":2,...},"sha256":"..."}}

The last line counts the rows and holds the SHA-256 of every byte before it, so that a file that was cut or changed is
noticed. docs/reference/export.md describes it for those who read such a file with other programs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, BinaryIO, Final

import msgspec

from isthmus.store.api import TransferError

FORMAT: Final = 1
"""Raised when an older Isthmus could no longer read what is written."""
LONGEST_LINE: Final = 64 * 1024 * 1024
"""Bytes of one row. The longest are lines of the journal; what has no line breaks at all must not fill the memory."""

Value = str | int | None
Write = Callable[[bytes], object]
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError)
"""What a decoder raises at bytes that are not what they should be."""


class Header(msgspec.Struct, frozen=True):
    """Who wrote an export: the format, the version of its schema, and the Isthmus."""

    format: int
    schema: int
    version: str = ""


class _Head(msgspec.Struct, frozen=True):
    isthmus: Header


class _Opening(msgspec.Struct, frozen=True):
    columns: list[str]
    rows: list[str]


class _End(msgspec.Struct, frozen=True):
    rows: dict[str, int]
    sha256: str


_encode = msgspec.json.Encoder().encode
_decode_row = msgspec.json.Decoder(list[Value]).decode
_decode_opening = msgspec.json.Decoder(dict[str, _Opening]).decode


class Writer:
    """Writes the lines of an export."""

    def __init__(self, write: Write, header: Header) -> None:
        """Write the first line."""
        self._write, self._digest = write, sha256()
        self.counts: dict[str, int] = {}
        self._put(_encode(_Head(header))[:-1] + b",\n")

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        self._write(data)

    def part(self, name: str, columns: Sequence[str], pages: Iterable[Sequence[Sequence[Any]]]) -> None:
        """Write a table, page by page."""
        self._put(b'%s:{"columns":%s,"rows":[\n' % (_encode(name), _encode(columns)))
        self.counts[name] = 0
        for page in pages:
            between = b",\n" if self.counts[name] else b""
            self._put(between + b",\n".join(map(_encode, page)))
            self.counts[name] += len(page)
        self._put(b"\n]},\n" if self.counts[name] else b"]},\n")

    def end(self) -> None:
        """Write the last line."""
        self._write(b'"end":' + _encode(_End(self.counts, self._digest.hexdigest())) + b"}\n")


class Reader:
    """Reads the lines of an export and believes none of them."""

    def __init__(self, file: BinaryIO) -> None:
        """Read the first line. Raises `TransferError` where this is no export."""
        self._file, self._digest = file, sha256()
        self._number = 0
        self.counts: dict[str, int] = {}
        line = self._line()
        try:
            self.header = msgspec.json.decode(line.removesuffix(b",\n") + b"}", type=_Head).isthmus
        except UNREADABLE:
            raise TransferError("This is no export of Isthmus. `isthmus export FILE` writes one.") from None

    def _raw(self) -> bytes:
        line = self._file.readline(LONGEST_LINE)
        self._number += 1
        if not line.endswith(b"\n"):
            raise TransferError(
                f"The export ends too early, in line {self._number}: it was cut, or is still being written. Export again."
            )
        return line

    def _line(self) -> bytes:
        line = self._raw()
        self._digest.update(line)
        return line

    def parts(self) -> Iterator[tuple[str, list[str], Iterator[list[Value]]]]:
        """Yield every table as its name, its columns and its rows, which must be read before the next table is.

        Raises `TransferError` at the end where the file is not what was written: so nothing may be kept before that.
        """
        while not (line := self._raw()).startswith(b'"end":'):
            self._digest.update(line)
            name, columns = self._opening(line)
            yield name, columns, self._rows(name)
        self._check_end(line)

    def _opening(self, line: bytes) -> tuple[str, list[str]]:
        try:
            [(name, opening)] = _decode_opening(b"{" + line + b"]}}").items()
        except (*UNREADABLE, ValueError):
            raise self.spoilt("a table should begin here") from None
        if name in self.counts:
            raise self.spoilt(f"the table {name} comes twice")
        return name, opening.columns

    def _rows(self, name: str) -> Iterator[list[Value]]:
        self.counts[name] = 0
        while (line := self._line()) != b"]},\n":
            try:
                row = _decode_row(line[:-2] if line.endswith(b",\n") else line)
            except UNREADABLE:
                raise self.spoilt(f"no row of the table {name}") from None
            self.counts[name] += 1
            yield row

    def _check_end(self, line: bytes) -> None:
        try:
            end = msgspec.json.decode(line.removeprefix(b'"end":').removesuffix(b"}\n"), type=_End)
        except UNREADABLE:
            raise self.spoilt("the end cannot be read") from None
        if end.rows != self.counts or end.sha256 != self._digest.hexdigest() or self._file.read(1):
            raise TransferError(
                "The export was changed after it was written: its counts or its checksum do not fit. Export again."
            )

    def spoilt(self, what: str) -> TransferError:
        """Say what is wrong with the line that was read last."""
        return TransferError(f"Line {self._number} of the export is not as Isthmus writes it: {what}. Export again.")
