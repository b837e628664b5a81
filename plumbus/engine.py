"""Puts the engine together, and is the only door that the API and the pages go through."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self, cast

from plumbus.backup.capabilities import local_options, local_rsync, probe_file_system
from plumbus.backup.execution import CANCELLED, INTERRUPTED
from plumbus.backup.guards import StoreGuard
from plumbus.backup.prune import Sweeper
from plumbus.backup.reporting import LiveRuns
from plumbus.backup.snapshots import Snapshots
from plumbus.backup.stats import room
from plumbus.backup.targets import Targets
from plumbus.backup.undonotes import UndoNotes
from plumbus.config import Settings
from plumbus.events import Event, EventBus
from plumbus.model import Status
from plumbus.notify.pings import PingUrls
from plumbus.scheduling.background import Background
from plumbus.scheduling.queue import RunQueue, Ticket
from plumbus.scheduling.rules import Rules
from plumbus.scheduling.scheduler import DueRun, Planned, Scheduler
from plumbus.services.admission import made_admission
from plumbus.services.backups import Backups
from plumbus.services.clients import Clients
from plumbus.services.configuration import Configuration
from plumbus.services.door import Door
from plumbus.services.due import Due
from plumbus.services.history import History
from plumbus.services.housekeeping import Housekeeping
from plumbus.services.jobs import Jobs
from plumbus.services.lateness import Lateness
from plumbus.services.metrics import Metrics
from plumbus.services.notify_parts import made_notifications
from plumbus.services.people import made_people
from plumbus.services.reconcile import Kind, Reconciler, kind_of_backups
from plumbus.services.removal import Removal
from plumbus.services.restores import Restores
from plumbus.services.retaining import Retaining
from plumbus.services.runners import Runners
from plumbus.services.runs import Runs
from plumbus.services.search import made_search
from plumbus.services.starting import Starting
from plumbus.services.stock import Stock
from plumbus.services.system import System
from plumbus.services.verifications import Verifications
from plumbus.services.watchman import Watchman
from plumbus.store.claim import Claim
from plumbus.store.documents import utc_now
from plumbus.store.opened import Store
from plumbus.transfer.children import Children
from plumbus.transfer.keys import Keys

Clock = Callable[[], datetime]
PACING_S = 10.0  # so late at the most what runs hears of quiet hours
log = logging.getLogger(__name__)


class Engine:
    """Built from settings; nothing runs before `start()`. Services: clients, jobs, backups, restores, verifications,
    retention, notifications, metrics, configuration, accounts, users, tokens, audit, secrets, system."""

    def __init__(self, settings: Settings, clock: Clock = utc_now) -> None:
        self.settings = settings
        self.events = EventBus()
        store = Store.open(settings, clock)
        self._admission = made_admission(store, settings, clock)
        rules = Rules(places=self._admission.places, held=self._admission.held, now=clock)
        self._queue = RunQueue(settings.max_parallel, self._execute, self._dropped, rules)
        self._scheduler = Scheduler(clock, self._planned, self._start_due)
        data_dir = settings.data_dir.resolve()
        self._claim, self._children = Claim(data_dir), Children(data_dir / 'run')
        self._stopping, self._stopped = threading.Lock(), False
        keys = Keys(data_dir / 'keys')
        targets, snapshots = Targets(store.clients, store.vault, keys), Snapshots(data_dir)
        tool, disk = local_rsync(data_dir), probe_file_system(snapshots.root)
        options, live = local_options(tool, disk), LiveRuns()
        self._store_guard = StoreGuard(snapshots.root)
        shared: dict[str, Any] = {'logs': store.logs, 'events': self.events, 'live': live}

        self._runners = Runners.made(
            store=store, settings=settings, targets=targets, snapshots=snapshots, options=options, disk=disk,
            guard=self._store_guard, clock=clock, quiet=self._admission.quiet, shared=shared,
        )  # fmt: skip
        people = made_people(store, settings, clock, self.events)
        self.accounts, self.users, self.tokens, self.audit, self.secrets = people
        self._watchman = Watchman(overdue=lambda: self.jobs.lateness.overdue(clock()), events=self.events)
        self._pacing = Background('pacing', lambda _: self._runners.backup.look_at_paces(), PACING_S)
        removal = self._made_removal(store, snapshots, clock)
        self.jobs = self._made_jobs(store, snapshots, removal, clock)
        self.clients = Clients(
            store.clients, store.vault, targets, self.jobs, self.events, witness=self._children.of('client')
        )
        self.backups = Backups(
            kind='backup', records=store.backups, queue=self._queue, snapshots=snapshots, removal=removal, **shared
        )  # fmt: skip
        self.restores = Restores(
            kind='restore', records=store.restores, queue=self._queue, snapshots=snapshots,
            backups=store.backups, clients=store.clients, base=settings.restore_base, **shared,
        )  # fmt: skip
        self.verifications = Verifications(
            kind='verify', records=store.verifications, queue=self._queue, snapshots=snapshots,
            backups=store.backups, share_percent=settings.verify_share, **shared,
        )  # fmt: skip
        self._due = Due(
            jobs=self.jobs, backups=store.backups, verifications=self.verifications,
            verify_hour=settings.verify_hour if settings.verify_share else None,
        )  # fmt: skip
        self.search = made_search(store.backups, snapshots, self.events)
        self.system = System(
            data_dir=data_dir, database=store.database, clients=store.clients, backups=store.backups, jobs=self.jobs,
            queue=self._queue, keys=keys, tool=tool, disk=disk, scheduler_alive=lambda: self._scheduler.alive, now=clock,
            reserve_percent=settings.disk_reserve_percent,
        )  # fmt: skip
        self.retention = Retaining(
            jobs=self.jobs, backups=store.backups, snapshots=snapshots, removal=removal, now=clock
        )
        self._housekeeping = self._made_housekeeping(store, removal, clock)
        self.reconciler = self._made_reconciler()
        self._tell(store, keys, clock)

    def _tell(self, store: Store, keys: Keys, clock: Clock) -> None:
        parts = (store, self.events, self.jobs, self.settings, clock)
        self.notifications, self._notifier = made_notifications(*parts)
        self.configuration = Configuration(
            clients=self.clients, jobs=self.jobs, notifications=self.notifications, records=store.clients, vault=store.vault,
            keys=keys, now=clock,
        )  # fmt: skip
        self.metrics = Metrics(
            jobs=store.jobs, clients=store.clients, backups=store.backups, queued=self._queue.queued, running=self._queue.running,
            disk_space=partial(room, self.backups.snapshots.root), lag_s=lambda: self._scheduler.lag_s,
            scheduler_alive=lambda: self._scheduler.alive, waiting_messages=self.notifications.outbox.waiting,
            write_times=store.database.write_times, overdue=self.jobs.overdue,
            snapshot_bytes=lambda: self.system.figures.disk_bytes,
        )  # fmt: skip

    def _made_jobs(self, store: Store, snapshots: Snapshots, removal: Removal, clock: Clock) -> Jobs:
        return Jobs(
            jobs=store.jobs, clients=store.clients, backups=store.backups, snapshots=snapshots, removal=removal,
            logs=store.logs, plan=self._scheduler, events=self.events, now=clock, zone=self.settings.zone,
            lateness=Lateness(
                store.jobs, store.backups, self.settings.zone, timedelta(minutes=self.settings.overdue_grace_minutes), self._queue.held_jobs
            ),
            pings=PingUrls(store.vault),
            starting=Starting(
                jobs=store.jobs, clients=store.clients, backups=store.backups, queue=self._queue, events=self.events
            ),
        )  # fmt: skip

    @property
    def door(self) -> Self:
        """The engine as API and pages see it: each operation asks whether who does it may, and is noted in the audit log."""
        return cast(Self, Door(self, self.audit))

    def _made_removal(self, store: Store, snapshots: Snapshots, clock: Clock) -> Removal:
        return Removal(
            backups=store.backups,
            readers=(store.restores, store.verifications),
            snapshots=snapshots,
            queue=self._queue,
            events=self.events,
            now=clock,
            wake=self._sweep,
        )

    def _made_housekeeping(self, store: Store, removal: Removal, clock: Clock) -> Housekeeping:
        history = History(
            records={'backup': store.backups, 'restore': store.restores}, logs=store.logs, events=self.events,
            days=self.settings.history_days, count=self.settings.history_count, now=clock,
            forget={'restore': UndoNotes(removal.snapshots.data_dir / 'undo').delete},
        )  # fmt: skip
        return Housekeeping(
            retaining=self.retention,
            history=history,
            sweeper=Sweeper(snapshots=removal.snapshots, settle=removal.settle),
            tidy=store.database.tidy,
            witness=self._children.of('removal'),
        )

    def _made_reconciler(self) -> Reconciler:
        return Reconciler(
            queue=self._queue, children=self._children,
            kinds={
                'backup': kind_of_backups(self.backups, self.jobs),
                'restore': Kind(runs=self.restores, enqueue=self.restores.enqueue),
                'verify': Kind(runs=self.verifications, enqueue=self.verifications.enqueue),
            },
        )  # fmt: skip

    def claim(self) -> None:
        """Take the data folder for this process alone, as `start` does too. Raise StoreError if another one has it."""
        self._claim.take()

    def start(self) -> None:
        """Bring the records in line with what is on disk, queue again what waited, and let the threads begin.

        Raise StoreError if another process runs on the data folder, or if it cannot be used.
        """
        self.claim()
        try:
            self._start()
        except BaseException:
            self._claim.give_up()
            raise

    def _start(self) -> None:
        self.system.check_store()
        self._store_guard.prepare(holds_snapshots=self.backups.hold_snapshots())
        self._stock().prepare()
        self.system.warn()
        self.secrets.warn()
        self.accounts.prepare()
        self._admission.load()
        self.events.subscribe(self._rules_heard)
        self.reconciler.settle_leftovers()
        self._queue.start()
        self._scheduler.start()
        self.reconciler.start()
        self.search.keeper.start()
        self._housekeeping.start()
        self._pacing.start()
        self._watchman.start()
        self._notifier.start()

    def _stock(self) -> Stock:
        return Stock(
            database=self.system.database,
            backups=self.backups.records,
            snapshots=self.backups.snapshots,
            logs=self.backups.logs,
        )

    def stop(self, timeout_s: float = 7) -> None:
        """Start nothing more, stop what runs; it is recorded as interrupted. What runs on after `timeout_s` is ended for good."""
        with self._stopping:  # a signal and the end of the server both ask for it
            if self._stopped:
                return
            self._notifier.stop(INTERRUPTED, timeout_s=0.5)
            self.search.keeper.stop()
            self._watchman.stop(INTERRUPTED, timeout_s=0.5)
            self._pacing.stop(INTERRUPTED, timeout_s=0.5)
            self.reconciler.stop()
            self._housekeeping.stop(INTERRUPTED, timeout_s=0.5)
            self._scheduler.stop(timeout_s=1)
            if not self._queue.stop(INTERRUPTED, timeout_s):
                log.warning('Not all runs ended in time: their processes are ended for good.')
            self.reconciler.leave_nothing()
            self.system.database.close()
            self._claim.give_up()
            self._stopped = True

    def _execute(self, ticket: Ticket) -> bool:
        ticket.cancellation.witness = self._children.of(ticket.kind, ticket.run_id)
        self._perform(ticket)
        if ticket.kind != 'backup':
            return False
        backup = self.backups.records.find(ticket.run_id)
        if backup and backup.status is Status.QUEUED:
            ticket.not_before, ticket.reason = backup.next_try, backup.queued_reason or ''
            return True
        self._housekeeping.ended(backup)
        return False

    def _perform(self, ticket: Ticket) -> None:
        self._runners.perform(ticket)

    def _rules_heard(self, event: Event) -> None:
        if self._admission.heard(event):
            self._queue.wake()

    def _sweep(self) -> None:
        self._housekeeping.sweep()

    def _dropped(self, ticket: Ticket) -> None:
        # One that is interrupted stays queued and runs after the next start.
        if ticket.cancellation.reason == CANCELLED:
            runs: dict[str, Runs[Any]] = {
                'backup': self.backups,
                'restore': self.restores,
                'verify': self.verifications,
            }
            runs[ticket.kind].dropped(ticket.run_id)

    def _planned(self) -> Iterable[Planned]:
        return self._due.planned()

    def _start_due(self, due: Sequence[DueRun]) -> None:
        self._due.start(due)
