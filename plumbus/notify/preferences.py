"""How messages repeat and when the report goes out, as stored."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime

from plumbus.errors import Conflict
from plumbus.model import NotificationSettings, NotificationSettingsView, Record, checked
from plumbus.store.documents import Documents


class StoredPreferences(NotificationSettings, Record):
    """The one record, and when the last report went out."""

    reported_at: AwareDatetime | None = None


class Preferences:
    """Thread-safe."""

    def __init__(self, stored: Documents[StoredPreferences], now: Callable[[], datetime]) -> None:
        self._stored = stored
        self._now = now

    def get(self) -> NotificationSettingsView:
        """Return what is set, or the defaults."""
        return _shown(self._record())

    def update(self, fields: Mapping[str, Any], revision: int | None = None) -> NotificationSettingsView:
        """Given some fields and the revision they started from, change them.

        Raise InvalidInput, or Conflict if someone else was quicker.
        """
        with self._stored.transaction():
            known = self._record()
            if revision is not None and revision < known.revision:
                raise Conflict(
                    'Someone changed these settings in the meantime.', 'Reload and edit them again.'
                )
            entered = checked(NotificationSettings, {**known.model_dump(), **fields})
            stored = known if known.id else self._stored.add(known)
            return _shown(self._stored.edit(stored.id, entered.model_dump()))

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


def _shown(record: StoredPreferences) -> NotificationSettingsView:
    return NotificationSettingsView(**record.model_dump())
