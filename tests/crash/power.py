"""What a disk may hold after the power failed, rebuilt from the trace of a server's writes and syncs.

A write is safe once a sync of its file that began after it has returned. Any other write may have reached the disk, or not,
or in part: disks keep whole sectors, and promise no order among writes that were not synced.
"""

import random
import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
HEADER = struct.Struct("=qqqqii")
WRITE, SYNC, TRUNCATE = 1, 2, 3
DATABASE, WAL = 2, 3
SECTOR = 512


def compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc")


def shim(folder: Path) -> Path:
    """Compile the shim."""
    library = folder / "shim.so"
    subprocess.run([compiler() or "cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True)
    return library


@dataclass(frozen=True)
class Record:
    """One operation on one of the two files; instants in nanoseconds of the monotonic clock."""

    begun: int
    done: int
    offset: int
    kind: int
    file: int
    content: bytes


def trace(file: Path) -> list[Record]:
    """Read a trace; the server was killed, so its last record may be cut short."""
    content, at, found = memoryview(file.read_bytes()), 0, []
    while at + HEADER.size <= len(content):
        begun, done, offset, length, kind, which = HEADER.unpack_from(content, at)
        at += HEADER.size
        if at + length > len(content):
            break
        found.append(Record(begun, done, offset, kind, which, bytes(content[at : at + length])))
        at += length
    return found


Fate = str
DROPPED, KEPT, TORN, MIXED = "dropped", "kept", "torn", "mixed"
FATES: Sequence[Fate] = (DROPPED, KEPT, TORN, MIXED)


def disk(base: bytes, records: Sequence[Record], moment: int, fate: Fate, draw: random.Random) -> dict[int, bytes]:
    """Return what the disk holds in both files when the power fails at a moment; `fate` is that of unsafe writes."""
    safe = {file: _safe_until(records, file, moment) for file in (DATABASE, WAL)}
    images = {DATABASE: bytearray(base), WAL: bytearray()}
    for record in records:
        if record.begun >= moment:
            break
        if record.done <= safe[record.file]:
            _apply(images[record.file], record, record.content)
        else:
            _perhaps(images[record.file], record, fate, draw)
    return {file: bytes(image) for file, image in images.items()}


def _safe_until(records: Sequence[Record], file: int, moment: int) -> int:
    """Return the beginning of the last sync of a file that had returned by a moment."""
    return max((it.begun for it in records if it.kind == SYNC and it.file == file and it.done <= moment), default=-1)


def _perhaps(image: bytearray, record: Record, fate: Fate, draw: random.Random) -> None:
    own = draw.choice((DROPPED, KEPT, TORN)) if fate == MIXED else fate
    if own == KEPT:
        _apply(image, record, record.content)
    elif own == TORN and record.kind == WRITE:
        _tear(image, record, draw)


def _apply(image: bytearray, record: Record, content: bytes) -> None:
    if record.kind == TRUNCATE:
        del image[record.offset :]
    elif record.kind == WRITE:
        _write(image, record.offset, content)


def _write(image: bytearray, offset: int, content: bytes) -> None:
    if len(image) < offset:
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(content)] = content


def _tear(image: bytearray, record: Record, draw: random.Random) -> None:
    """Keep some of the sectors that a write touches."""
    at, end = record.offset, record.offset + len(record.content)
    while at < end:
        until = min(end, (at // SECTOR + 1) * SECTOR)
        if draw.random() < 0.5:
            _write(image, at, record.content[at - record.offset : until - record.offset])
        at = until
