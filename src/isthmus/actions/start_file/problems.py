"""What is wrong with a start file, each with its place in it; whoever has the file knows the line."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from isthmus.domain.errors import ApiError
from isthmus.wire.written.text import Place


class Problem(Struct, frozen=True):
    """Something that cannot be, and where it was said."""

    place: Place
    message: str


class StartFileError(Exception):
    """A start file that cannot be applied; nothing of it was."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Say all that is wrong."""
        super().__init__("; ".join(each.message for each in problems))
        self.problems = tuple(problems)


@contextmanager
def said_at(place: Place) -> Iterator[None]:
    """Give what IAM refuses its place in the file."""
    try:
        yield
    except ApiError as error:
        raise StartFileError([Problem(place, error.message)]) from None
