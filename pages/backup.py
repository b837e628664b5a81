"""One backup: live while it runs, afterwards what came of it, its files and its log."""

from nicegui import ui

from pages.backup_result import draw_result
from pages.browse.place import Place, address
from pages.calls import ask, praise, told
from pages.frame import View, frame
from pages.jobs import run_now
from pages.live import Batch, Run
from pages.missing import friendly, number_in
from pages.widgets.confirm import confirm
from pages.widgets.logview import LogView
from pages.widgets.note import NoteCard
from pages.widgets.progress import ProgressPanel
from pages.widgets.snapshot import SnapshotBrowser
from pages.widgets.status import StatusChip
from pages.widgets.text import Text, box, button, button_link, card
from pages.widgets.verifying import VerifyCard
from pages.widgets.waiting import draw_waiting
from pages.widgets.when import When
from pages.wording import DAMAGED, TRIGGERS, plural, size
from plumbus.engine import Engine
from plumbus.errors import NotFound
from plumbus.model import Backup, Progress, Status


def register(engine: Engine) -> None:
    """Draw /backups/ID."""

    @ui.page('/backups/{backup_id}')
    async def backup_page(backup_id: str) -> None:
        async with friendly(engine, '/backups'):
            backup = await ask(engine.backups.get, number_in(backup_id))
            crumbs = [('Backups', '/backups'), (backup.client_name, f'/clients/{backup.client_id}')]
            async with frame(engine, f'Backup {backup.id}', here='/backups', crumbs=crumbs) as view:
                BackupPage(view, backup)


class BackupPage:
    """Progress and log move in place; when the record changes, head and result are drawn anew. What one works in stays."""

    def __init__(self, view: View, backup: Backup) -> None:
        self._view, self._backup = view, backup
        self._panel: ProgressPanel | None = None
        self._head, self._body, self._lasting = view.head, box('stack'), box('stack')
        self._lasting.visible = False
        self._verify: VerifyCard | None = None
        self._note: NoteCard | None = None
        self._log = LogView('Log', f'/api/backups/{backup.id}/log')
        view.feed.on(self._changed, 'backup')
        view.feed.follow(self._moved, lambda: [('backup', backup.id)])
        self._draw()
        ui.timer(0, self._load_log, once=True)

    async def _load_log(self) -> None:
        with told():
            self._log.begin(await ask(self._view.engine.backups.log_tail, self._backup.id))

    def _moved(self, batch: Batch) -> None:
        run: Run = ('backup', self._backup.id)
        self._log.push(batch.lines.get(run, []))
        progress = batch.progress.get(run)
        if progress and self._panel:
            self._panel.show(progress)

    async def _changed(self, batch: Batch) -> None:
        in_line = self._backup.status is Status.QUEUED and batch.touches('backup')  # others moved on
        if in_line or batch.touches_one('backup', self._backup.id):
            await self._reload()

    async def _reload(self) -> None:
        try:
            newer = await ask(self._view.engine.backups.get, self._backup.id)
        except NotFound:
            ui.navigate.to('/backups')
            return
        known, self._backup = self._backup, newer
        if newer.status.finished or _seen(newer) != _seen(known):
            self._draw()

    def _draw(self) -> None:
        self._draw_head()
        self._body.clear()
        self._panel = None
        with self._body:
            if self._backup.status.finished:
                accept = self._accept if self._view.may('backups.edit') else None
                draw_result(self._backup, self._view.zone, accept)
            elif self._backup.status is Status.QUEUED:
                draw_waiting(self._backup, self._view.zone)
            else:
                with card(classes='stack near').mark('live'):
                    self._panel = ProgressPanel(
                        self._backup.progress or Progress(phase=self._backup.status.value)
                    )
        if _has_snapshot(self._backup):
            self._draw_lasting()
        else:
            self._lasting.visible = False

    def _draw_lasting(self) -> None:
        if self._verify and self._note:
            self._verify.show(self._backup)
            self._note.show(self._backup)
            return
        self._lasting.visible = True
        with self._lasting:
            with box('pair level'):
                self._verify = VerifyCard(self._view, self._backup)
                self._note = NoteCard(self._view, self._backup)
            if self._backup.backup_path:
                SnapshotBrowser(self._view, self._backup.id)

    def _draw_head(self) -> None:
        backup = self._backup
        self._head.clear()
        with self._head:
            Text(backup.job_name, tag='h1')
            StatusChip(backup.status).mark('status')
            if backup.verify_status == 'damaged' and _has_snapshot(backup):
                StatusChip(DAMAGED)
            with box('sub'):
                When(backup.start_time or backup.created_at, self._view.zone)
                Text(f', {TRIGGERS[backup.trigger]}')
            ui.space()
            self._draw_acts()

    def _draw_acts(self) -> None:
        backup, offer = self._backup, self._view.offer
        if not backup.status.finished:
            offer('backups.cancel', button('Cancel', icon='o_close', on_click=self._cancel))
            return
        if not backup.status.good:
            again = button('Run again', 'primary', icon='o_play_arrow', on_click=self._run_again)
            offer('jobs.run', again)
        button_link('Job', f'/jobs/{backup.job_id}', icon='o_notes')
        if _has_snapshot(backup) and backup.backup_path:
            there = Place(job=backup.job_id, snapshot=backup.id)
            button_link('Browse & restore', address(there), icon='o_folder_open')
        if _has_snapshot(backup):
            words = 'Unpin' if backup.pinned else 'Pin'
            offer('backups.edit', button(words, icon='o_push_pin', on_click=self._pin))
        offer('backups.delete', button('Delete', icon='o_delete', on_click=self._delete))

    async def _cancel(self) -> None:
        losses = [
            'This backup leaves no snapshot. What it has fetched so far is kept, and the next run goes on from there.'
        ]
        if await confirm('Cancel this backup?', losses, act='Cancel the backup', keep='Let it run'):
            with told():
                await ask(self._view.engine.backups.cancel, self._backup.id)

    async def _run_again(self) -> None:
        await run_now(self._view, self._backup.job_id)

    async def _pin(self) -> None:
        with told():
            await ask(self._view.engine.backups.edit, self._backup.id, {'pinned': not self._backup.pinned})
            praise(
                'This snapshot is no longer pinned.' if self._backup.pinned else 'Pinned: it is never pruned.'
            )
            await self._reload()

    async def _accept(self) -> None:
        with told():
            await ask(self._view.engine.backups.edit, self._backup.id, {'suspicious': False})
            praise('This backup counts as a good one from now on.')
            await self._reload()

    async def _delete(self) -> None:
        backup = self._backup
        losses = ['The record of this backup and its log']
        if _has_snapshot(backup):
            losses.append(
                f'Its snapshot: {plural(backup.file_count, "file")}, {size(backup.size_bytes)}; frees about {size(backup.disk_bytes)}'
            )
        if await confirm(f'Delete backup {backup.id} of {backup.job_name}?', losses):
            with told():
                await ask(self._view.engine.backups.delete, backup.id)
                ui.navigate.to('/backups')


def _has_snapshot(backup: Backup) -> bool:
    return backup.status.good and backup.removed_at is None


def _seen(backup: Backup) -> tuple[object, ...]:
    """What is drawn of a backup that has not ended, but for its progress."""
    return backup.status, backup.queue_position, backup.queued_reason
