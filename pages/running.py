"""The pill in the header: how much runs now; a click shows it live."""

from collections.abc import Sequence
from functools import partial

from nicegui import ui

from pages.activity import NOUNS, Activity, counted, under_way
from pages.calls import ask, told
from pages.live import Batch, Feed, Run
from pages.memory import memory
from pages.widgets.running_rows import RunningRows
from pages.widgets.text import Text, box
from plumbus.engine import Engine

MOST = 5
NOTHING = 'Nothing runs. The dinglebop is resting.'


class RunningPill:
    """Counts what runs; the title of the page moves with it. Its panel is drawn, and moves, while somebody looks at it."""

    def __init__(self, engine: Engine, feed: Feed, title: str) -> None:
        self._engine, self._feed, self._title = engine, feed, title
        self._percents: dict[Run, float | None] = {}
        self._titled = page_title(title, [])
        self._rows: RunningRows | None = None

    def draw(self) -> None:
        """Draw the pill, then fill it."""
        with ui.button(color=None).classes('pill').mark('running') as self._pill:
            self._dot = box('dot')
            self._words = Text('idle', 'desk-only')
            self._number = Text('0', 'phone-only')
            with ui.menu().props('role=dialog aria-label="What runs now"') as self._menu:
                self._panel = box('menu-panel')  # as wide as it will be: a menu finds its place when it opens
        self._menu.on_value_change(self._opened)
        ui.timer(0, self._reload, once=True)
        self._feed.on(self._changed, *NOUNS)
        self._feed.follow(self._moved, lambda: self._percents)

    def rename(self, title: str) -> None:
        """Given what the page is called by now, have its title say so."""
        self._title = title
        self._show_title()

    async def _changed(self, _: Batch) -> None:
        await self._reload()

    def _moved(self, batch: Batch) -> None:
        for run, progress in batch.progress.items():
            if run in self._percents:
                self._percents[run] = progress.percent
        if self._rows:
            self._rows.move(batch)
        self._show_title()

    async def _opened(self) -> None:
        self._rows = None
        self._panel.clear()
        if self._menu.value:
            with self._panel:
                self._rows = RunningRows('running-list', MOST, NOTHING)
            await self._reload()

    async def _reload(self) -> None:
        with told():
            self._show(await ask(memory().recall, 'under way', partial(under_way, self._engine)))

    def _show(self, activities: list[Activity]) -> None:
        going = [one for one in activities if not one.waiting]
        self._words.text = ', '.join(counted(activities)) or 'idle'
        self._number.text = str(len(activities))
        self._pill.props['aria-label'] = f'What runs now: {self._words.text}'
        self._dot.classes(toggle=None, add='on' if going else None, remove=None if going else 'on')
        self._percents = {one.run: self._percents.get(one.run, one.progress.percent) for one in going}
        self._show_title()
        if self._rows:
            self._rows.show(activities)

    def _show_title(self) -> None:
        title = page_title(self._title, list(self._percents.values()))
        if title != self._titled:
            self._titled = title
            ui.page_title(title)


def page_title(title: str, percents: Sequence[float | None]) -> str:
    """Given a page's title and how far each run is, return '▶ 42 % · Jobs · PLUMBUS'; several tell their mean."""
    known = [percent for percent in percents if percent is not None]
    far = f'{sum(known) / len(known):.0f} %' if known else '…'
    return f'▶ {far} · {title} · PLUMBUS' if percents else f'{title} · PLUMBUS'
