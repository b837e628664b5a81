"""Sizes, times and states in the words of the pages. Pure: no element is made here."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import humanize

from plumbus.model import JobView, Run, Status, Trigger

UNITS = ((86_400, 'd'), (3_600, 'h'), (60, 'min'), (1, 's'))
# What a comparison or a dry run calls the ways in which two files differ, where people say it otherwise.
DIFFERENCES = {'modified': 'time', 'mode': 'rights', 'xattrs': 'attributes', 'acl': 'access list'}
NEVER = 'never'
NONE = '–'


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How a state is shown everywhere: a tone (the colour), an icon and a word, never the colour alone."""

    tone: str
    icon: str
    word: str


LOOKS = {
    Status.QUEUED: Look(tone='no', icon='o_schedule', word='queued'),
    Status.RUNNING: Look(tone='ru', icon='o_play_arrow', word='running'),
    Status.COMPLETED: Look(tone='ok', icon='o_check', word='completed'),
    Status.WARNING: Look(tone='wa', icon='o_warning_amber', word='warning'),
    Status.FAILED: Look(tone='fa', icon='o_close', word='failed'),
    Status.CANCELLED: Look(tone='no', icon='o_block', word='cancelled'),
    Status.INTERRUPTED: Look(tone='fa', icon='o_power_off', word='interrupted'),
}
VERIFIED = Look(tone='ok', icon='o_verified', word='verified')
DAMAGED = Look(tone='fa', icon='o_broken_image', word='damaged')
UNVERIFIED = Look(tone='no', icon='o_remove', word='not verified yet')
VERIFYING = Look(tone='ru', icon='o_fact_check', word='verifying')
PINNED = Look(tone='no', icon='o_push_pin', word='pinned')
GONE = Look(tone='wa', icon='o_auto_delete', word='gone by now')
THERE = Look(tone='ok', icon='o_check', word='still there')
WAITING = Look(tone='no', icon='o_schedule', word='waiting')
IDLE = Look(tone='no', icon='o_remove', word='no backup yet')
OVERDUE = Look(tone='fa', icon='o_alarm', word='overdue')
PAUSED = Look(tone='no', icon='o_pause', word='paused')
TRIGGERS = {
    Trigger.SCHEDULE: 'by the schedule',
    Trigger.MANUAL: 'by hand',
    Trigger.API: 'through the API',
    Trigger.CATCH_UP: 'to catch up a missed run',
    Trigger.RETRY: 'as a retry',
}
PHASES = {
    'queued': 'Waiting for a free place',
    'connecting': 'Knocking at the machine',
    'scanning': 'Looking what has changed',
    'fetching': 'Fetching what is new',
    'verifying': 'Reading every file again',
    'finishing': 'Putting the snapshot in its place',
    'checking': 'Comparing with what is there',
    'restoring': 'Copying back',
    'undoing': 'Bringing back what was there before',
}


def look(status: str | None) -> Look:
    """Given a status or None, return how to show it."""
    return LOOKS[Status(status)] if status else IDLE


def job_look(job: JobView) -> Look:
    """Given a job, return how to show it: what goes on, what is wrong, or how its last backup ended."""
    if job.last_status in {Status.RUNNING, Status.QUEUED}:
        return look(job.last_status)
    if not job.enabled:
        return PAUSED
    if job.overdue and job.last_status not in {Status.FAILED, Status.INTERRUPTED}:
        return OVERDUE
    return look(job.last_status)


def phase(name: str) -> str:
    """Given the phase of a run, return it in words."""
    return PHASES.get(name, name.replace('_', ' ').capitalize())


def waits(run: Run) -> str:
    """Given a queued run, return its place and why it waits."""
    reason = run.queued_reason or 'It waits for a free place.'
    return f'Number {run.queue_position} in the queue. {reason}' if run.queue_position else reason


def size(number: float | None) -> str:
    """Given bytes, return '3.0 GB'."""
    return (
        NONE
        if number is None
        else humanize.naturalsize(number).replace(' Bytes', ' B').replace(' Byte', ' B')
    )


def rate(number: float) -> str:
    """Given bytes per second, return '41.0 MB/s'."""
    return f'{size(number)}/s'


def count(number: int | None) -> str:
    """Given a number, return it with commas."""
    return NONE if number is None else humanize.intcomma(number)


def plural(number: int, noun: str, many: str = '') -> str:
    """Given a number and a noun, return '1 client' or '1,200 clients'."""
    return f'{count(number)} {noun if number == 1 else many or noun + "s"}'


def duration(seconds: float | None) -> str:
    """Given seconds, return the two largest units: '1 min 18 s'."""
    if seconds is None:
        return NONE
    left, parts = round(seconds), list[str]()
    for length, unit in UNITS:
        if left >= length or (parts and left):
            parts.append(f'{left // length} {unit}')
            left %= length
    return ' '.join(part for part in parts[:2] if not part.startswith('0 ')) or '0 s'


def roughly(seconds: float) -> str:
    """Given seconds, return the largest unit alone: '3 h'; days from two on, so that several runs a day are told apart."""
    for length, unit in UNITS:
        if seconds >= (2 * length if unit == 'd' else length):
            return f'{int(seconds // length)} {unit}'
    return '0 s'


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """Given a time, return it relative to now: '3 h ago', 'in 24 min', 'just now', 'never'."""
    if moment is None:
        return NEVER
    distance = ((now or datetime.now(UTC)) - moment).total_seconds()
    if abs(distance) < 10:
        return 'just now'
    return f'{roughly(distance)} ago' if distance > 0 else f'in {roughly(-distance)}'


def exact(moment: datetime | None, zone: tzinfo) -> str:
    """Given a time and a zone, return 'Mon 23 Nov 2026, 02:00:13 CET'."""
    return moment.astimezone(zone).strftime('%a %d %b %Y, %H:%M:%S %Z') if moment else ''


def day(moment: datetime, zone: tzinfo, now: datetime | None = None) -> str:
    """Given a coming time, return '02:00' within the next 20 hours, else 'Wed 25 Nov, 02:00'."""
    local = moment.astimezone(zone)
    near = moment - (now or datetime.now(UTC)) < timedelta(hours=20)
    return f'{local:%H:%M}' if near else f'{local:%a} {local.day} {local:%b, %H:%M}'


def listed(words: Sequence[str], most: int = 3) -> str:
    """Given some words, return 'a, b and 4 more'."""
    shown, rest = list(words[:most]), len(words) - most
    if rest > 0:
        return f'{", ".join(shown)} and {rest} more'
    return ' and '.join([', '.join(shown[:-1]), shown[-1]]) if len(shown) > 1 else ''.join(shown)


def differences(what: Iterable[str]) -> str:
    """Given the ways in which two files differ, return 'content, size and time'."""
    return listed([DIFFERENCES.get(one, one) for one in what], 9)


def literal(text: str) -> str:
    """Given a name or path, return it with whatever one cannot see, or what turns text round, spelled out."""
    if text.isascii() and text.isprintable():
        return text
    return ''.join(char if _harmless(char) else _spelled(char) for char in text)


def _harmless(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == 'Zs'


def _spelled(char: str) -> str:
    return char.encode('unicode_escape').decode('ascii')
