"""What `check` says of one thing: well, worth a thought, or in the way of backups; with the remedy."""

from dataclasses import dataclass
from typing import Literal

Level = Literal['ok', 'warning', 'problem']


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    level: Level
    topic: str
    message: str
    remedy: str = ''


def ok(topic: str, message: str) -> Finding:
    """Return that all is well."""
    return Finding('ok', topic, message)


def warning(topic: str, message: str, remedy: str) -> Finding:
    """Return what works, but not as well or as safely as it could."""
    return Finding('warning', topic, message, remedy)


def problem(topic: str, message: str, remedy: str) -> Finding:
    """Return what keeps PLUMBUS, or some backup, from working."""
    return Finding('problem', topic, message, remedy)
