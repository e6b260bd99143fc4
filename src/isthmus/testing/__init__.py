"""Isthmus inside a test: a whole server without a network, with a clock that the test moves."""

from isthmus.testing.in_process import InProcess

__all__ = ["InProcess"]
