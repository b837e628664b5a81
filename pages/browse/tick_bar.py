"""What is ticked, and what to do with it: download or restore."""

from nicegui import ui

from pages.browse.place import download
from pages.browse.scene import Scene
from pages.widgets.text import Text, box, button
from pages.wording import literal

LONGEST_ADDRESS = 7500  # servers in front of PLUMBUS take 8 KB
TOO_MANY = 'So many single files do not fit into one download: tick their folder instead.'


class TickBar:
    """Without a tick it is about the folder one is in."""

    FORMATS = (('zip', 'zip'), ('tar.gz', 'tar.gz'), ('tar.zst', 'tar.zst'))

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        with box('card-foot tick-bar') as self.area:
            self._words = Text('', 'strong grow wrap-any').props('role=status')
            self._clear = button('Untick all', 'quiet', on_click=self._untick)
            with button('Download', icon='o_download') as self._download, ui.menu() as menu:
                self._items = {form: ui.menu_item(f'as {words}') for words, form in self.FORMATS}
            menu.props('auto-close aria-label=Download')
            restore = button('Restore …', 'primary', icon='o_settings_backup_restore', on_click=self._restore)
        self._download.visible = scene.view.may('backups.download')
        restore.visible = scene.view.may('restores.start')

    def show(self) -> None:
        """Tell what is ticked."""
        told = self._scene.ticks.in_words()
        self._words.text = told or f'All of {literal(self._scene.place.path)}'
        self._clear.visible = bool(told)
        targets = {form: download(self._scene.place.snapshot or 0, self.paths, form) for form in self._items}
        fits = max(map(len, targets.values())) <= LONGEST_ADDRESS
        for form, item in self._items.items():
            item.props['href'] = targets[form]
        self._download.enabled = fits
        self._download.props['title'] = '' if fits else TOO_MANY

    @property
    def paths(self) -> list[str]:
        """What is ticked, or the folder one is in."""
        return self._scene.ticks.paths or [self._scene.place.path]

    async def _untick(self) -> None:
        self._scene.ticks.clear()
        await self._scene.go(self._scene.place)

    async def _restore(self) -> None:
        if self._scene.chosen:
            await self._scene.restore(self._scene.chosen, self.paths)
