"""Above the files: the search, what is hidden, and the comparison with another snapshot."""

from nicegui import ui

from pages.browse.scene import Scene
from pages.widgets.search import search_field
from pages.widgets.text import box, button


class Toolbar:
    """Tells the scene what someone wants to see."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        with box('filters'):
            self._search = search_field('Find a name or *.yaml', self._searched, scene.place.words)
            ui.space().classes('desk-only')
            self._hidden = ui.switch('Hidden files', value=scene.place.hidden, on_change=self._toggled)
            self._compare = button('Compare …', icon='o_compare', on_click=self._compared)

    def show(self) -> None:
        """Show what the scene says."""
        place = self._scene.place
        if (self._search.value or '').strip() != place.words:
            self._search.value = place.words
        self._hidden.value = place.hidden
        self._hidden.visible = not (place.words or place.against)
        self._compare.visible = not (place.words or place.against)
        self._compare.enabled = len(self._scene.snapshots) > 1

    async def _searched(self, words: str) -> None:
        if words != self._scene.place.words:
            await self._scene.move(words=words)

    async def _toggled(self) -> None:
        if self._hidden.value != self._scene.place.hidden:
            await self._scene.move(hidden=self._hidden.value)

    async def _compared(self) -> None:
        other = self._scene.beside(-1) or self._scene.beside(1)
        if other:
            await self._scene.move(against=other.id)
