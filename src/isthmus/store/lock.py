"""One writer per file: a lock beside the data, held for as long as a process has the store open."""

import fcntl
import json
import os
from pathlib import Path

from isthmus.store.api import SchemaError, StoreInUseError


class FileLock:
    """An advisory lock on `<data>.lock`, whose content names the holder. The system drops it with the process."""

    def __init__(self, data: Path, holder: str) -> None:
        """Take the lock.

        Raises `StoreInUseError` with a sentence that names who has it, `SchemaError` where none can be made.
        """
        real = data.resolve()  # a link to the file leads to the same lock, as it leads to the same data
        path = real.with_name(real.name + ".lock")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._take(data, holder)
        except OSError as error:
            raise SchemaError(
                f"{path} cannot be written: {error.strerror}. Make room and the folder writable, or name another file with "
                "--data."
            ) from None

    def _take(self, data: Path, holder: str) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, json.dumps({"pid": os.getpid(), "holder": holder}).encode(), 0)
        except BlockingIOError:
            first = os.pread(self._file, 1_000, 0).decode("utf-8", "replace")
            os.close(self._file)
            raise StoreInUseError(_sentence(data, first)) from None
        except OSError:
            os.close(self._file)
            raise

    def release(self) -> None:
        """Let others in. The file stays: removing it would let two processes lock two files of one name."""
        os.ftruncate(self._file, 0)
        os.close(self._file)


def _sentence(data: Path, first: str) -> str:
    try:
        who = json.loads(first)
        name = f"{who['holder']} (process {who['pid']})"
    except (ValueError, KeyError, TypeError):
        name = "another process"
    return f"{data} is in use by {name}. Stop that first, or choose another file with --data."
