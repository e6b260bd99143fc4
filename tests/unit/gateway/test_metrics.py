"""What a server has done, as Prometheus reads it."""

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from isthmus.gateway import metrics
from isthmus.gateway.tally import Counted

LABELS = ("service", "outcome", "status")


def samples(page: bytes) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(sample.labels[name] for name in LABELS if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def test_requests_are_counted_by_service_outcome_and_status() -> None:
    answered = Counter({("ec2", "DescribeVpcs", 200): 3, ("sts", "InvalidAction", 400): 1})
    page = samples(metrics.render(Counted(answered, 5, 2, 1)))
    assert page["isthmus_requests_total", "ec2", "DescribeVpcs", "200"] == 3
    assert page["isthmus_requests_total", "sts", "InvalidAction", "400"] == 1
    assert page["isthmus_commits_total",] == 2
    assert page["isthmus_units_total",] == 5
    assert page["isthmus_retried_units_total",] == 1


def test_a_server_that_was_never_asked_has_a_page_too() -> None:
    assert samples(metrics.render(Counted(Counter(), 0, 0, 0)))["isthmus_commits_total",] == 0
