"""What /metrics tells of each job. Written out here: for very many jobs prometheus_client takes ten times as long."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plumbus.backup.standing import Standing, moment

# What the value of a label does not hold as it is (Prometheus, "Exposition formats").
ESCAPES = str.maketrans({'\\': r'\\', '\n': r'\n', '"': r'\"'})
UNKNOWN = Standing()


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A job that is told of: its labels, written out, whether it is on or overdue, and its last backups."""

    labels: str
    enabled: bool
    overdue: bool
    standing: Standing


VALUES: tuple[tuple[str, str, Callable[[Told], float | None]], ...] = (
    ('enabled', 'Whether the job is on.', lambda one: one.enabled),
    ('overdue', 'Whether the job should have run and has not.', lambda one: one.overdue),
    ('damaged_snapshots', 'Snapshots that verifying found damaged.', lambda one: len(one.standing.damaged)),
    ('last_success_timestamp_seconds', 'When the last good backup ended.', lambda one: _seconds(one.standing.good.get('end_time'))),
    ('last_run_timestamp_seconds', 'When the last backup ended.', lambda one: _seconds(one.standing.ended.get('end_time'))),
    ('last_duration_seconds', 'How long the last backup took.', lambda one: one.standing.ended.get('duration_s')),
    ('last_size_bytes', 'Size of the tree of the last good backup.', lambda one: one.standing.good.get('size_bytes')),
    ('last_transferred_bytes', 'What the last good backup fetched.', lambda one: one.standing.good.get('transferred_bytes')),
    ('last_files', 'Files in the last good backup.', lambda one: one.standing.good.get('file_count')),
)  # fmt: skip


def job_metrics(
    jobs: Iterable[Mapping[str, Any]],
    clients: Mapping[int, str],
    known: Mapping[int, Standing],
    overdue: Collection[int],
) -> Iterator[str]:
    """Given jobs as stored, the names of clients by id, the standing of each job and the ids of those that are overdue, yield
    the text that Prometheus reads, in pieces."""
    all_told = [_told(job, clients, known.get(job['id'], UNKNOWN), job['id'] in overdue) for job in jobs]
    for name, words, value_of in VALUES:
        yield _head(name, words)
        for told in all_told:
            value = value_of(told)
            if value is not None:
                yield f'plumbus_job_{name}{{{told.labels}}} {float(value)!r}\n'
    yield _head('status', 'How the last backup ended; always 1.')
    for told in all_told:
        yield f'plumbus_job_status{{{told.labels},status="{told.standing.ended.get("status", "none")}"}} 1.0\n'


def _told(job: Mapping[str, Any], clients: Mapping[int, str], standing: Standing, overdue: bool) -> Told:
    labels = {'client': clients.get(job['client_id'], ''), 'job': job['name'], 'job_id': str(job['id'])}
    written = ','.join(f'{name}="{value.translate(ESCAPES)}"' for name, value in labels.items())
    return Told(labels=written, enabled=bool(job['enabled']), overdue=overdue, standing=standing)


def _head(name: str, words: str) -> str:
    return f'# HELP plumbus_job_{name} {words}\n# TYPE plumbus_job_{name} gauge\n'


def _seconds(text: str | None) -> float | None:
    time = moment(text)
    return time.timestamp() if time else None
