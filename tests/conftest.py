"""What every test has: the record of rules, and how hard hypothesis tries in each tier."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.rules_plugin", "pytester"]

# Deadlines fail on a busy machine and say nothing about a rule; the tiers bound the time instead.
settings.register_profile("quick", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("quick"), max_examples=1000)
# Mutation testing asks each mutant the same questions, so that a mutant once killed stays killed.
settings.register_profile("mutation", parent=settings.get_profile("quick"), derandomize=True, database=None)
settings.load_profile(os.environ.get("ISTHMUS_HYPOTHESIS_PROFILE", "quick"))
