"""Small rules that the services share about what users send and read."""

from collections.abc import Mapping
from typing import Any

from plumbus.errors import InvalidInput


def revision_of(fields: Mapping[str, Any]) -> int | None:
    """Given what a user sent, return the revision it started from, if it names one. Raise InvalidInput if it is no number."""
    revision = fields.get('revision')
    if revision is not None and (not isinstance(revision, int) or isinstance(revision, bool)):
        raise InvalidInput({'revision': 'must be a whole number'})
    return revision


def counted(count: int, noun: str) -> str:
    """Given a number and a noun, return both ('1 job', '3 jobs')."""
    return f'{count} {noun}' if count == 1 else f'{count} {noun}s'
