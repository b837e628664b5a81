"""A data folder with very many jobs and backups, made in seconds: no snapshots, only what the database tells."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tinydb.table import Document

from plumbus.model import Backup, Client, Job, Record, Status
from plumbus.store.database import Database

AT_ONCE = 5_000
MEMORY_ONLY = {'progress'}
# Of a hundred backups: how the odd ones ended.
ENDINGS = {3: Status.FAILED, 50: Status.WARNING, 77: Status.CANCELLED, 98: Status.INTERRUPTED}


def fill(data_dir: Path, *, clients: int, jobs: int, backups: int, schedule: str = '') -> None:
    """Make the database: jobs shared out evenly among clients, backups among jobs, one a day of each, the last ones an hour ago.

    Each job has a time of the day, or `schedule`.
    """
    database = Database(data_dir / 'db')
    now = datetime.now(UTC).replace(microsecond=0)

    def client(number: int) -> Client:
        return Client(name=f'machine {number}', host=f'machine-{number}.lan', username='backup')

    def job(number: int) -> Job:
        daily = f'{number % 60} {number % 24} * * *'
        return Job(
            client_id=number % clients + 1, name=f'folders {number}', source_paths=['/etc', f'/srv/{number}'],
            excludes=['*.tmp'], schedule=schedule or daily, planned_since=now,
        )  # fmt: skip

    def backup(number: int) -> Backup:
        job_id = number % jobs + 1
        began = now - timedelta(days=(backups - number) // jobs, hours=1)
        status = ENDINGS.get(number % 100, Status.COMPLETED)
        path = f'backups/machine-{job_id % clients + 1}/folders-{job_id}/{began:%Y-%m-%dT%H%M%SZ}'
        return Backup(
            job_id=job_id, job_name=f'folders {job_id}', client_id=job_id % clients + 1,
            client_name=f'machine {job_id % clients + 1}', status=status, created_at=began, start_time=began,
            end_time=began + timedelta(minutes=5), duration_s=300.0, size_bytes=10**9 + number, disk_bytes=10**7,
            transferred_bytes=10**7, file_count=12_345, new_files=12, changed_files=3, exit_code=0, owners='real',
            error_message=None if status.good else 'The client went away.', backup_path=path if status.good else None,
        )  # fmt: skip

    for table, count, made in (
        ('clients', clients, client),
        ('jobs', jobs, job),
        ('backups', backups, backup),
    ):
        _add(database, table, count, made, now)
    database.compact()


def _add(database: Database, table: str, count: int, made: Callable[[int], Record], now: datetime) -> None:
    for first in range(1, count + 1, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count + 1))
        stamped = [_stamped(made(number), number, now) for number in numbers]
        documents = [
            Document(record.model_dump(mode='json', exclude=MEMORY_ONLY), doc_id=record.id)
            for record in stamped
        ]
        with database.transaction():
            database.next_ids(table, len(documents))
            database.table(table).insert_multiple(documents)


def _stamped(record: Record, number: int, now: datetime) -> Record:
    made = record.created_at or now - timedelta(days=60)
    return record.model_copy(update={'id': number, 'created_at': made, 'updated_at': now})
