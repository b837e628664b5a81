"""What the dashboard says, worked out from clients, jobs and history. Pure: no element, no engine."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from pages.wording import DAMAGED, OVERDUE, Look, listed, plural
from plumbus.backup.days import DayResult, Place
from plumbus.model import Backup, Client, JobView, Status

DAYS = 30
TONES = {'failed': 'fa', 'interrupted': 'fa', 'warning': 'wa', 'completed': 'ok'}


@dataclass(kw_only=True, slots=True)
class Concern:
    """One thing that needs attention: who, what happened and what to do about it."""

    client: Client
    job: JobView | None
    status: Status | Look | None
    cause: str
    remedy: str = ''
    target: str = '/'
    since: datetime | None = None
    protected: bool = False


@dataclass(kw_only=True, slots=True)
class Square:
    """One client on one day: its worst backup, or the job that is overdue."""

    tone: str
    label: str
    backup_id: int | None = None
    job_id: int | None = None


@dataclass(kw_only=True, slots=True)
class Overview:
    """The whole answer to "is everything safe?"."""

    clients: list[Client]
    concerns: list[Concern] = field(default_factory=list)
    due: list[tuple[datetime, JobView]] = field(default_factory=list)

    @property
    def endangered(self) -> list[Client]:
        """The clients that are not protected, each once."""
        wanted = {concern.client.id for concern in self.concerns if not concern.protected}
        return [client for client in self.clients if client.id in wanted]

    @property
    def verdict(self) -> str:
        """One sentence that says whether everything is safe."""
        total, bad = len(self.clients), len(self.endangered)
        if not bad:
            return 'Your client is protected' if total == 1 else f'All {total} clients are protected'
        if total == 1:
            return 'Your client is not protected'
        return f'{total - bad} of {plural(total, "client")} {"is" if total - bad == 1 else "are"} protected'

    @property
    def tone(self) -> str:
        """The colour of the verdict."""
        return 'ok' if not self.endangered else 'wa' if len(self.endangered) < len(self.clients) else 'fa'

    @property
    def summary(self) -> str:
        """A second sentence: who needs attention, or that the last backups are all good."""
        names = [client.name for client in self.endangered]
        if names:
            return f'{len(names)} {"needs" if len(names) == 1 else "need"} attention: {listed(names)}.'
        warned = len({concern.client.id for concern in self.concerns})
        return f'Every job has a good last backup{", " + str(warned) + " with warnings" if warned else ""}.'


def overview(clients: list[Client], jobs: Sequence[JobView], last: Mapping[int, Backup]) -> Overview:
    """Given everything known, with the newest backup of each job that has ended, return what to tell on the dashboard."""
    made = Overview(clients=clients)
    own: dict[int, list[JobView]] = {}
    for job in jobs:
        own.setdefault(job.client_id, []).append(job)
    for client in clients:
        made.concerns += _about_client(client, own.get(client.id, []), last)
    made.concerns.sort(key=lambda concern: concern.protected)
    made.due = sorted(
        ((job.next_run, job) for job in jobs if job.enabled and job.next_run), key=lambda due: due[0]
    )
    return made


def _about_client(client: Client, jobs: list[JobView], last: Mapping[int, Backup]) -> list[Concern]:
    active = [job for job in jobs if job.enabled]
    if not active:
        cause = 'All of its jobs are paused.' if jobs else 'Nothing is backed up from this client yet.'
        remedy, target = (
            ('Turn a job on again.', f'/clients/{client.id}')
            if jobs
            else ('Add a job.', f'/jobs/new?client={client.id}')
        )
        return [Concern(client=client, job=None, status=None, cause=cause, remedy=remedy, target=target)]
    return [concern for job in active if (concern := _about_job(client, job, last.get(job.id)))]


def _about_job(client: Client, job: JobView, last: Backup | None) -> Concern | None:
    where = f'/jobs/{job.id}'
    if last is None:
        return Concern(
            client=client,
            job=job,
            status=None,
            cause='It has no backup yet.',
            remedy='Run the job now.',
            target=where,
        )
    if last.verify_status == 'damaged':
        return _about_damage(client, job, last)
    if not last.status.good or (last.status == Status.WARNING and _still_a_warning(last)):
        return _about_backup(client, job, last)
    if job.overdue:
        return Concern(
            client=client,
            job=job,
            status=OVERDUE,
            cause='It is overdue: its last good backup is older than its schedule allows.',
            remedy='Open the job to see what its last runs met, or run it now.',
            target=where,
            since=job.overdue_since,
        )
    return None


def _about_damage(client: Client, job: JobView, last: Backup) -> Concern:
    return Concern(
        client=client,
        job=job,
        status=DAMAGED,
        cause='Its newest snapshot is damaged: it is not what was backed up any more.',
        remedy='Open the backup to see what, run the job again, and check the disk.',
        target=f'/backups/{last.id}',
        since=last.verified_at,
    )


def _about_backup(client: Client, job: JobView, last: Backup) -> Concern:
    warned = last.status == Status.WARNING
    return Concern(
        client=client,
        job=job,
        status=last.status,
        cause=_warned_of(last) if warned else last.error_message or 'The last backup failed.',
        remedy='Open the backup to see more.' if warned else '',
        target=f'/backups/{last.id}',
        since=last.end_time or last.start_time,
        protected=warned,
    )


def _still_a_warning(backup: Backup) -> bool:
    # A shrunk source that somebody has called right is no concern any more.
    return backup.cause != 'shrunk' or backup.suspicious or len(backup.warnings) > 1


def _warned_of(backup: Backup) -> str:
    if backup.suspicious and backup.error_message:
        return backup.error_message
    return f'{plural(len(backup.warnings), "file")} could not be read.'


def squares(results: Mapping[Place, DayResult], today: date) -> dict[int, dict[date, Square]]:
    """Given what became of the backups, return for each client and day of the last 30 the worst of them."""
    rows: dict[int, dict[date, Square]] = {}
    for (client_id, day), result in results.items():
        if timedelta(0) <= today - day < timedelta(days=DAYS):
            rows.setdefault(client_id, {})[day] = _square(result)
    return rows


def mark_late(happened: dict[int, dict[date, Square]], jobs: Iterable[JobView], today: date) -> None:
    """Given the squares and the jobs, mark today as late for each client with an overdue job, unless a worse thing stands there."""
    for job in jobs:
        row = happened.setdefault(job.client_id, {}) if job.overdue else {}
        if job.overdue and row.get(today, Square(tone='ok', label='')).tone in {'ok', 'wa', 'late'}:
            row[today] = Square(tone='late', label=f'{job.name} is overdue', job_id=job.id)


def days(today: date) -> list[date]:
    """Return the last 30 days, oldest first."""
    return [today - timedelta(days=DAYS - 1 - index) for index in range(DAYS)]


def _square(result: DayResult) -> Square:
    label = result.status if result.count == 1 else f'{result.status}, the worst of {result.count}'
    return Square(tone=TONES[result.status], label=label, backup_id=result.backup_id)
