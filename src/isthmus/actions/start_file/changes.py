"""What applying a start file has done, for whoever did it."""

from isthmus.domain.accounts import AccessKey


class Changes:
    """Sentences about what was made, changed or deleted, each thing once; and keys that were made, by user."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.keys: list[tuple[str, AccessKey]] = []
        self._noted: dict[tuple[str, str, str], str] = {}

    def note(self, kind: str, name: str, account: str, *, was_there: bool) -> None:
        """Note that something was made, or changed if it was there; what was just made stays made."""
        self._noted.setdefault((kind, name, account), "changed" if was_there else "made")

    def note_deleted(self, kind: str, name: str, account: str) -> None:
        """Note that something is gone."""
        self._noted[kind, name, account] = "deleted"

    @property
    def sentences(self) -> list[str]:
        """What was noted, in order."""
        return [
            f"{word} {kind} {name}" + (f" in {account}" if account else "")
            for (kind, name, account), word in self._noted.items()
        ]
