"""Looks how all jobs, their snapshots and the disk are, compares with what was told, and tells what is new.

It looks at states, not at single events: so nothing is lost by a crash, and nothing is told twice.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from plumbus.backup.guards import size
from plumbus.backup.standing import Standing, moment, standings
from plumbus.cancellation import Cancellation
from plumbus.model import Backup, Client, EventKind, Job, NotificationSettings
from plumbus.notify.alerts import Alert, Alerts
from plumbus.notify.messages import Message, Writer
from plumbus.notify.outbox import Outbox
from plumbus.store.documents import Documents

SETTLE_S = 600  # after a start jobs catch up first
OVERDUE_EVERY_S = 300
ENOUGH_AGAIN_PERCENT = 2  # above the limit, so that it does not go to and fro
REST = 10  # times as long as a look took, until the next one
MOST_DAMAGED = 100
DISK = 'disk'
BAD: frozenset[EventKind] = frozenset({'failed', 'host_key_changed', 'overdue'})


@dataclass(kw_only=True, slots=True)
class Watch:
    """`look` belongs to one thread. `overdue` returns the ids of jobs, `disk_space` free and total bytes."""

    backups: Documents[Backup]
    jobs: Documents[Job]
    clients: Documents[Client]
    alerts: Alerts
    outbox: Outbox
    writer: Writer
    settings: Callable[[], NotificationSettings]
    overdue: Callable[[], Collection[int]]
    disk_space: Callable[[], tuple[int, int]]
    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    settle_s: float = SETTLE_S
    _began: float | None = None
    _overdue_at: float | None = None
    _overdue: set[int] = field(default_factory=set)

    def look(self, cancellation: Cancellation) -> None:
        """Find what is new and put the messages about it into the outbox; rest a little after a long look."""
        began = self.monotonic()
        known = standings(self.backups)
        self._look_for_overdue(began)
        try:
            with self.backups.transaction():  # what is told and that it was told are kept together
                messages = self._compare(known)
                self.outbox.post(messages)
                self._tell(known)
        except BaseException:
            self.alerts.load()  # nothing of it was kept
            raise
        cancellation.wait(REST * (self.monotonic() - began))

    def _look_for_overdue(self, moment_s: float) -> None:
        if self._began is None:
            self._began = moment_s
            self._overdue = {_number(alert.topic) for alert in self.alerts.all() if alert.state == 'overdue'}
        if moment_s - self._began < self.settle_s:
            return
        # As long as something is overdue, its end is to be told soon.
        if self._overdue or self._overdue_at is None or moment_s - self._overdue_at >= OVERDUE_EVERY_S:
            self._overdue_at, self._overdue = moment_s, set(self.overdue())

    def _compare(self, known: Mapping[int, Standing]) -> list[Message]:
        """Bring the alerts in line with how things are. Return the messages about what is well again."""
        messages: list[Message] = []
        gone: list[str] = []
        put: list[Alert] = []
        for topic, state in self._states(known):
            alert = self.alerts.get(topic)
            if alert and state is None:
                gone.append(topic)
                messages += self._recovered(alert, known) if alert.told_at else []
            elif state and (alert is None or alert.state != state):
                worse = bool(alert and alert.told_at and alert.state in BAD and state == 'warning')
                put.append(Alert(topic=topic, state=state, since=self.now(), healed=worse))
        self.alerts.change(gone, put)
        return messages

    def _states(self, known: Mapping[int, Standing]) -> Iterator[tuple[str, EventKind | None]]:
        """Yield what is not well, or was not, with what it is now; None if it is well."""
        for topic in sorted({*self._troubled(known), *(alert.topic for alert in self.alerts.all())}):
            standing = known.get(_number(topic), Standing())
            if topic == DISK:
                yield topic, self._state_of_disk()
            elif topic.startswith('damaged:'):
                yield topic, 'verify_damaged' if standing.damaged else None
            else:
                yield topic, self._state_of_job(_number(topic), standing)

    def _troubled(self, known: Mapping[int, Standing]) -> Iterator[str]:
        yield DISK
        yield from (f'job:{job_id}' for job_id in self._overdue)
        for job_id, standing in known.items():
            if standing.status in {'failed', 'warning'}:
                yield f'job:{job_id}'
            if standing.damaged:
                yield f'damaged:{job_id}'

    def _state_of_job(self, job_id: int, standing: Standing) -> EventKind | None:
        if not self.jobs.exists(job_id):
            return None
        if standing.status == 'failed':
            return 'host_key_changed' if standing.judged.get('cause') == 'host_key_changed' else 'failed'
        if job_id in self._overdue:
            return 'overdue'
        return 'warning' if standing.status == 'warning' else None

    def _state_of_disk(self) -> EventKind | None:
        limit = self.settings().disk_low_percent
        free, total = self.disk_space()
        if self.alerts.get(DISK):
            limit += ENOUGH_AGAIN_PERCENT if limit else 0
        return 'disk_low' if total and 100 * free / total < limit else None

    def _recovered(self, alert: Alert, known: Mapping[int, Standing]) -> Iterator[Message]:
        if alert.topic == DISK:
            free, total = self.disk_space()
            yield self.writer.disk_fine(size(free), 100 * free / total if total else 100)
            return
        job = self.jobs.find(_number(alert.topic))
        if job is None:
            return
        if alert.state == 'verify_damaged':
            yield self.writer.sound_again(job, self._client_of(job))
            return
        good = known.get(job.id, Standing()).good
        ended = moment(good.get('end_time'))
        # Without a newer backup it is a matter of settings: the job was switched off, or a record was deleted.
        if ended and ended >= alert.since and (backup := self.backups.find(good['id'])):
            yield self.writer.recovered(backup, alert.since)

    def _tell(self, known: Mapping[int, Standing]) -> None:
        """Tell what nobody was told yet, and remind of what lasts."""
        if not self.outbox.has_targets():
            return
        waiting = [alert for alert in self.alerts.all() if self._is_due(alert)]
        written = [(alert, self._message(alert, known)) for alert in waiting]
        taken = self.outbox.post([message for _, message in written if message])
        told = [
            alert.model_copy(update={'told_at': self.now(), 'healed': False})
            for alert, message in written
            if message in taken
        ]
        self.alerts.change([], told)

    def _is_due(self, alert: Alert) -> bool:
        hours = self.settings().reminder_hours
        if alert.told_at is None:
            return True
        return bool(hours) and self.now() - alert.told_at >= timedelta(hours=hours)

    def _message(self, alert: Alert, known: Mapping[int, Standing]) -> Message | None:
        again = alert.told_at is not None
        if alert.topic == DISK:
            return self._disk_low(again=again)
        job = self.jobs.find(_number(alert.topic))
        if job is None:
            return None
        standing = known.get(job.id, Standing())
        if alert.state == 'overdue':
            return self.writer.overdue(job, self._client_of(job), standing.last_good, again=again)
        if alert.state == 'verify_damaged':
            return self._damaged(job, standing, again=again)
        return self._bad_backup(alert, standing, again=again)

    def _disk_low(self, *, again: bool) -> Message:
        free, total = self.disk_space()
        percent = 100 * free / total if total else 0
        return self.writer.disk_low(size(free), percent, self.settings().disk_low_percent, again=again)

    def _bad_backup(self, alert: Alert, standing: Standing, *, again: bool) -> Message | None:
        backup = self.backups.find(standing.judged.get('id', 0))
        if backup is None:
            return None
        if alert.state == 'warning':
            return self.writer.warning(backup, again=again, healed=alert.healed)
        return self.writer.failed(backup, again=again)

    def _damaged(self, job: Job, standing: Standing, *, again: bool) -> Message | None:
        found = [self.backups.find(backup_id) for backup_id in standing.damaged[:MOST_DAMAGED]]
        damaged = [backup for backup in found if backup]
        return self.writer.damaged(job, self._client_of(job), damaged, again=again) if damaged else None

    def _client_of(self, job: Job) -> str:
        client = self.clients.find(job.client_id)
        return client.name if client else 'a client that is gone'


def _number(topic: str) -> int:
    return int(topic.partition(':')[2] or 0)
