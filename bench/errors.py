"""What keeps a scenario, or a server in it, from being measured."""


class NotReadyError(Exception):
    """A server does not start, or a hook that a scenario needs is not there."""
