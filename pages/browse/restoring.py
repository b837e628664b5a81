"""The dialog of a restore: where to, what that would change, and a last question that names the loss."""

from contextlib import suppress

from nicegui import ui

from pages.browse.place import last_part
from pages.browse.shortfalls import draw_shortfalls
from pages.browse.target_form import TargetForm
from pages.calls import ask, told
from pages.frame import View
from pages.live import Batch, Run
from pages.restoring import act_in_words, dangerous, effects, target, total
from pages.widgets.confirm import until_closed
from pages.widgets.lines import draw_folded
from pages.widgets.progress import bar, show_bar
from pages.widgets.restore_changes import RestoreChanges
from pages.widgets.text import Text, box, button
from pages.wording import exact, literal, phase, plural
from plumbus.errors import PlumbusError
from plumbus.model import Backup, Client, Restore, Status

STEPS = ('Where to', 'What it changes', 'Restore')


class RestoreDialog:
    """Given a backup and paths in it. `ask` returns when the dialog is closed; a restore that was started has a page."""

    def __init__(self, view: View, backup: Backup, paths: list[str]) -> None:
        self._view, self._backup, self._paths = view, backup, paths
        self._preview: Restore | None = None
        self._shown = False
        self._bar: ui.linear_progress | None = None

    async def ask(self) -> None:
        """Open the dialog and wait until it is closed."""
        clients = await ask(self._view.engine.clients.all)
        with ui.context.client.content, ui.dialog().props('persistent') as dialog, box('dialog wide'):
            self._dialog = dialog
            what = (
                literal(last_part(self._paths[0]))
                if len(self._paths) == 1
                else plural(len(self._paths), 'entry', 'entries')
            )
            title = 'Restore everything' if self._paths == ['/'] else f'Restore {what}'
            dialog.props['aria-label'] = title
            Text(title, tag='h2')
            began = self._backup.start_time or self._backup.created_at
            Text(f'as of {exact(began, self._view.zone)}', 'sub', 'p')
            self._marks = box('steps', 'ol')
            self._panes = [box('stack near') for _ in STEPS]
        with self._panes[0]:
            self._draw_target(clients)
        self._go(0)
        await until_closed(dialog)
        await self._give_up()

    @property
    def runs(self) -> list[Run]:
        """The dry run, if there is one to follow."""
        return [] if self._preview is None or self._shown else [('restore', self._preview.id)]

    def moved(self, batch: Batch) -> None:
        """Given how far runs are, show how far the dry run is."""
        for run in self.runs:
            progress = batch.progress.get(run)
            if progress and self._bar:
                show_bar(self._bar, progress.percent)

    async def changed(self, batch: Batch) -> None:
        """Given what changed, look whether the dry run has ended."""
        if any(batch.touches_one(*run) for run in self.runs):
            await self._look()

    def _draw_target(self, clients: list[Client]) -> None:
        draw_shortfalls(self._backup)
        self._target = TargetForm(self._view, self._backup, self._paths, clients)
        with box('actions'):
            button('Cancel', on_click=self._dialog.close)
            button('Show what it changes', 'primary', icon='o_arrow_forward', on_click=self._ask_preview)

    def _go(self, step: int) -> None:
        for index, pane in enumerate(self._panes):
            pane.visible = index == step
        self._marks.clear()
        with self._marks:
            for index, words in enumerate(STEPS):
                with box('done' if index < step else '', 'li') as item:
                    if index == step:
                        item.props['aria-current'] = 'step'
                    Text('✓' if index < step else str(index + 1), 'mark')
                    Text(words)

    async def _ask_preview(self) -> None:
        with self._target.form.objections():
            await self._give_up()
            fields = self._target.fields()
            self._preview = await ask(
                self._view.engine.restores.start, self._backup.id, {**fields, 'dry_run': True}
            )
            self._shown = False
            self._panes[1].clear()
            with self._panes[1]:
                Text(f'{phase("checking")} on {self._preview.client_name} …', tag='p').props('role=status')
                self._bar = bar('Comparing')
                show_bar(self._bar, None)
                with box('actions'):
                    button('Back', icon='o_arrow_back', on_click=self._back)
            self._go(1)
            await self._look()

    async def _look(self) -> None:
        if self._preview is None:
            return
        run = await ask(self._view.engine.restores.get, self._preview.id)
        if self._shown or run.id != self._preview.id or not run.status.finished:
            return
        self._shown, self._preview = True, run
        self._panes[1].clear()
        with self._panes[1]:
            if run.status.good:
                self._draw_changes(run)
            else:
                self._draw_trouble(run)

    def _draw_changes(self, run: Restore) -> None:
        many = total(run)
        draw_remarks(run)
        if many:
            draw_effects(run)
            if run.changes:
                RestoreChanges(run, self._view.zone)
        else:
            with box('empty'):
                Text('Nothing would change', 'strong', 'h3')
                Text('What lies there is already as it is in the snapshot.', 'sub', 'p')
        with box('actions'):
            button('Back', icon='o_arrow_back', on_click=self._back)
            if many:
                button('Continue', 'primary', icon='o_arrow_forward', on_click=self._draw_question)
            else:
                button('Close', 'primary', on_click=self._dialog.close)

    def _draw_trouble(self, run: Restore) -> None:
        with box('notice fa card stack tight').props('role=alert'):
            Text('It cannot be restored there now', 'strong', 'h3')
            Text(run.error_message or 'The comparison was stopped.', 'wrap-any', 'p')
        with box('actions'):
            button('Back', icon='o_arrow_back', on_click=self._back)
            button('Try again', 'primary', icon='o_refresh', on_click=self._ask_preview)

    def _draw_question(self) -> None:
        run = self._preview
        if run is None:
            return
        self._panes[2].clear()
        with self._panes[2]:
            Text(f'Restore to {target(run)}?', 'strong', 'h3')
            draw_effects(run)
            with box('actions'):
                button('Back', icon='o_arrow_back', on_click=lambda: self._go(1))
                kind = 'danger' if dangerous(run) else 'primary'
                button(act_in_words(run), kind, icon='o_settings_backup_restore', on_click=self._restore)
        self._go(2)

    async def _restore(self) -> None:
        with told():
            run = await ask(self._view.engine.restores.start, self._backup.id, self._target.fields())
            self._dialog.close()
            ui.navigate.to(f'/restores/{run.id}')

    async def _back(self) -> None:
        await self._give_up()
        self._go(0)

    async def _give_up(self) -> None:
        """End a dry run that nobody waits for any more."""
        run, self._preview = self._preview, None
        if run and not self._shown:
            with suppress(PlumbusError):
                await ask(self._view.engine.restores.cancel, run.id)


def draw_effects(run: Restore) -> None:
    """Given a dry run, say what it would do."""
    with box('effects', 'ul'):
        for effect in effects(run):
            with box('loss' if effect.loss else '', 'li'):
                ui.icon(effect.icon)
                Text(effect.words)


def draw_remarks(run: Restore) -> None:
    """Given a dry run, say what to know of it, and what the snapshot lacks."""
    trouble = [run.error_message] if run.status == Status.WARNING and run.error_message else []
    for words in (*run.notes, *trouble):
        with box('card notice wa'):
            Text(words, 'wrap-any', 'p')
    for name, lines in (('Missing in the snapshot', run.missing), ('Damaged in the snapshot', run.damaged)):
        if lines:
            draw_folded(name, lines).classes('panel')
