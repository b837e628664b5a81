"""Puts the parts of notifications together, for the engine."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from plumbus.backup.stats import room
from plumbus.config import Settings
from plumbus.events import EventBus
from plumbus.model import Delivery, NotificationTarget
from plumbus.notify.alerts import Alert, Alerts
from plumbus.notify.attempt import Attempts
from plumbus.notify.messages import Writer
from plumbus.notify.outbox import Outbox
from plumbus.notify.pings import Pinger, PingUrls
from plumbus.notify.preferences import Preferences, StoredPreferences
from plumbus.notify.report import Reporter
from plumbus.notify.services import AppriseSender
from plumbus.notify.targets import Targets
from plumbus.notify.watch import Watch
from plumbus.services.jobs import Jobs
from plumbus.services.notifications import Notifications
from plumbus.services.notifying import Notifier
from plumbus.store.documents import Documents
from plumbus.store.opened import Store

Clock = Callable[[], datetime]


def made_notifications(
    store: Store, events: EventBus, jobs: Jobs, settings: Settings, clock: Clock
) -> tuple[Notifications, Notifier]:
    """Given what they stand on, return what a user can do with notifications, and the threads behind them."""
    attempts = Attempts()
    sender = AppriseSender(attempts)
    targets = Targets(Documents(store.database, 'targets', NotificationTarget, clock), store.vault, sender)
    outbox = Outbox(Documents(store.database, 'deliveries', Delivery, clock), targets, sender, events, clock)
    preferences = Preferences(
        Documents(store.database, 'notification_settings', StoredPreferences, clock), clock
    )
    alerts = Alerts(Documents(store.database, 'alerts', Alert, clock))
    writer = Writer(zone=settings.zone, public_url=str(settings.public_url or ''))
    space = partial(room, settings.data_dir.resolve() / 'backups')

    watch = Watch(
        backups=store.backups, jobs=store.jobs, clients=store.clients, alerts=alerts, outbox=outbox, writer=writer,
        settings=preferences.get, overdue=jobs.overdue, disk_space=space, now=clock,
    )  # fmt: skip
    reporter = Reporter(
        backups=store.backups, jobs=store.jobs, clients=store.clients, overdue=jobs.overdue, disk_space=space,
        reserve_percent=settings.disk_reserve_percent,
    )  # fmt: skip
    pinger = Pinger(
        urls=PingUrls(store.vault), jobs=store.jobs, backups=store.backups, note=outbox.note, attempts=attempts, now=clock
    )  # fmt: skip
    notifier = Notifier(
        events=events, alerts=alerts, watch=watch, outbox=outbox, pinger=pinger, reporter=reporter, writer=writer,
        preferences=preferences, attempts=attempts, zone=settings.zone, now=clock,
    )  # fmt: skip
    service = Notifications(
        targets=targets, outbox=outbox, preferences=preferences, sender=sender, events=events, now=clock,
        job_exists=store.jobs.exists,
    )  # fmt: skip
    return service, notifier
