"""What somebody else does, while a page is open, to the very thing that it shows or edits."""

from collections.abc import Callable

from nicegui import ui

from pages.calls import ask
from pages.frame import View
from pages.live import Batch
from pages.widgets.text import Text, box, button, button_link
from plumbus.errors import NotFound
from plumbus.events import Noun
from plumbus.model import Record


class Meanwhile:
    """A notice above the page: that the thing was deleted, or, where it is edited, that somebody changed it.

    `look_up` returns it by its id, or raises NotFound. After a change of one's own, `mine` says which it is now.
    """

    def __init__(
        self,
        view: View,
        noun: Noun,
        record: Record,
        look_up: Callable[[int], Record],
        *,
        back: str,
        edited: bool = False,
    ) -> None:
        self._noun, self._record, self._look_up, self._back, self._edited = (
            noun,
            record,
            look_up,
            back,
            edited,
        )
        self._area = box().props('role=alert')
        self._area.visible = False
        self._words = f'this {"target" if noun == "notification" else noun}'
        view.feed.on(self._changed, noun)

    def mine(self, record: Record) -> None:
        """Given the record after a change that was made here, be quiet about that."""
        self._record = record

    async def _changed(self, batch: Batch) -> None:
        if not batch.touches_one(self._noun, self._record.id):
            return
        try:
            now = await ask(self._look_up, self._record.id)
        except NotFound:
            self._tell(f'Someone deleted {self._words} in the meantime.', 'What you see here is no more.')
            return
        if self._edited and now.revision > self._record.revision:
            self._tell(
                f'Someone changed {self._words} in the meantime.',
                'Saving is refused, so that nothing of theirs is lost. Load it anew and make your change again.',
                again=True,
            )

    def _tell(self, what: str, then: str, *, again: bool = False) -> None:
        self._area.clear()
        self._area.visible = True
        with self._area, box('card notice wa stack near'):
            Text(what, 'strong', 'p')
            Text(then, tag='p')
            with box('actions'):
                if again:
                    button('Load it anew', icon='o_refresh', on_click=ui.navigate.reload)
                else:
                    button_link('Go back to the list', self._back)
