"""What every test has: the record of rules, and how hard hypothesis tries."""

from hypothesis import HealthCheck, Phase, settings

pytest_plugins = [
    "tests.rules_plugin",
    "tests.postgres",
    "tests.pgbouncer",
    "tests.figures",
    "tests.engines",
    "tests.workers",
    "tests.forgetting",
    "pytester",
]

# Deadlines fail on a busy machine and say nothing about a rule. A test that wants more examples says so itself.
settings.register_profile("quick", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
# Mutation testing asks each mutant the same questions, so that a mutant once killed stays killed, and fewer of them, since
# each of thousands of mutants has to answer; that one fails is enough to know.
settings.register_profile(
    "mutation",
    settings.get_profile("quick"),
    derandomize=True,
    database=None,
    max_examples=30,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("quick")
