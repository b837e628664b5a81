"""The chip that shows a state, the same everywhere: icon, word and colour."""

from nicegui import ui

from pages.widgets.text import Text
from pages.wording import Look, look


class StatusChip(ui.element):
    """Icon and word in the tone of a state; `show` changes it in place."""

    def __init__(self, status: str | Look | None = None) -> None:
        super().__init__('span')
        with self:
            self._icon = ui.icon('')
            self._word = Text('')
        self.show(status)

    def show(self, status: str | Look | None) -> None:
        """Given a status or a look, show it."""
        shown = status if isinstance(status, Look) else look(status)
        self.classes(replace=f'chip tone-{shown.tone}')
        self._icon.name = shown.icon
        self._word.text = shown.word
