"""The numbers of /metrics, in the text form of Prometheus, from one look at the raw records."""

import platform
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from plumbus import __version__
from plumbus.backup.standing import standings
from plumbus.model import Backup, Client, Job, Status
from plumbus.scheduling.queue import Ticket
from plumbus.services.job_metrics import job_metrics
from plumbus.store.documents import Documents
from plumbus.store.write_times import WriteTimes

KINDS = ('backup', 'restore', 'verify')


@dataclass(kw_only=True, slots=True)
class Metrics:
    """`queued` and `running` return tickets, `disk_space` free and total bytes, `lag_s` how late the scheduler is (seconds)."""

    jobs: Documents[Job]
    clients: Documents[Client]
    backups: Documents[Backup]
    queued: Callable[[], list[Ticket]]
    running: Callable[[], list[Ticket]]
    disk_space: Callable[[], tuple[int, int]]
    lag_s: Callable[[], float]
    scheduler_alive: Callable[[], bool]
    waiting_messages: Callable[[], int]
    write_times: WriteTimes
    snapshot_bytes: Callable[[], int]
    overdue: Callable[[], set[int]]
    content_type: str = CONTENT_TYPE_PLAIN_0_0_4

    def text(self) -> bytes:
        """Return everything that Prometheus may ask for."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(_Scrape(self))
        names = {raw['id']: str(raw['name']) for raw in self.clients.raw()}
        of_jobs = job_metrics(self.jobs.raw(), names, standings(self.backups), self.overdue())
        return generate_latest(registry) + ''.join(of_jobs).encode('utf-8', 'replace')


@dataclass(eq=False, slots=True)
class _Scrape:
    """One answer."""

    metrics: Metrics

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, as prometheus_client asks for them."""
        info = {'version': __version__, 'python': platform.python_version()}
        yield InfoMetricFamily('plumbus_build', 'What runs here.', value=info)
        yield GaugeMetricFamily('plumbus_clients', 'Clients.', value=self.metrics.clients.count())
        yield GaugeMetricFamily('plumbus_jobs', 'Jobs.', value=self.metrics.jobs.count())
        yield from self._of_records()
        yield from self._of_queue()
        yield from self._of_machine()

    def _of_records(self) -> Iterator[Metric]:
        counted = GaugeMetricFamily('plumbus_backups', 'Records of backups.', labels=['status'])
        for status in Status:
            counted.add_metric([status], self.metrics.backups.count(match={'status': status.value}))
        yield counted

    def _of_queue(self) -> Iterator[Metric]:
        for name, words, tickets in (
            ('plumbus_queue_running', 'Runs under way.', self.metrics.running()),
            ('plumbus_queue_queued', 'Runs that wait for a place.', self.metrics.queued()),
        ):
            family = GaugeMetricFamily(name, words, labels=['kind'])
            kinds = Counter[str](ticket.kind for ticket in tickets)
            for kind in KINDS:
                family.add_metric([kind], kinds[kind])
            yield family
        waiting = self.metrics.waiting_messages()
        yield GaugeMetricFamily(
            'plumbus_notifications_waiting', 'Messages that are not delivered yet.', value=waiting
        )

    def _of_machine(self) -> Iterator[Metric]:
        free, total = self.metrics.disk_space()
        yield GaugeMetricFamily('plumbus_disk_free_bytes', 'Free on the disk of the snapshots.', value=free)
        yield GaugeMetricFamily('plumbus_disk_total_bytes', 'Size of the disk of the snapshots.', value=total)
        yield GaugeMetricFamily(
            'plumbus_snapshots_bytes',
            'What the snapshots take on the disk.',
            value=self.metrics.snapshot_bytes(),
        )
        yield GaugeMetricFamily(
            'plumbus_scheduler_alive', 'Whether the scheduler ticks.', value=self.metrics.scheduler_alive()
        )
        yield GaugeMetricFamily(
            'plumbus_scheduler_lag_seconds', 'How late the scheduler is.', value=self.metrics.lag_s()
        )
        count, total_s, buckets = self.metrics.write_times.told()
        told = [*((str(bound), float(number)) for bound, number in buckets.items()), ('+Inf', float(count))]
        yield HistogramMetricFamily(
            'plumbus_store_write_seconds',
            'How long writes of the database take.',
            buckets=told,
            sum_value=total_s,
        )
