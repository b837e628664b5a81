"""Snapshots without a backup: a data folder as an earlier PLUMBUS left it, made in no time."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from plumbus.backup.description import describe
from plumbus.backup.manifest import ManifestWriter
from plumbus.backup.snapshots import TIME_FORMAT, Snapshot, Snapshots
from plumbus.model import Backup, Client, Job, Status

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def a_client(number: int = 1, **fields: Any) -> Client:
    """A client as it was stored."""
    given = {'name': f'web {number}', 'host': f'web-{number}.lan', 'username': 'backup', 'created_at': START}
    return Client.model_validate({'id': number, **given, **fields})


def a_job(number: int = 1, client: int = 1, **fields: Any) -> Job:
    """A job as it was stored."""
    given = {'name': f'etc {number}', 'source_paths': ['/etc'], 'created_at': START}
    return Job.model_validate({'id': number, 'client_id': client, **given, **fields})


def keep(
    data_dir: Path,
    number: int,
    job: Job | None = None,
    way: Iterable[tuple[Client, str | None]] = (),
    **fields: Any,
) -> Snapshot:
    """Lay out the snapshot of backup `number`, made that many days after the start, with one file in it."""
    clients = list(way) or [(a_client(), None)]
    job, client = job or a_job(client=clients[0][0].id), clients[0][0]
    moment = START + timedelta(days=number)
    snapshots = Snapshots(data_dir)
    folder = snapshots.job_folder((client.id, client.name), (job.id, job.name))
    given = {'status': Status.COMPLETED, 'start_time': moment, 'created_at': moment, 'file_count': 1}
    backup = Backup.model_validate(
        {'id': number, 'job_id': job.id, 'client_id': client.id, **given, **fields}
    )
    name = moment.strftime(TIME_FORMAT)
    path = str((folder / name).relative_to(data_dir))
    workspace = snapshots.begin(folder)
    (workspace.tree / 'file').write_text(name)
    with ManifestWriter(workspace.manifest):
        pass
    workspace.tidy()
    return snapshots.publish(
        workspace, name, describe(backup.model_copy(update={'backup_path': path}), job, clients)
    )
