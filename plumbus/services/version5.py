"""What the rows of PLUMBUS 5.x mean here. Pure: rows in, checked records out, or InvalidInput that names what is wrong."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

from plumbus.backup.adopting import Foreign
from plumbus.errors import InvalidInput
from plumbus.model import Backup, Client, ClientFields, Job, JobFields, Status, checked
from plumbus.scheduling import timing

Row = Mapping[str, Any]
STATUSES = {'completed': Status.COMPLETED, 'failed': Status.FAILED, 'running': Status.INTERRUPTED}
NO_END = 'PLUMBUS 5 was stopped while this backup ran.'
LONGEST_MESSAGE = 2000


def client_of(row: Row) -> tuple[Client, str | None]:
    """Given a row of clients, return the client, and its password where that is how it is reached.

    PLUMBUS 5 took the password whenever no key file was named, whatever its column auth_method said.
    """
    key_path, password = row.get('key_path') or None, row.get('password') or None
    by_password = password is not None and key_path is None
    fields = checked(
        ClientFields,
        {
            'name': row['name'],
            'host': row['host'],
            'port': row.get('port') or 22,
            'username': row['username'],
            'auth_method': 'password' if by_password else 'key',
            'key_path': key_path,
            'password': password if by_password else None,
            'use_sudo': bool(row.get('use_sudo')),
        },
    )
    kept = fields.model_dump(exclude={'password', 'private_key', 'forget_secrets'})
    return Client(**kept, has_password=by_password, created_at=in_utc(row.get('created_at'))), fields.password


def job_of(row: Row, client_id: int) -> tuple[Job, list[str]]:
    """Given a row of jobs and its client here, return the job, and sentences about what is different with it now."""
    schedule, notes = row.get('schedule') or None, []
    if schedule is not None:
        try:
            timing.check(schedule)
        except InvalidInput as error:
            why = '; '.join(error.fields.values())
            notes.append(f'Its schedule {schedule} cannot be used here and was left out: {why}.')
            schedule = None
    if schedule is not None and any(sign.isdigit() for sign in schedule.split()[4]):
        # APScheduler's CronTrigger counts from Monday = 0, cron from Sunday = 0 (crontab(5)).
        notes.append(
            f'PLUMBUS 5 counted the days of its schedule {schedule} from Monday as 0. Here 0 is Sunday, as in cron: '
            f'it now runs "{timing.in_words(schedule)}".'
        )
    fields = checked(
        JobFields,
        {
            'client_id': client_id,
            'name': row['name'],
            'source_paths': [row['source_path']],
            'schedule': schedule,
            'enabled': bool(row.get('enabled', True)),
        },
    )
    return Job(**fields.model_dump(), created_at=in_utc(row.get('created_at'))), notes


def backup_of(row: Row, job: Job, client: Client, zone: ZoneInfo) -> Backup:
    """Given a row of backups, its job and client here, and the zone of its times, return the record, without a snapshot yet."""
    status, start = STATUSES.get(row['status']), moment(row['start_time'], zone)
    if status is None or start is None:
        raise InvalidInput({'status' if status is None else 'start_time': 'is none that PLUMBUS 5 wrote'})
    end = moment(row.get('end_time'), zone)
    message = str(row.get('error_message') or '')[:LONGEST_MESSAGE] or None
    return Backup(
        job_id=job.id,
        job_name=job.name,
        client_id=client.id,
        client_name=client.name,
        status=status,
        created_at=start,
        start_time=start,
        end_time=end or start,
        duration_s=max(0.0, (end - start).total_seconds()) if end else None,
        size_bytes=int(row.get('size_bytes') or 0),
        file_count=int(row.get('file_count') or 0),
        error_message=message or (NO_END if status is Status.INTERRUPTED else None),
    )


def folder_of(row: Row, source: str, data_dir: Path) -> Foreign | None:
    """Given a row of backups, the job's source path as it was written and where the old data folder is now, return what
    lies there of it, or None. Its path may be that of a container, and must not lead out of the folder."""
    parts = PurePosixPath(str(row.get('backup_path') or '')).parts
    if 'backups' not in parts or '..' in parts:
        return None
    below = len(parts) - parts[::-1].index('backups')
    folder = data_dir.joinpath('backups', *parts[below:])
    if (
        below == len(parts)
        or not folder.is_dir()
        or folder.resolve() != data_dir.resolve() / folder.relative_to(data_dir)
    ):
        return None
    return Foreign(folder=folder, source=source, size_bytes=int(row.get('size_bytes') or 0))


def moment(text: object, zone: ZoneInfo) -> datetime | None:
    """Given a time as PLUMBUS 5 wrote it (ISO 8601, without an offset by its own clock), return it in UTC; None if it is none."""
    try:
        told = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return (told if told.tzinfo else told.replace(tzinfo=zone)).astimezone(UTC)


def in_utc(text: object) -> datetime | None:
    """Given a time that SQLite noted itself, return it (CURRENT_TIMESTAMP is in UTC: sqlite.org, "CREATE TABLE")."""
    return moment(text, ZoneInfo('UTC'))
