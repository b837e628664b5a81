"""The numbers of /metrics, in the text form of Prometheus, from one look at the raw records."""

import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from plumbus import __version__
from plumbus.backup.standing import Raw, Standing, moment, standings
from plumbus.model import Backup, Client, Job, Status
from plumbus.scheduling.queue import Ticket
from plumbus.store.documents import Documents
from plumbus.store.write_times import WriteTimes

JOB = ['job_id', 'job', 'client']
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
        return generate_latest(registry)


@dataclass(eq=False, slots=True)
class _Scrape:
    """One answer."""

    metrics: Metrics

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, as prometheus_client asks for them."""
        known = standings(self.metrics.backups)
        jobs = list(self.metrics.jobs.raw())
        names = {raw['id']: str(raw['name']) for raw in self.metrics.clients.raw()}
        info = {'version': __version__, 'python': platform.python_version()}
        yield InfoMetricFamily('plumbus_build', 'What runs here.', value=info)
        yield GaugeMetricFamily('plumbus_clients', 'Clients.', value=len(names))
        yield GaugeMetricFamily('plumbus_jobs', 'Jobs.', value=len(jobs))
        yield from self._of_jobs(jobs, names, known)
        yield from self._of_records()
        yield from self._of_queue()
        yield from self._of_machine()

    def _of_jobs(
        self, jobs: Sequence[Raw], names: Mapping[int, str], known: Mapping[int, Standing]
    ) -> Iterator[Metric]:
        overdue = self.metrics.overdue()
        labels = {job['id']: [str(job['id']), job['name'], names.get(job['client_id'], '')] for job in jobs}
        enabled = GaugeMetricFamily('plumbus_job_enabled', 'Whether the job is on.', labels=JOB)
        late = GaugeMetricFamily(
            'plumbus_job_overdue', 'Whether the job should have run and has not.', labels=JOB
        )
        damaged = GaugeMetricFamily(
            'plumbus_job_damaged_snapshots', 'Snapshots that verifying found damaged.', labels=JOB
        )
        status = GaugeMetricFamily(
            'plumbus_job_status', 'How the last backup ended; always 1.', labels=[*JOB, 'status']
        )
        for job in jobs:
            job_id, label = job['id'], labels[job['id']]
            standing = known.get(job_id)
            enabled.add_metric(label, float(bool(job['enabled'])))
            late.add_metric(label, float(job_id in overdue))
            damaged.add_metric(label, len(standing.damaged) if standing else 0)
            status.add_metric([*label, standing.ended['status'] if standing else 'none'], 1)
        yield from (enabled, late, damaged, status)
        yield from _of_last_backups(labels, known)

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


LAST: tuple[tuple[str, str, Callable[[Standing], float | None]], ...] = (
    ('last_success_timestamp_seconds', 'When the last good backup ended.', lambda one: _seconds(one.good.get('end_time'))),
    ('last_run_timestamp_seconds', 'When the last backup ended.', lambda one: _seconds(one.ended.get('end_time'))),
    ('last_duration_seconds', 'How long the last backup took.', lambda one: one.ended.get('duration_s')),
    ('last_size_bytes', 'Size of the tree of the last good backup.', lambda one: one.good.get('size_bytes')),
    ('last_transferred_bytes', 'What the last good backup fetched.', lambda one: one.good.get('transferred_bytes')),
    ('last_files', 'Files in the last good backup.', lambda one: one.good.get('file_count')),
)  # fmt: skip


def _of_last_backups(labels: Mapping[int, list[str]], known: Mapping[int, Standing]) -> Iterator[Metric]:
    for name, words, value_of in LAST:
        family = GaugeMetricFamily(f'plumbus_job_{name}', words, labels=JOB)
        for job_id, label in labels.items():
            standing = known.get(job_id)
            value = value_of(standing) if standing else None
            if value is not None:
                family.add_metric(label, value)
        yield family


def _seconds(text: str | None) -> float | None:
    time = moment(text)
    return time.timestamp() if time else None
