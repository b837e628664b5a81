"""What a message says: what happened, to which job of which client, why, what to do, and where to look. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from plumbus.model import Backup, EventKind, Job
from plumbus.notify.services import Tone

LONGEST_REASON = 1500
SHOWN = 50
TONES: dict[str, Tone] = {
    'failed': 'failure', 'overdue': 'failure', 'verify_damaged': 'failure', 'host_key_changed': 'failure', 'warning': 'warning',
    'disk_low': 'warning', 'recovered': 'success',
}  # fmt: skip
PLURALS = {
    'failed': 'backups failed', 'overdue': 'jobs are overdue', 'warning': 'backups ended with warnings',
    'recovered': 'jobs are well again', 'host_key_changed': 'machines show another host key', 'verify_damaged': 'jobs have damaged snapshots',
}  # fmt: skip
COMPARE_KEY = (
    'If the machine was reinstalled, compare the new fingerprint with what it says itself and accept it on its page. '
    'If it was not, somebody may be between you and it.'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One thing to tell. It concerns whoever wants to hear of its kind, or of one of `also`."""

    kind: EventKind
    title: str
    body: str
    job_id: int | None = None
    also: frozenset[EventKind] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Writer:
    """Writes messages. `public_url`: where a browser reaches PLUMBUS; without it messages have no links."""

    zone: tzinfo
    public_url: str = ''

    def failed(self, backup: Backup, *, again: bool) -> Message:
        """Given the last backup of a job, which failed, tell it."""
        changed = backup.cause == 'host_key_changed'
        who = _who(backup)
        happened = f'The backup of {who} failed on {self._time(backup.end_time)}.'
        return Message(
            kind='host_key_changed' if changed else 'failed',
            also=frozenset({'failed'} if changed else set[EventKind]()),
            title=_again(
                f'{backup.client_name} shows another host key' if changed else f'Backup failed: {who}', again
            ),
            body=self._body(
                happened, _reason(backup), COMPARE_KEY if changed else '', link=f'/backups/{backup.id}'
            ),
            job_id=backup.job_id,
        )

    def warning(self, backup: Backup, *, again: bool, healed: bool) -> Message:
        """Given the last backup of a job, which ended with warnings, tell it; `healed` if it had failed before."""
        who = _who(backup)
        happened = (
            f'The backup of {who} on {self._time(backup.end_time)} made a snapshot, but ended with warnings.'
        )
        first = '\n'.join(f'- {one}' for one in backup.warnings[:5])
        more = f'and {len(backup.warnings) - 5} more' if len(backup.warnings) > 5 else ''
        return Message(
            kind='recovered' if healed else 'warning',
            also=frozenset({'warning'}),
            title=_again(f'Backup works again, with warnings: {who}' if healed else f'Backup with warnings: {who}', again),
            body=self._body(happened, _reason(backup), first, more, link=f'/backups/{backup.id}'),
            job_id=backup.job_id,
        )  # fmt: skip

    def overdue(self, job: Job, client_name: str, last_good: datetime | None, *, again: bool) -> Message:
        """Given a job that should have run long ago, tell it."""
        who = f'{job.name} of {client_name}'
        last = (
            f'Its last good backup is of {self._time(last_good)}.'
            if last_good
            else 'It has no good backup yet.'
        )
        remedy = 'Look whether PLUMBUS was switched off, whether the machine is on, and whether other backups take too long.'
        return Message(
            kind='overdue',
            title=_again(f'Backup overdue: {who}', again),
            body=self._body(
                f'{who} should have been backed up by now. {last}', remedy, link=f'/jobs/{job.id}'
            ),
            job_id=job.id,
        )

    def recovered(self, backup: Backup, since: datetime) -> Message:
        """Given the last backup of a job, which is well again, tell it, and since when it was not."""
        who = _who(backup)
        happened = f'The backup of {who} went well on {self._time(backup.end_time)}. It had not since {self._time(since)}.'
        return Message(
            kind='recovered',
            title=f'Backup works again: {who}',
            body=self._body(happened, link=f'/backups/{backup.id}'),
            job_id=backup.job_id,
        )

    def damaged(self, job: Job, client_name: str, damaged: Sequence[Backup], *, again: bool) -> Message:
        """Given the snapshots of a job that verifying found damaged, tell them."""
        newest = damaged[0]
        who = f'{job.name} of {client_name}'
        count = f'{len(damaged)} snapshots' if len(damaged) > 1 else 'A snapshot'
        which = ', '.join(self._time(backup.start_time) for backup in damaged[:10])
        errors = '\n'.join(f'- {error}' for error in newest.verify_errors[:5])
        remedy = (
            'Check the disk of the data folder (dmesg, smartctl -a). '
            'The next backup fetches the damaged files again if the client still has them.'
        )
        return Message(
            kind='verify_damaged',
            title=_again(f'Snapshot damaged: {who}', again),
            body=self._body(f'{count} of {who} are not what was backed up any more: {which}.' if len(damaged) > 1
                            else f'{count} of {who} is not what was backed up any more: {which}.',
                            errors, remedy, link=f'/backups/{newest.id}'),
            job_id=job.id,
        )  # fmt: skip

    def sound_again(self, job: Job, client_name: str) -> Message:
        """Given a job that had damaged snapshots and has none any more, tell it."""
        who = f'{job.name} of {client_name}'
        return Message(
            kind='recovered',
            title=f'No damaged snapshot any more: {who}',
            body=self._body(f'All snapshots of {who} that were damaged are sound again, or gone.', link=f'/jobs/{job.id}'),
            job_id=job.id,
        )  # fmt: skip

    def disk_low(self, free: str, percent: float, limit: int, *, again: bool) -> Message:
        """Given how much room is left, tell that it is less than wanted."""
        remedy = 'Delete old backups, keep fewer snapshots, or move the data folder to a larger disk.'
        happened = f'The disk of the snapshots has {free} free ({percent:.1f} %), less than {limit} %.'
        return Message(
            kind='disk_low',
            title=_again('The disk of the backups is almost full', again),
            body=self._body(happened, remedy, link='/'),
        )

    def disk_fine(self, free: str, percent: float) -> Message:
        """Given how much room there is again, tell it."""
        happened = f'The disk of the snapshots has {free} free again ({percent:.1f} %).'
        return Message(
            kind='recovered', title='The disk of the backups has room again', body=self._body(happened, link='/')
        )  # fmt: skip

    def weekly(self, lines: Sequence[str]) -> Message:
        """Given what the report says, return it."""
        return Message(kind='weekly_report', title=lines[0], body=self._body(*lines[1:], link='/'))

    def _body(self, *parts: str, link: str) -> str:
        told = [part for part in parts if part]
        if self.public_url:
            told.append(self.public_url.rstrip('/') + link)
        return '\n\n'.join(told)

    def _time(self, moment: datetime | None) -> str:
        return moment.astimezone(self.zone).strftime('%a %d %b %Y, %H:%M') if moment else 'an unknown time'


def digest(messages: Sequence[Message]) -> Message:
    """Given many messages of one kind, return one that lists them."""
    first = messages[0]
    listed = [f'- {message.title}' for message in messages[:SHOWN]]
    if len(messages) > SHOWN:
        listed.append(f'and {len(messages) - SHOWN} more')
    what = PLURALS.get(first.kind, 'messages')
    return Message(kind=first.kind, title=f'{len(messages)} {what}', body='\n'.join(listed))


def _who(backup: Backup) -> str:
    return f'{backup.job_name} of {backup.client_name}'


def _again(title: str, again: bool) -> str:
    return f'Still: {title}' if again else title


def _reason(backup: Backup) -> str:
    told = backup.error_message or ''
    return told if len(told) <= LONGEST_REASON else f'{told[:LONGEST_REASON]}…'
