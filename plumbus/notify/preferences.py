"""How messages repeat and when the report goes out, as stored."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime

from plumbus.model import NotificationSettings, Record, checked
from plumbus.store.documents import Documents


class StoredPreferences(NotificationSettings, Record):
    """The one record, and when the last report went out."""

    reported_at: AwareDatetime | None = None


class Preferences:
    """Thread-safe."""

    def __init__(self, stored: Documents[StoredPreferences], now: Callable[[], datetime]) -> None:
        self._stored = stored
        self._now = now

    def get(self) -> NotificationSettings:
        """Return what is set, or the defaults."""
        return NotificationSettings(**self._record().model_dump())

    def update(self, fields: Mapping[str, Any]) -> NotificationSettings:
        """Given some fields, change them. Raise InvalidInput."""
        entered = checked(NotificationSettings, {**self.get().model_dump(), **fields})
        with self._stored.transaction():
            known = self._record()
            if known.id:
                self._stored.set(known.id, **entered.model_dump())
            else:
                self._stored.add(StoredPreferences(**entered.model_dump()))
        return entered

    def reported_at(self) -> datetime:
        """Return when the last report went out; the first time that is now: there is no week yet to report of."""
        return self._record().reported_at or self.report_is_out()

    def report_is_out(self) -> datetime:
        """Note that the report has gone out, and return when."""
        now = self._now()
        with self._stored.transaction():
            known = self._record()
            if known.id:
                self._stored.set(known.id, reported_at=now)
            else:
                self._stored.add(StoredPreferences(reported_at=now))
        return now

    def _record(self) -> StoredPreferences:
        found = self._stored.select(limit=1).items
        return found[0] if found else StoredPreferences()
