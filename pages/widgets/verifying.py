"""Whether a snapshot is still what was backed up: the last verification, one under way, the button for the next."""

from nicegui import ui

from pages.calls import ask, told
from pages.frame import View
from pages.live import Batch
from pages.widgets.lines import draw_lines
from pages.widgets.progress import bar, done, left, show_bar
from pages.widgets.status import StatusChip
from pages.widgets.text import Text, box, button, link
from pages.widgets.when import When
from pages.wording import DAMAGED, UNVERIFIED, VERIFIED, VERIFYING, WAITING, Look, plural
from plumbus.model import Backup, Progress, Status, Verification

DAMAGE = (
    'These files are not what was backed up any more. Check the disk of the data folder (dmesg, smartctl -a), and what else '
    'writes there. The next backup compares all content and fetches again what is damaged.'
)


class VerifyCard:
    """`show` takes a newer record of the backup; verifications are followed by the card itself."""

    def __init__(self, view: View, backup: Backup) -> None:
        self._view, self._backup = view, backup
        self._run: Verification | None = None
        self._moving: _Moving | None = None
        self._card = box('card stack near', 'section').props('aria-label=Verification')
        with self._card:
            with box('card-head'):
                Text('Verification', tag='h2')
                self._chip = StatusChip(UNVERIFIED).mark('verify-status')
                ui.space()
                self._acts = box('actions')
            self._body = box('stack near')
        view.feed.on(self._changed, 'verify')
        view.feed.follow(self._progressed, lambda: [('verify', self._run.id)] if self._run else ())
        ui.timer(0, self._reload, once=True)

    def show(self, backup: Backup) -> None:
        """Given a newer record of the backup, show it."""
        self._backup = backup
        self._draw()

    def _progressed(self, batch: Batch) -> None:
        progress = batch.progress.get(('verify', self._run.id)) if self._run else None
        if progress and self._moving:
            self._moving.show(progress)

    async def _changed(self, _: Batch) -> None:
        await self._reload()

    async def _reload(self) -> None:
        with told():
            found = await ask(self._view.engine.verifications.of_backup, self._backup.id, limit=1)
            self._run = found.items[0] if found.items else None
            self._draw()

    @property
    def _busy(self) -> Verification | None:
        return self._run if self._run and not self._run.status.finished else None

    def _draw(self) -> None:
        damaged = self._backup.verify_status == 'damaged'
        self._chip.show(self._look())
        self._card.classes(replace=f'card stack near {"notice fa" if damaged else ""}')
        self._acts.clear()
        with self._acts:
            if self._busy:
                self._view.offer('verifications.cancel', button('Stop', icon='o_close', on_click=self._stop))
            else:
                verify = button('Verify', icon='o_fact_check', on_click=self._start)
                self._view.offer('verifications.start', verify)
        self._body.clear()
        self._moving = None
        with self._body:
            if self._busy:
                self._moving = _Moving(self._busy.progress or Progress(phase=self._busy.status.value))
            self._draw_result()

    def _look(self) -> Look:
        if self._busy:
            return WAITING if self._busy.status == Status.QUEUED else VERIFYING
        return {'ok': VERIFIED, 'damaged': DAMAGED}.get(self._backup.verify_status or '', UNVERIFIED)

    def _draw_result(self) -> None:
        backup = self._backup
        if backup.verify_status is None and not self._busy:
            Text('Its files have not been read again since they were stored.', 'sub', 'p')
        elif backup.verify_status:
            self._draw_finding(backup)
        if self._run and self._run.status.finished and not self._run.status.good:
            Text(f'The last try did not get through: {_why(self._run)}', 'wrap-any', 'p').props('role=status')

    def _draw_finding(self, backup: Backup) -> None:
        good = backup.verify_status == 'ok'
        with box(tag='p').props('role=status'):
            if backup.verified_at:
                Text('Read again ')
                When(backup.verified_at, self._view.zone)
                Text(': every file is as it was stored.' if good else ': ')
            if not good:
                Text(f'{plural(self._errors(), "thing")} found damaged.', 'strong')
        if not good:
            Text(DAMAGE, tag='p')
            self._draw_damage(backup)

    def _errors(self) -> int:
        told_of = self._run.error_count if self._run and self._run.verify_status == 'damaged' else 0
        return max(len(self._backup.verify_errors), told_of)

    def _draw_damage(self, backup: Backup) -> None:
        draw_lines(backup.verify_errors).props('tabindex=0 aria-label="What is damaged"')
        more = self._errors() - len(backup.verify_errors)
        if more > 0:
            Text(f'and {plural(more, "more", "more")}', 'sub', 'p')
        if self._run and self._run.shared_with:
            with box('sub', 'p'):
                Text('The same files stand damaged in: ')
                for index, number in enumerate(self._run.shared_with):
                    Text(', ' if index else '')
                    link(f'backup {number}', f'/backups/{number}')

    async def _start(self) -> None:
        with told():
            await ask(self._view.engine.verifications.start, self._backup.id)
            await self._reload()

    async def _stop(self) -> None:
        if self._busy:
            with told():
                await ask(self._view.engine.verifications.cancel, self._busy.id)
                await self._reload()


class _Moving:
    """Bar, amounts and time left of a verification under way."""

    def __init__(self, progress: Progress) -> None:
        self._bar = bar('This verification')
        with box('row-line sub small'):
            self._done = Text('', 'grow')
            self._left = Text('')
        self.show(progress)

    def show(self, progress: Progress) -> None:
        show_bar(self._bar, progress.percent)
        self._done.text, self._left.text = done(progress), left(progress)


def _why(run: Verification) -> str:
    if run.status == Status.CANCELLED:
        return 'someone stopped it.'
    return run.error_message or 'nobody said why. Its log may tell more.'
