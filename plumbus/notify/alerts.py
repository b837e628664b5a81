"""What is not well at present and whether anybody was told: kept in the store, so that a restart repeats nothing."""

from pydantic import AwareDatetime

from plumbus.model import EventKind, Record
from plumbus.store.documents import Documents


class Alert(Record):
    """One thing that is not well. `topic` names it, like 'job:3'; `state` is the kind of message that tells it.

    `told_at` is null as long as no target wanted to know. `healed`: it had been worse before, and someone was told of that.
    """

    topic: str
    state: EventKind
    since: AwareDatetime
    told_at: AwareDatetime | None = None
    healed: bool = False


class Alerts:
    """For one thread. Reads the store once, writes every change through."""

    def __init__(self, alerts: Documents[Alert]) -> None:
        self._stored = alerts
        self._known: dict[str, Alert] = {}

    def load(self) -> None:
        """Read what was not well when PLUMBUS was stopped."""
        self._known = {alert.topic: alert for alert in self._stored.all()}

    def all(self) -> list[Alert]:
        """Return every alert, by its topic."""
        return [self._known[topic] for topic in sorted(self._known)]

    def get(self, topic: str) -> Alert | None:
        """Given a topic, return its alert if it is not well."""
        return self._known.get(topic)

    def change(self, gone: list[str], put: list[Alert]) -> None:
        """Given topics that are well again and alerts that are new or other than before, keep that in one write."""
        if not gone and not put:
            return
        with self._stored.transaction():
            for alert in put:
                known = self._known.get(alert.topic)
                self._known[alert.topic] = (
                    self._stored.set(known.id, **alert.model_dump(exclude=set(Record.model_fields)))
                    if known
                    else self._stored.add(alert)
                )
            for topic in gone:
                self._stored.remove(self._known.pop(topic).id)
