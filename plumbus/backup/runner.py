"""One backup from the queue to its record: whatever happens, the record tells the truth and says what to do."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from plumbus.backup.attempt import Attempt
from plumbus.backup.capabilities import FileSystem, kept_owners
from plumbus.backup.commands import Commands
from plumbus.backup.damage import distrusted
from plumbus.backup.description import describe
from plumbus.backup.execution import Execution
from plumbus.backup.finishing import Pulled, success
from plumbus.backup.guards import RoomGuard, StoreGuard, ran_full, shrunk, size
from plumbus.backup.owners import told_of_owners
from plumbus.backup.pace import Pace
from plumbus.backup.patience import BY_HAND, Patience
from plumbus.backup.pull import Pull
from plumbus.backup.reporting import Reporter
from plumbus.backup.rsync_runs import RsyncRuns
from plumbus.backup.snapshots import TIME_FORMAT, Snapshot, Snapshots
from plumbus.backup.syncing import sync
from plumbus.backup.tally import Tally
from plumbus.backup.targets import Targets
from plumbus.backup.workspace import Workspace
from plumbus.cancellation import Cancellation
from plumbus.errors import ClientError, PlumbusError, StoreError, TransferFailed
from plumbus.failures import failed
from plumbus.model import Backup, Client, Job, Owners
from plumbus.model.hours import Quiet
from plumbus.store.documents import Documents
from plumbus.transfer import rsync
from plumbus.transfer.remote import ended_over_there, new_mark
from plumbus.transfer.ssh import SshSession, session
from plumbus.transfer.ssh_login import knock
from plumbus.transfer.target import Target


@dataclass(kw_only=True, slots=True)
class BackupRunner:
    """Executes backups; one object serves all worker threads."""

    clients: Documents[Client]
    jobs: Documents[Job]
    targets: Targets
    snapshots: Snapshots
    execution: Execution[Backup]
    store: StoreGuard
    disk: FileSystem
    options: rsync.Options
    reserve_percent: float
    patience: Patience
    quiet: Callable[[int], Quiet | None]
    _paces: dict[int, Pace] = field(default_factory=dict)

    @property
    def owners(self) -> Owners:
        """How snapshots keep owners here and now."""
        return kept_owners(self.options, self.disk)

    def execute(self, backup_id: int, cancellation: Cancellation) -> None:
        """Given a queued backup, run it to its end. Nothing is raised for a failed run; its record is final afterwards.

        If its client is not there, the record may be queued again, to wait for it.
        """

        def work(reporter: Reporter, started: datetime) -> dict[str, Any]:
            backup = self.execution.records.get(backup_id)
            attempt = self._prepare(backup, reporter, cancellation, started)
            self._paces[backup_id] = attempt.pace
            return self._until_done(attempt)

        try:
            self.execution.carry_out(backup_id, cancellation, work)
        finally:
            self._paces.pop(backup_id, None)

    def look_at_paces(self) -> None:
        """Stop, pause or let go again what runs, as the quiet hours want it now."""
        for pace in list(self._paces.values()):
            pace.look()

    def _prepare(
        self, backup: Backup, reporter: Reporter, cancellation: Cancellation, started: datetime
    ) -> Attempt:
        job = self.jobs.get(backup.job_id)
        client = self.clients.get(job.client_id)
        folder = self.snapshots.job_folder((client.id, client.name), (job.id, job.name))
        limit = job.timeout_minutes * 60
        return Attempt(
            backup=backup,
            job=job,
            client=client,
            reporter=reporter,
            cancellation=cancellation,
            folder=folder,
            started=started,
            moment=self.snapshots.free_time(folder, started),
            deadline=time.monotonic() + limit if limit else None,
            pace=Pace(
                cancellation=cancellation,
                asked=lambda: None if backup.trigger in BY_HAND else self.quiet(job.id),
            ),
        )

    def _until_done(self, attempt: Attempt) -> dict[str, Any]:
        """Try, and try again after a pause what may go better a little later."""
        tries_left, pause = attempt.job.retries, float(attempt.job.retry_delay_s)
        while True:
            attempt.cancellation = attempt.pace.begin()
            if paused := attempt.pace.paused():
                attempt.reporter.say(
                    'quiet hours have begun: what has come is kept, the rest comes when they are over'
                )
                return paused
            try:
                return self._attempt(attempt)
            except PlumbusError as error:
                if attempt.pace.stopped:
                    attempt.reporter.say('stopped, to go on at another pace')
                    continue
                soon = bool(tries_left) and _worth_a_retry(error, attempt)
                is_off = self.patience.waits_for(error, attempt.backup, attempt.job)
                if is_off and not (soon and attempt.under_way):
                    return self._postponed(error, attempt)
                if not soon:
                    raise
                attempt.reporter.say(f'{error} Next try in {pause:.0f} s, {tries_left} left.')
                attempt.reporter.phase('waiting for the next try')
            attempt.pace.cancellation.wait(pause)
            attempt.pace.cancellation.check()
            tries_left, pause = tries_left - 1, pause * 2

    def _postponed(self, error: PlumbusError, attempt: Attempt) -> dict[str, Any]:
        later = self.patience.postponed(error, attempt.backup, attempt.job, self.execution.now())
        if later is None:  # the window is over
            raise error
        attempt.reporter.say(str(later['queued_reason']))
        return later

    def _attempt(self, attempt: Attempt) -> dict[str, Any]:
        self.store.check()
        if not self.disk.hard_links:
            raise failed('no_hard_links')
        if not self.disk.link_copies:
            raise failed('no_link_copies')
        attempt.reporter.phase('connecting')
        attempt.reporter.say(
            f'{attempt.client.name} ({attempt.client.username}@{attempt.client.host}:{attempt.client.port}): '
            + ', '.join(attempt.job.source_paths)
        )
        target, new_key = self.targets.met(attempt.client)
        if attempt.backup.tries:
            knock(target)  # before anything is done for a client that may still not be there
        if new_key:
            attempt.reporter.say(f'first contact: the host key {new_key} is trusted from now on')
            attempt.client = self.clients.get(attempt.client.id)  # with what that contact told of its login
        attempt.mark = '' if attempt.client.restricted else new_mark()
        workspace = attempt.workspace = self.snapshots.begin(
            attempt.folder, self.owners, as_subvolume=self.disk.subvolumes
        )
        try:
            pulled = self._connected(attempt, target, workspace)
        except BaseException as error:
            with suppress(OSError):  # a disk that fails is told by the error already
                self._clear_up(workspace, error)
            if isinstance(error, TransferFailed | OSError):
                self.store.check()  # that the disk is gone explains all else
            raise
        return self._publish(attempt, workspace, pulled)

    def _clear_up(self, workspace: Workspace, error: BaseException) -> None:
        if not (workspace.fetching or workspace.continued):
            self.snapshots.discard(workspace)
        elif ran_full(error):
            workspace.tidy()  # what had come of one file is the price for a record that can be written

    def _connected(self, attempt: Attempt, target: Target, workspace: Workspace) -> Pulled:
        with session(target, self.targets.keys, attempt.cancellation) as connection:
            commands = Commands(
                job=attempt.job, connection=connection, reporter=attempt.reporter,
                cancellation=attempt.cancellation, mark=attempt.mark, deadline=attempt.deadline,
            )  # fmt: skip
            try:
                with ended_over_there(
                    connection, attempt.mark, attempt.cancellation, sudo=attempt.client.use_sudo, tell=attempt.reporter.say
                ):  # fmt: skip
                    commands.before()
                    return self._pull(attempt, workspace, connection)
            finally:
                commands.after()

    def _pull(self, attempt: Attempt, workspace: Workspace, connection: SshSession) -> Pulled:
        for line in told_of_owners(self.owners, self.snapshots.of(attempt.folder)):
            attempt.reporter.say(line)
        previous = Snapshot(workspace.base) if workspace.base else None
        damaged = distrusted(previous.path) if previous else frozenset()
        if damaged:
            attempt.reporter.say(f'{len(damaged)} damaged files of the last snapshot are fetched again')
        pull = Pull(
            runs=RsyncRuns(
                sources=attempt.job.source_paths,
                session=connection,
                reporter=attempt.reporter,
                cancellation=attempt.cancellation,
                home=self.snapshots.data_dir,
                deadline=attempt.deadline,
                pulled=Pulled(tally=Tally()),
            ),
            options=replace(
                job_options(self.options, attempt.job, attempt.client),
                mark=attempt.mark,
                bandwidth_limit_kib=attempt.pace.bandwidth(attempt.job.bandwidth_limit_kib),
            ),
            workspace=workspace,
            previous=previous,
            distrusted=damaged,
            room=RoomGuard(self.snapshots.root, self.reserve_percent),
            moment=int(attempt.moment.timestamp()),
        )
        return pull.run()

    def _publish(self, attempt: Attempt, workspace: Workspace, pulled: Pulled) -> dict[str, Any]:
        attempt.reporter.phase('finishing')
        attempt.pace.settle()
        if pulled.partial and not pulled.tally.files:
            raise failed('nothing_readable', exit_code=pulled.exit_code)
        sync(workspace.path, self.snapshots.data_dir, attempt.cancellation)
        warning = shrunk(
            pulled.tally.files,
            pulled.tally.bytes,
            self.snapshots.newest_trusted(attempt.folder),
            attempt.job.shrink_warning_percent,
        )
        moment = self.snapshots.free_time(attempt.folder, attempt.started)
        ending = success(pulled, warning, self.owners) | {
            'backup_path': str(
                (attempt.folder / moment.strftime(TIME_FORMAT)).relative_to(self.snapshots.data_dir)
            )
        }
        description = self._description(attempt, ending, pulled)
        self.snapshots.publish(workspace, moment.strftime(TIME_FORMAT), description)
        with suppress(OSError, StoreError):  # it is there; the next run uses up what could not be
            self.snapshots.use_up(workspace)
            attempt.reporter.say(
                f'done: {pulled.tally.files} files, {size(pulled.tally.bytes)}, {size(pulled.transferred_bytes)} transferred'
            )
        return ending

    def _description(self, attempt: Attempt, ending: dict[str, Any], pulled: Pulled) -> dict[str, Any]:
        ended = self.execution.now()
        final = attempt.backup.model_copy(
            update={
                **ending,
                'start_time': attempt.started,
                'end_time': ended,
                'duration_s': round((ended - attempt.started).total_seconds(), 3),
            }
        )
        way = self.targets.way_to(self.clients.get(attempt.client.id))
        return describe(final, attempt.job, way, pulled.origins, pulled.whole_listing)


def job_options(base: rsync.Options, job: Job, client: Client) -> rsync.Options:
    """Given what both ends can do, the job and its client, return rsync's options."""
    return rsync.Options(
        acls=base.acls,
        xattrs=base.xattrs,
        fake_super=base.fake_super,
        secluded=not client.restricted,
        sudo=client.use_sudo,
        bandwidth_limit_kib=job.bandwidth_limit_kib,
        compress=job.compress,
        one_file_system=job.one_file_system,
        excludes=tuple(job.excludes),
    )


def _worth_a_retry(error: PlumbusError, attempt: Attempt) -> bool:
    # Someone who pressed the button wants to hear at once that the machine does not answer.
    transient = isinstance(error, TransferFailed | ClientError) and error.transient
    return transient and (attempt.under_way or attempt.backup.trigger not in BY_HAND)
