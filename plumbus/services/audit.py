"""The audit log: who did what to what, from where, when. There is no way to change or clear it from within PLUMBUS."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

import orjson
from pydantic import ValidationError

from plumbus.errors import StoreError
from plumbus.events import Audited, EventBus
from plumbus.model import Actor, AuditEntry, Page
from plumbus.model.audit import Outcome
from plumbus.store.audit_file import AuditFile

LONGEST_TEXT = 300
MOST_SEARCHED = 100_000
NOBODY = 'nobody'
log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(kw_only=True, slots=True)
class Audit:
    """Thread-safe. A disk that takes no more lines stops nobody's work; the log of PLUMBUS tells it then."""

    file: AuditFile
    now: Callable[[], datetime] = _now
    events: EventBus = field(default_factory=EventBus)

    def record(
        self,
        action: str,
        actor: Actor | None,
        *,
        address: str = '',
        object: str = '',  # noqa: A002 -- the name of the field
        details: str = '',
        outcome: Outcome = 'done',
        error: str = '',
    ) -> None:
        """Given what happened, add it."""
        entry = AuditEntry(
            time=self.now(),
            who=one_line(actor.name) if actor else NOBODY,
            kind=actor.kind if actor else NOBODY,
            address=one_line((actor.address if actor else '') or address),
            action=action,
            object=one_line(object),
            details=one_line(details),
            outcome=outcome,
            error=one_line(error),
        )
        try:
            self.file.append(orjson.dumps(entry.model_dump(mode='json')))
        except StoreError as failure:
            log.error('The audit log lacks “%s” by %s: %s', entry.action, entry.who, failure)
        self.events.publish(Audited(action=action))

    def page(
        self,
        *,
        who: str = '',
        action: str = '',
        outcome: str = '',
        search: str = '',
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Page[AuditEntry]:
        """Return a slice of what fits all that is given, the newest first. It looks at the last 100,000 lines."""
        wanted = search.casefold()

        def fits(entry: AuditEntry) -> bool:
            return (
                who in {'', entry.who}
                and outcome in {'', entry.outcome}
                and (not action or entry.action == action or entry.action.startswith(f'{action}.'))
                and (since is None or entry.time >= since)
                and (until is None or entry.time < until)
                and (not wanted or wanted in _all_text(entry))
            )

        found = [entry for entry in self._entries() if fits(entry)]
        return Page(found[offset : offset + limit], len(found))

    def actors(self) -> list[str]:
        """Return everybody the log names, in the order of the alphabet."""
        return sorted({entry.who for entry in self._entries()})

    def _entries(self) -> Iterator[AuditEntry]:
        for line in islice(self.file.newest_first(), MOST_SEARCHED):
            try:
                yield AuditEntry.model_validate_json(line)
            except ValidationError:  # half a line, or one that somebody else wrote
                continue


def one_line(text: str) -> str:
    """Given any text, return it short, on one line and fit for a file: what would not be is shown as its escape."""
    shown = ''.join(
        char if char.isprintable() else char.encode('unicode_escape').decode('ascii')
        for char in text[:LONGEST_TEXT]
    )
    return f'{shown}…' if len(text) > LONGEST_TEXT else shown


def _all_text(entry: AuditEntry) -> str:
    parts = (entry.who, entry.address, entry.action, entry.object, entry.details, entry.error)
    return '\n'.join(parts).casefold()
