"""At the start no record may say that it runs: what was cut off is settled by what lies on disk, what waited waits again."""

from plumbus.backup.execution import INTERRUPTED, stopped
from plumbus.backup.snapshots import Snapshot
from plumbus.errors import NotFound, StoreError
from plumbus.model import Backup, Status
from plumbus.services.backups import Backups
from plumbus.services.jobs import Jobs
from plumbus.services.restores import Restores

UNFINISHED = 'queued,running'
EVERYTHING = 10**9


def settle_leftovers(backups: Backups, restores: Restores, jobs: Jobs) -> None:
    """Given the services, settle every record that is not final. Nothing runs yet when this is called."""
    for backup in reversed(backups.page(status=UNFINISHED, limit=EVERYTHING).items):
        if backup.status is Status.QUEUED and jobs.jobs.exists(backup.job_id):
            jobs.enqueue(backup)
        else:
            _settle(backups, jobs, backup)
    for restore in reversed(restores.page(status=UNFINISHED, limit=EVERYTHING).items):
        if restore.status is Status.QUEUED:
            restores.enqueue(restore)
        else:
            restores.records.set(restore.id, **stopped('restore', INTERRUPTED))


def _settle(backups: Backups, jobs: Jobs, backup: Backup) -> None:
    """A run may have been cut off after its snapshot got its name and before its record was final: then it is good."""
    snapshot = _snapshot_of(backups, jobs, backup)
    if snapshot is None:
        backups.records.set(backup.id, **stopped('backup', INTERRUPTED))
    else:
        told = snapshot.description()['backup']
        backups.records.restore(Backup.model_validate(told))


def _snapshot_of(backups: Backups, jobs: Jobs, backup: Backup) -> Snapshot | None:
    try:
        job = jobs.get(backup.job_id)
    except NotFound:
        return None
    folder = backups.snapshots.job_folder((job.client_id, job.client_name), (job.id, job.name))
    for snapshot in reversed(backups.snapshots.of(folder)):
        try:
            if snapshot.description()['backup']['id'] == backup.id:
                return snapshot
        except (StoreError, KeyError):
            continue
    return None
