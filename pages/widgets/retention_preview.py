"""What a retention would keep and remove of the snapshots that a job has now; nothing is removed here."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from nicegui import ui

from pages.calls import ask
from pages.frame import View
from pages.live import Batch
from pages.widgets.text import Text, box
from pages.wording import exact, plural, size
from plumbus.errors import PlumbusError
from plumbus.services.retaining import Pruning

MOST = 1000


class RetentionPreview:
    """`refresh` tells it anew for what stands in the form; while one answer is on its way, the last question waits."""

    def __init__(self, view: View, job_id: int, policy: Callable[[], Mapping[str, int]]) -> None:
        self._view, self._job_id, self._policy = view, job_id, policy
        self._times: dict[int, datetime | None] | None = None
        self._busy = self._again = False
        with box('panel stack near').mark('retention-preview') as panel:
            panel.props['aria-live'] = 'polite'
            self._words = Text('Looking what that means for the snapshots there are …', 'strong', 'p')
            with ui.expansion('Which ones').classes('w-full') as self._fold:
                self._list = box('warnings divided', 'ul').props('tabindex=0 aria-label="Snapshots"')
        self._fold.visible = False
        ui.timer(0, self.refresh, once=True)
        view.feed.on(self._changed, 'backup')

    async def _changed(self, _: Batch) -> None:
        self._times = None
        await self.refresh()

    async def refresh(self) -> None:
        """Ask what the policy would keep, and show it."""
        if self._busy:
            self._again = True
            return
        self._busy = True
        try:
            await self._ask()
        finally:
            self._busy = False
        if self._again:
            self._again = False
            await self.refresh()

    async def _ask(self) -> None:
        engine = self._view.engine
        try:
            if self._times is None:
                history = await ask(engine.jobs.history, self._job_id, MOST)
                self._times = {one.id: one.start_time for one in history.items}
            asked = {'dry_run': True, 'retention': dict(self._policy())}
            self._show(await ask(engine.retention.prune, self._job_id, asked))
        except PlumbusError as error:
            self._words.text, self._fold.visible = str(error), False

    def _show(self, found: Pruning) -> None:
        self._words.text = sentence(len(found.keep), len(found.remove), found.freed_bytes)
        self._fold.visible = bool(found.keep or found.remove)
        self._list.clear()
        with self._list:
            for number in reversed(found.remove):
                self._draw(number, 'goes', 'ink-fa')
            for kept in found.keep:
                self._draw(kept.backup_id, f'stays: {", ".join(kept.reasons)}', 'sub')

    def _draw(self, number: int, words: str, classes: str) -> Any:
        moment = (self._times or {}).get(number)
        with box('stack tight', 'li'):
            Text(exact(moment, self._view.zone) or f'Backup {number}')
            Text(words, f'{classes} small wrap-any')


def sentence(stay: int, go: int, freed_bytes: int | None) -> str:
    """Given how many snapshots stay and go, and the bytes that come free, return that as a sentence."""
    if not stay + go:
        return 'There is no snapshot yet.'
    if not go:
        return 'The only snapshot stays.' if stay == 1 else f'All {plural(stay, "snapshot")} stay.'
    freed = f', which frees about {size(freed_bytes)}' if freed_bytes is not None else ''
    staying, going = f'{stay} {"stays" if stay == 1 else "stay"}', f'{go} {"goes" if go == 1 else "go"}'
    return f'Of {plural(stay + go, "snapshot")}, {staying} and {going}{freed}.'
