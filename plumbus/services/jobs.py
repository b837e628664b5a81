"""What a user can do with jobs: keep them, run them, see their history and next times."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from plumbus.backup.snapshots import Snapshots
from plumbus.errors import Conflict, InvalidInput
from plumbus.events import Changed, EventBus
from plumbus.model import Backup, Client, Job, JobFields, JobView, Page, Retention, Trigger, checked
from plumbus.notify.pings import PingUrls
from plumbus.scheduling import timing
from plumbus.services.job_views import JobViews, Raw, last_runs, of_last_run
from plumbus.services.lateness import Expected, Lateness, expectation, expected_of, zone_named
from plumbus.services.plain import PlainForm
from plumbus.services.records import revision_of
from plumbus.services.removal import Removal
from plumbus.services.starting import Starting
from plumbus.store.documents import Documents
from plumbus.store.rows import decoded
from plumbus.store.runlog import RunLogs

PLANNED_BY = ('schedule', 'timezone', 'enabled')
NEVER_RUN = {**of_last_run({}), 'last_good_run': None}
NOT_STORED = {'ping_url'}
KEEPS_ALL = Retention().model_dump()
FORM = PlainForm(Job)
NO_CLIENT = {'client_name': '', 'host': '', 'username': ''}


class Plan(Protocol):
    """What is asked of the scheduler."""

    def refresh(self, job_id: int, schedule: str | None, zone: ZoneInfo) -> None: ...
    def forget(self, job_id: int) -> None: ...
    def next_run(self, job_id: int) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class SchedulePreview:
    """A schedule in words and its next five times."""

    text: str
    next: list[datetime]


@dataclass(kw_only=True, slots=True)
class Jobs:
    """Every call blocks until it is done."""

    jobs: Documents[Job]
    clients: Documents[Client]
    backups: Documents[Backup]
    snapshots: Snapshots
    removal: Removal
    logs: RunLogs
    starting: Starting
    plan: Plan
    events: EventBus
    now: Callable[[], datetime]
    zone: ZoneInfo
    lateness: Lateness
    pings: PingUrls
    _known: JobViews = field(init=False)

    def __post_init__(self) -> None:
        self._known = JobViews(self.jobs, self.backups)

    def all(self, client_id: int | None = None) -> list[JobView]:
        """Return every job, of one client if it is given, oldest first, with its next and last run. Nobody may change them."""
        if client_id is not None:
            return self._views(self.jobs.all({'client_id': client_id}))
        last, late = self._known.last_runs(), self.lateness.overdue(self.now())
        return self._known.of(self._follows(self._known.needed(), last, late))

    def page(self, client_id: int | None = None, limit: int = 100, offset: int = 0) -> Page[JobView]:
        """As `all`, a page of it."""
        match = None if client_id is None else {'client_id': client_id}
        found = self.jobs.select(match=match, newest_first=False, limit=limit, offset=offset)
        return Page(self._views(found.items), found.total)

    def plain_page(
        self, client_id: int | None = None, limit: int = 100, offset: int = 0
    ) -> Page[dict[str, Any]]:
        """As `page`, as the fields that JSON is made of: for very many jobs, which are not checked again at each reading."""
        match = None if client_id is None else {'client_id': client_id}
        found = self.jobs.ids(match)
        texts = self.jobs.texts(found[offset : offset + limit])
        raws = {job_id: decoded(text) for job_id, text in texts.items()}
        follows = self._follows_of(raws, {job_id: expectation(raw) for job_id, raw in raws.items()})
        return Page([{**plain(raw), **follows[job_id]} for job_id, raw in raws.items()], len(found))

    def get(self, job_id: int) -> JobView:
        """Given an id, return the job. Raise NotFound."""
        return self._views([self.jobs.get(job_id)])[0]

    def create(self, fields: Mapping[str, Any]) -> JobView:
        """Given what a user entered, store a job, plan it and return it. Raise InvalidInput naming what is wrong."""
        entered = self._checked(fields)
        stored = entered.model_dump(exclude=NOT_STORED)
        job = self.jobs.add(Job(**stored, planned_since=self.now()))
        self._keep_ping_url(job.id, entered)
        self.replan(job)
        self._tell(job.id, 'created')
        return self.get(job.id)

    def update(self, job_id: int, fields: Mapping[str, Any]) -> JobView:
        """Given some fields, change them and return the job. Raise InvalidInput, or Conflict if `revision` is old."""
        known = self.jobs.get(job_id).model_dump()
        if 'source_path' in fields and 'source_paths' not in fields:
            known.pop('source_paths')
        if isinstance(fields.get('retention'), dict):
            fields = {**fields, 'retention': {**known['retention'], **fields['retention']}}
        entered = self._checked({**known, **fields})
        changes = entered.model_dump(exclude=NOT_STORED)
        if any(changes[name] != known[name] for name in PLANNED_BY):
            changes['planned_since'] = self.now()
        job = self.jobs.edit(job_id, changes, revision_of(fields))
        self._keep_ping_url(job_id, entered)
        self.replan(job)
        self._tell(job_id, 'updated')
        return self.get(job_id)

    def delete(self, job_id: int, *, delete_data: bool = False) -> None:
        """Given a job, forget it with its history. Its snapshots stay on disk unless `delete_data`.

        Raise Conflict while it runs, or while a snapshot that would go is being read.
        """
        job = self.jobs.get(job_id)
        if self.starting.is_busy(job_id):
            raise Conflict(
                f'A backup of {job.name} is queued or running.', 'Cancel it first, or wait for its end.'
            )
        if delete_data:
            self.removal.take_job(job_id, self.snapshots.job_folder((job.client_id, ''), (job_id, '')))
        self.plan.forget(job_id)
        self.pings.forget(job_id)
        history = self.backups.ids({'job_id': job_id})
        with self.jobs.transaction():
            self.backups.remove_all(history)
            self.jobs.remove(job_id)
        for backup_id in history:
            self.logs.delete('backup', backup_id)
        self._tell(job_id, 'deleted')

    def run(self, job_id: int, trigger: Trigger = Trigger.MANUAL) -> Backup:
        """Given a job, queue a backup of it and return its record. Raise Conflict if one is queued or running already."""
        return self.starting.run(job_id, trigger)

    def history(self, job_id: int, limit: int = 100, offset: int = 0) -> Page[Backup]:
        """Given a job, return a page of its backups, newest first. Raise NotFound."""
        self.jobs.get(job_id)
        return self.backups.select(match={'job_id': job_id}, limit=limit, offset=offset)

    def preview_schedule(self, schedule: str, timezone: str | None = None) -> SchedulePreview:
        """Given a cron expression, return it in words with its next five times. Raise InvalidInput if it cannot be used."""
        timing.check(schedule, timezone)
        zone = ZoneInfo(timezone) if timezone else self.zone
        times = [moment.astimezone(zone) for moment in timing.next_runs(schedule, zone, self.now(), 5)]
        return SchedulePreview(timing.in_words(schedule), times)

    def replan(self, job: Job) -> None:
        """Given a job as it is now, tell the scheduler."""
        if job.enabled and job.schedule:
            self.plan.refresh(job.id, job.schedule, self.zone_of(job))
        else:
            self.plan.forget(job.id)

    def zone_of(self, job: Job) -> ZoneInfo:
        """Given a job, return the time zone its schedule is read in."""
        return zone_named(job.timezone, self.zone)

    def overdue(self) -> set[int]:
        """Return the ids of the enabled jobs whose next run after their last good backup should have begun a grace ago or more."""
        return set(self.lateness.overdue(self.now()))

    def _views(self, jobs: Sequence[Job]) -> list[JobView]:
        known = {job.id: job.model_dump() for job in jobs}
        follows = self._follows_of(known, {job.id: expected_of(job) for job in jobs})
        return [JobView.model_validate({**known[job.id], **follows[job.id]}) for job in jobs]

    def _follows_of(
        self, jobs: Mapping[int, Raw], expected: Mapping[int, Expected | None]
    ) -> dict[int, dict[str, Any]]:
        """Given the fields of a few jobs by id, and when each is to run, return the fields that follow from other things."""
        last = last_runs(self.backups, self._of_last_runs, list(jobs))
        return self._follows(jobs, last, self.lateness.of(expected, self.now()))

    def _of_last_runs(self, ids: Iterable[int]) -> dict[int, Raw]:
        return {number: of_last_run(decoded(text)) for number, text in self.backups.texts(ids).items()}

    def _follows(
        self, jobs: Mapping[int, Raw], last: Mapping[int, Raw], late: Mapping[int, datetime]
    ) -> dict[int, dict[str, Any]]:
        texts = self.clients.texts({job['client_id'] for job in jobs.values()})
        clients = {client_id: _of_client(decoded(text)) for client_id, text in texts.items()}
        return {
            job_id: {
                **clients.get(job['client_id'], NO_CLIENT),
                **last.get(job_id, NEVER_RUN),
                'overdue': job_id in late,
                'overdue_since': late.get(job_id),
                'source_path': job['source_paths'][0],
                'next_run': self.plan.next_run(job_id),
                'schedule_text': timing.in_words(job.get('schedule')),
            }
            for job_id, job in jobs.items()
        }

    def _checked(self, fields: Mapping[str, Any]) -> JobFields:
        entered = checked(JobFields, {**fields, 'schedule': fields.get('schedule') or None})
        if not self.clients.exists(entered.client_id):
            raise InvalidInput({'client_id': f'there is no client {entered.client_id}'})
        if entered.quiet_hours and entered.quiet_action == 'limit' and not entered.quiet_limit_kib:
            raise InvalidInput({'quiet_limit_kib': 'is needed to limit the bandwidth in quiet hours'})
        if entered.schedule:
            timing.check(entered.schedule, entered.timezone)
        if entered.ping_url:
            self.pings.check(entered.ping_url)
        return entered

    def _keep_ping_url(self, job_id: int, entered: JobFields) -> None:
        if entered.ping_url is not None:
            self.jobs.set(job_id, ping_shown=self.pings.keep(job_id, entered.ping_url))

    def _tell(self, job_id: int, action: Literal['created', 'updated', 'deleted']) -> None:
        self.events.publish(Changed(noun='job', id=job_id, action=action))


def _of_client(client: Mapping[str, Any]) -> dict[str, str]:
    return {'client_name': client['name'], 'host': client['host'], 'username': client['username']}


def plain(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Given a job as it lies in the database, return its fields; times as text with an offset."""
    return {**FORM.of(raw), 'retention': {**KEEPS_ALL, **raw.get('retention', {})}}
