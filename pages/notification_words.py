"""Kinds of messages, and what became of one, in the words of the pages. Pure."""

from collections.abc import Mapping, Sequence

from pages.wording import WAITING, Look
from plumbus.model import EVENT_KINDS, Delivery, EventKind

KINDS: Mapping[EventKind, str] = {
    'failed': 'A backup failed',
    'warning': 'A backup ended with warnings',
    'overdue': 'A job is overdue',
    'recovered': 'A job is well again',
    'disk_low': 'The disk is almost full',
    'host_key_changed': 'A machine shows another host key',
    'verify_damaged': 'A snapshot is damaged',
    'weekly_report': 'Weekly report',
}
SHORT = {
    'failed': 'failed', 'warning': 'warnings', 'overdue': 'overdue', 'recovered': 'well again', 'disk_low': 'disk', 'test': 'test',
    'host_key_changed': 'host key', 'verify_damaged': 'damaged', 'weekly_report': 'weekly report', 'ping': 'ping',
}  # fmt: skip
WEEKDAYS = dict(enumerate(('Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday')))
SENT = Look(tone='ok', icon='o_check', word='delivered')
NOT_SENT = Look(tone='fa', icon='o_close', word='not delivered')
AGAIN = Look(tone='wa', icon='o_replay', word='trying again')
ON = Look(tone='ok', icon='o_notifications_active', word='on')
OFF = Look(tone='no', icon='o_notifications_off', word='off')


def outcome(delivery: Delivery) -> Look:
    """Given a delivery, return how to show what became of it."""
    if delivery.status == 'waiting':
        return AGAIN if delivery.attempts else WAITING
    return SENT if delivery.status == 'delivered' else NOT_SENT


def kinds_in_words(kinds: Sequence[EventKind]) -> str:
    """Given the kinds of messages of a target, return them in a few words."""
    if len(kinds) == len(EVENT_KINDS):
        return 'everything'
    if not kinds:
        return 'nothing'
    missing = [kind for kind in EVENT_KINDS if kind not in kinds]
    if len(missing) <= 2:
        return f'everything but {" and ".join(SHORT[kind] for kind in missing)}'
    return ', '.join(SHORT[kind] for kind in kinds)
