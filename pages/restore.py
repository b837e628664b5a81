"""One restore: live while it runs, afterwards what came of it, with its log, and the way to undo it."""

from nicegui import ui

from pages.browse.place import Place, address
from pages.calls import ask, told
from pages.frame import View, frame
from pages.live import Batch, Run
from pages.missing import friendly, number_in
from pages.restore_result import draw_result
from pages.restoring import title, undo_in_words
from pages.widgets.confirm import confirm
from pages.widgets.logview import LogView
from pages.widgets.progress import ProgressPanel
from pages.widgets.status import StatusChip
from pages.widgets.text import Text, box, button, button_link, card
from pages.widgets.when import When
from plumbus.engine import Engine
from plumbus.errors import NotFound
from plumbus.model import Progress, Restore


def register(engine: Engine) -> None:
    """Draw /restores/ID."""

    @ui.page('/restores/{restore_id}')
    async def restore_page(restore_id: str) -> None:
        async with friendly(engine, '/restores'):
            restore = await ask(engine.restores.get, number_in(restore_id))
            crumbs = [('Browse & restore', '/browse'), ('Restores', '/restores')]
            async with frame(engine, title(restore), here='/browse', crumbs=crumbs) as view:
                RestorePage(view, restore)


class RestorePage:
    """Progress and log move in place; when the record changes, head and result are drawn anew."""

    def __init__(self, view: View, restore: Restore) -> None:
        self._view, self._restore = view, restore
        self._panel: ProgressPanel | None = None
        self._head, self._body = view.head, box('stack')
        self._log = LogView('Log', f'/api/restores/{restore.id}/log')
        view.feed.on(self._changed, 'restore')
        view.feed.follow(self._moved, lambda: [('restore', restore.id)])
        self._draw()
        ui.timer(0, self._load_log, once=True)

    async def _load_log(self) -> None:
        with told():
            self._log.begin(await ask(self._view.engine.restores.log_tail, self._restore.id))

    def _moved(self, batch: Batch) -> None:
        run: Run = ('restore', self._restore.id)
        self._log.push(batch.lines.get(run, []))
        progress = batch.progress.get(run)
        if progress and self._panel:
            self._panel.show(progress)

    async def _changed(self, batch: Batch) -> None:
        if batch.touches_one('restore', self._restore.id):
            await self._reload()

    async def _reload(self) -> None:
        try:
            newer = await ask(self._view.engine.restores.get, self._restore.id)
        except NotFound:
            ui.navigate.to('/restores')
            return
        changed, self._restore = newer != self._restore, newer
        if changed:
            self._draw()

    def _draw(self) -> None:
        restore = self._restore
        self._draw_head()
        self._body.clear()
        self._panel = None
        with self._body:
            if restore.status.finished:
                draw_result(restore, self._view.zone)
            else:
                with card(classes='stack near').mark('live'):
                    self._panel = ProgressPanel(
                        restore.progress or Progress(phase=restore.status.value), 'This restore'
                    )

    def _draw_head(self) -> None:
        restore = self._restore
        self._head.clear()
        with self._head:
            Text(title(restore), tag='h1')
            StatusChip(restore.status).mark('status')
            When(restore.start_time or restore.created_at, self._view.zone, 'sub')
            ui.space()
            if not restore.status.finished:
                button('Cancel', icon='o_close', on_click=self._cancel)
                return
            if restore.undoable and self._view.may('restores.undo'):
                button('Undo', icon='o_undo', on_click=self._undo)
            there = Place(job=restore.job_id, snapshot=restore.backup_id)
            button_link('The snapshot', address(there), icon='o_folder')

    async def _undo(self) -> None:
        losses = undo_in_words(self._restore)
        if await confirm('Undo this restore?', losses, act='Undo it', keep='Leave it'):
            with told():
                undo = await ask(self._view.engine.restores.undo, self._restore.id)
                ui.navigate.to(f'/restores/{undo.id}')

    async def _cancel(self) -> None:
        dry = self._restore.dry_run
        losses = ['Nothing is changed yet.' if dry else 'What has been copied back by then stays there.']
        if await confirm('Cancel this restore?', losses, act='Cancel the restore', keep='Let it run'):
            with told():
                await ask(self._view.engine.restores.cancel, self._restore.id)
