"""What a server has done, for Prometheus."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from isthmus.gateway.tally import Counted

CONTENT_TYPE = CONTENT_TYPE_LATEST


def render(done: Counted) -> bytes:
    """Return the metrics page: requests by service, outcome and status, and how writes were grouped into commits."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(done))
    return generate_latest(registry)


class _Collector:
    """Turns the counters that the server keeps anyway into metrics when somebody asks."""

    def __init__(self, done: Counted) -> None:
        self._done = done

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "isthmus_requests", "Requests answered, by action or error code", labels=("service", "outcome", "status")
        )
        for (service, outcome, status), count in sorted(self._done.answered.items()):
            requests.add_metric((service, outcome, str(status)), count)
        yield requests
        yield CounterMetricFamily("isthmus_commits", "Commits of the store", value=self._done.batches)
        yield CounterMetricFamily("isthmus_units", "Units of work that went through the writer", value=self._done.units)
        yield CounterMetricFamily(
            "isthmus_retried_units", "Units of work that had to be run again", value=self._done.retried
        )
