"""The pill in the header: how many backups run now; a click shows them live."""

from collections.abc import Sequence

from nicegui import ui

from pages.calls import ask, told
from pages.live import Batch, Feed
from pages.widgets.progress import RunningRow
from pages.widgets.text import Text, box, link
from plumbus.engine import Engine
from plumbus.model import Backup, Status

MOST = 5


class RunningPill:
    """Counts what runs; its panel, and the title of the page, move with the engine's events."""

    def __init__(self, engine: Engine, feed: Feed, title: str) -> None:
        self._engine, self._feed, self._title = engine, feed, title
        self._percents: dict[int, float | None] = {}
        self._titled = page_title(title, [])
        self._rows: dict[int, RunningRow] = {}

    def draw(self) -> None:
        """Draw the pill with its panel, then fill both."""
        with ui.button(color=None).classes('pill').mark('running') as self._pill:
            self._dot = box('dot')
            self._words = Text('idle', 'desk-only')
            self._number = Text('0', 'phone-only')
            menu = ui.menu().props('role=dialog aria-label="What runs now"')
            with menu, box('menu-panel') as self._panel:
                pass
        ui.timer(0, self._reload, once=True)
        self._feed.on(self._happened)

    async def _happened(self, batch: Batch) -> None:
        if batch.touches('backup'):
            await self._reload()
        for (kind, number), progress in batch.progress.items():
            if kind == 'backup' and number in self._percents:
                self._percents[number] = progress.percent
            if kind == 'backup' and number in self._rows:
                self._rows[number].show(progress)
        self._show_title()

    async def _reload(self) -> None:
        with told():
            self._show(await ask(under_way, self._engine))

    def _show(self, backups: list[Backup]) -> None:
        running = sum(backup.status == Status.RUNNING for backup in backups)
        waiting = len(backups) - running
        self._words.text = ', '.join(_counted(running, waiting)) or 'idle'
        self._number.text = str(len(backups))
        self._pill.props['aria-label'] = f'What runs now: {self._words.text}'
        going = [backup for backup in backups if backup.status == Status.RUNNING]
        self._percents = {one.id: one.progress.percent if one.progress else None for one in going}
        self._show_title()
        self._dot.classes(toggle=None, add='on' if running else None, remove=None if running else 'on')
        self._panel.clear()
        with self._panel:
            self._rows = {backup.id: RunningRow(backup) for backup in backups[:MOST]}
            if not backups:
                Text('Nothing runs. The dinglebop is resting.', 'sub')
            elif len(backups) > MOST:
                link(f'and {len(backups) - MOST} more', '/backups?status=running')

    def _show_title(self) -> None:
        title = page_title(self._title, list(self._percents.values()))
        if title != self._titled:
            self._titled = title
            ui.page_title(title)


def page_title(title: str, percents: Sequence[float | None]) -> str:
    """Given a page's title and how far each running backup is, return '▶ 42 % · Jobs · PLUMBUS'; several tell their mean."""
    known = [percent for percent in percents if percent is not None]
    far = f'{sum(known) / len(known):.0f} %' if known else '…'
    return f'▶ {far} · {title} · PLUMBUS' if percents else f'{title} · PLUMBUS'


def under_way(engine: Engine) -> list[Backup]:
    """Given the engine, return the backups that run and those that wait, in this order."""
    running = engine.backups.page(status='running', limit=100).items
    return [*running, *engine.backups.page(status='queued', limit=100).items]


def _counted(running: int, waiting: int) -> list[str]:
    return [f'{number} {word}' for number, word in ((running, 'running'), (waiting, 'queued')) if number]
