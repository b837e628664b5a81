"""What Prometheus reads: valid, complete, quick with many jobs, and all that dashboard and alerts ask for."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from plumbus.engine import Engine
from plumbus.model import Backup, Client, Job
from plumbus.scheduling.queue import Ticket
from tests.support.engines import settings

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
HOSTILE = 'home "of" \\ {pi}\u2028'


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """One that is not started, with three jobs: well, failed, never run."""
    made = Engine(settings(tmp_path / 'data', timezone='UTC'), lambda: START + timedelta(hours=3))
    jobs, backups = made.jobs.jobs, made.backups.records
    made.jobs.clients.add(Client(name='pi', host='pi', username='pi'))
    for name in (HOSTILE, 'etc', 'new'):
        jobs.add(
            Job(
                client_id=1,
                name=name,
                source_paths=['/x'],
                schedule='0 1 * * *',
                created_at=START - timedelta(days=9),
            )
        )
    well = {
        'start_time': START,
        'end_time': START + timedelta(minutes=1),
        'duration_s': 60.0,
        'backup_path': 'x',
    }
    backups.add(
        Backup(
            job_id=1,
            client_id=1,
            status='completed',
            size_bytes=1000,
            transferred_bytes=10,
            disk_bytes=12,
            file_count=3,
            **well,
        )
    )
    backups.add(
        Backup(job_id=2, client_id=1, status='warning', size_bytes=7, verify_status='damaged', **well)
    )
    backups.add(
        Backup(job_id=2, client_id=1, status='failed', start_time=START, end_time=START, duration_s=5.0)
    )
    backups.add(Backup(job_id=1, client_id=1, status='running', start_time=START))
    return made


def samples(engine: Engine) -> dict[str, float]:
    """Return each value by the name of its metric, followed by the id of its job or another label."""
    found = {}
    for family in text_string_to_metric_families(engine.metrics.text().decode()):
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if name not in {'job', 'client'}}
            found[' '.join([sample.name, *labels.values()])] = sample.value
    return found


def test_it_tells_how_each_job_is(engine: Engine) -> None:
    told = samples(engine)
    ended = (START + timedelta(minutes=1)).timestamp()
    assert told['plumbus_job_last_success_timestamp_seconds 1'] == ended
    assert told['plumbus_job_last_success_timestamp_seconds 2'] == ended, 'the good one before'
    assert told['plumbus_job_last_run_timestamp_seconds 2'] == START.timestamp()
    assert told['plumbus_job_last_duration_seconds 2'] == 5
    assert told['plumbus_job_last_size_bytes 1'] == 1000
    assert told['plumbus_job_last_transferred_bytes 1'] == 10
    assert told['plumbus_job_last_files 1'] == 3
    assert 'plumbus_job_last_success_timestamp_seconds 3' not in told
    statuses = {name for name in told if name.startswith('plumbus_job_status')}
    assert statuses == {
        'plumbus_job_status 1 completed',
        'plumbus_job_status 2 failed',
        'plumbus_job_status 3 none',
    }
    assert [told[f'plumbus_job_overdue {job}'] for job in (1, 2, 3)] == [0, 0, 1]
    assert [told[f'plumbus_job_damaged_snapshots {job}'] for job in (1, 2, 3)] == [0, 1, 0]


def test_it_tells_of_queue_disk_store_and_scheduler(engine: Engine) -> None:
    engine._queue.submit(Ticket(kind='restore', run_id=1, key='x'))
    told = samples(engine)
    assert (told['plumbus_queue_queued restore'], told['plumbus_queue_queued backup']) == (1, 0)
    assert (
        told['plumbus_backups completed'],
        told['plumbus_backups running'],
        told['plumbus_backups cancelled'],
    ) == (1, 1, 0)
    assert told['plumbus_snapshots_bytes'] == 12
    assert 0 < told['plumbus_disk_free_bytes'] < told['plumbus_disk_total_bytes']
    assert told['plumbus_store_write_seconds_count'] >= 8
    assert told['plumbus_store_write_seconds_bucket +Inf'] == told['plumbus_store_write_seconds_count']
    assert told['plumbus_store_write_seconds_sum'] > 0
    assert told['plumbus_scheduler_alive'] == 0, 'nobody started it'
    assert told['plumbus_scheduler_lag_seconds'] >= 0
    assert told['process_resident_memory_bytes'] > 0
    assert 'plumbus_notifications_waiting' in told


def test_what_snapshots_take_follows_the_records(engine: Engine) -> None:
    engine.backups.records.set(1, backup_path=None)
    assert samples(engine)['plumbus_snapshots_bytes'] == 0
    engine.backups.records.add(
        Backup(job_id=1, client_id=1, status='completed', disk_bytes=5, backup_path='y')
    )
    assert samples(engine)['plumbus_snapshots_bytes'] == 5


def test_any_name_is_told_as_it_is(engine: Engine) -> None:
    families = text_string_to_metric_families(engine.metrics.text().decode())
    names = {
        sample.labels['job'] for family in families for sample in family.samples if 'job' in sample.labels
    }
    assert names == {HOSTILE, 'etc', 'new'}


def names_told(engine: Engine) -> set[str]:
    told = engine.metrics.text().decode()
    return {sample.name for family in text_string_to_metric_families(told) for sample in family.samples}


@pytest.mark.parametrize(
    'document', ['monitoring/grafana-dashboard.json', 'monitoring/alerts.yml', 'monitoring.md']
)
def test_every_metric_that_the_documents_name_is_told(engine: Engine, document: str) -> None:
    text = (ROOT / 'docs' / document).read_text(encoding='utf-8')
    if document.endswith('.json'):
        text = '\n'.join(
            target['expr'] for panel in json.loads(text)['panels'] for target in panel['targets']
        )
    named = set(re.findall(r'\b(?:plumbus|process)_[a-z_]+[a-z]\b', text))
    assert len(named) >= 5
    told = names_told(engine)
    histogram = {'plumbus_store_write_seconds'}
    assert named <= told | histogram


def test_the_document_names_every_metric(engine: Engine) -> None:
    text = (ROOT / 'docs' / 'monitoring.md').read_text(encoding='utf-8')
    told = {re.sub(r'_(bucket|sum|count)$', '', name) for name in names_told(engine)}
    assert {name for name in told if name.startswith('plumbus')} <= set(re.findall(r'`(plumbus_\w+)`', text))


def test_there_are_three_alerts_with_all_that_prometheus_wants() -> None:
    text = (ROOT / 'docs' / 'monitoring' / 'alerts.yml').read_text(encoding='utf-8')
    for word in ('- alert: ', 'expr: ', 'for: ', 'severity: ', 'summary: ', 'description: '):
        assert text.count(word) == 3, word
