"""What each server answers wrongly: asked before anything is measured, so that no figure is read without it."""

from bench import probes
from bench.arena import Arena
from bench.figures import Claim, Outcome, Sense, Target
from bench.servers import OURS

NAME = "answers"
ABOUT = "what each server should refuse, and does not"
TARGET = Target("wrong answers of ours", Sense.AT_MOST, 0)


def run(arena: Arena) -> Outcome:
    """Ask every server the probes."""
    with arena.running(arena.contenders()) as servers:
        wrong = {name: probes.probe(server) for name, server in servers.items()}
    ours = wrong.get(OURS)
    claim = Claim(TARGET, None, f"{OURS} did not run") if ours is None else Claim(TARGET, len(ours))
    return Outcome(NAME, claims=[claim], notes=[words for some in wrong.values() for words in some])
