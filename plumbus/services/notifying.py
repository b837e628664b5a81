"""The threads behind notifications: one looks, one delivers, one pings. None of them can hold up or fail a backup."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from plumbus.cancellation import Cancellation
from plumbus.events import Changed, Event, EventBus
from plumbus.notify.alerts import Alerts
from plumbus.notify.attempt import Attempts
from plumbus.notify.messages import Writer
from plumbus.notify.outbox import Outbox
from plumbus.notify.pings import Pinger
from plumbus.notify.preferences import Preferences
from plumbus.notify.report import Reporter, last_due
from plumbus.notify.watch import Watch
from plumbus.scheduling.background import Background

LOOK_S = 60.0
DELIVER_S = 15.0
PING_S = 3600.0


@dataclass(kw_only=True, slots=True)
class Notifier:
    """Hears of what happens on the bus in the publisher's thread, and only wakes its own threads there."""

    events: EventBus
    alerts: Alerts
    watch: Watch
    outbox: Outbox
    pinger: Pinger
    reporter: Reporter
    writer: Writer
    preferences: Preferences
    attempts: Attempts
    zone: tzinfo
    now: Callable[[], datetime]
    _looking: Background = field(init=False)
    _delivering: Background = field(init=False)
    _pinging: Background = field(init=False)

    def __post_init__(self) -> None:
        self._looking = Background('notify', self._look, LOOK_S)
        self._delivering = Background('deliveries', self.outbox.deliver, DELIVER_S)
        self._pinging = Background('pings', self.pinger.work, PING_S)
        self.events.subscribe(self._hear)

    def start(self) -> None:
        """Begin with what was not well, and not delivered, when PLUMBUS was stopped."""
        self.alerts.load()
        self._looking.start()
        self._delivering.start()
        self._pinging.start()

    def stop(self, reason: str, timeout_s: float) -> None:
        """Stop; what is on its way goes out after the next start."""
        self.attempts.stop()
        for thread in (self._looking, self._delivering, self._pinging):
            thread.stop(reason, timeout_s)

    def _hear(self, event: Event) -> None:
        if not isinstance(event, Changed):
            return
        if self.pinger.hear(event):
            self._pinging.wake()
        if event.noun in {'backup', 'job', 'notification'}:
            self._looking.wake()
        if event.noun == 'notification':
            self._delivering.wake()

    def _look(self, cancellation: Cancellation) -> None:
        self.watch.look(cancellation)
        due = last_due(self.preferences.get(), self.zone, self.now())
        if self.preferences.reported_at() < due:
            if self.outbox.wants('weekly_report'):
                self.outbox.post([self.writer.weekly(self.reporter.lines(self.now()))])
            self.preferences.report_is_out()
