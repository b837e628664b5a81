"""One file through the time: its versions, what one of them holds, and how two of them differ."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from nicegui import ui

from pages.browse.contents import draw_difference, draw_preview
from pages.browse.place import last_part
from pages.browse.scene import Scene
from pages.browse.versions import VersionList
from pages.calls import ask
from pages.widgets.empty import skeleton
from pages.widgets.status import StatusChip
from pages.widgets.text import Text, box, icon_button
from pages.widgets.when import When
from pages.wording import GONE, exact, literal, plural, size
from plumbus.backup.versions import Version
from plumbus.errors import PlumbusError

Told = TypeVar('Told')
# Beside the files there is room for it only on a wide screen; below them it would go unnoticed.
INTO_VIEW = (
    'if (innerWidth < 1024) setTimeout(() => getHtmlElement(%d)?.scrollIntoView({block: "start"}), 200)'
)


class FilePanel:
    """`show` looks at the file of the scene; without one it is not seen."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._file = ''
        self._versions: Sequence[Version] = []
        self._chosen: Version | None = None
        self._looked = 0  # what is loaded for an earlier look is not drawn any more
        self.area = box('card flush file-panel', 'section')
        self.area.props['aria-label'] = 'File'
        self.area.visible = False

    async def show(self) -> None:
        """Look at the file of the scene, in the version that the chosen snapshot has."""
        place = self._scene.place
        self.area.visible = bool(place.file)
        if not place.file:
            self._file = ''
            return
        fresh = place.file != self._file
        if fresh:
            await self._load(place.file)
        if self._versions and (fresh or not self._holds(self._chosen)):
            await self.choose(self._at_that_time() or self._chosen or self._versions[0])

    def _holds(self, version: Version | None) -> bool:
        return version is not None and self._scene.place.snapshot in version.backup_ids

    def _at_that_time(self) -> Version | None:
        return next((one for one in self._versions if self._holds(one)), None)

    async def _load(self, path: str) -> None:
        self._file, self._versions, self._chosen = path, [], None
        self._looked += 1
        look = self._looked
        self.area.clear()
        with self.area:
            self._draw_head(path)
            waiting = skeleton()
        trouble = None
        try:
            versions = await ask(
                self._scene.view.engine.backups.versions, self._scene.job.id if self._scene.job else 0, path
            )
        except PlumbusError as error:
            versions, trouble = [], error
        if look != self._looked:
            return
        self._versions = versions
        waiting.delete()
        with self.area:
            if trouble:
                Text(str(trouble), 'sub panel-text', 'p')
            else:
                self._draw_versions()
        ui.run_javascript(INTO_VIEW % self.area.id)

    def _draw_head(self, path: str) -> None:
        with box('panel-head'):
            with box('row-line top'):
                Text(literal(last_part(path)), 'grow wrap-any', 'h2')
                icon_button('o_close', 'Close the file', on_click=lambda: self._scene.move(file=''))
            self._summary = box('row-line wrap sub small')

    def _draw_versions(self) -> None:
        newest, zone = self._versions[0], self._scene.view.zone
        with self._summary:
            Text(plural(len(self._versions), 'version'))
            with box(tag='span'):
                Text('first seen ')
                When(min(one.first_seen for one in self._versions), zone)
            if self._scene.snapshots and self._scene.snapshots[-1].id not in newest.backup_ids:
                StatusChip(GONE)
                with box(tag='span'):
                    Text('last seen ')
                    When(newest.last_seen, zone)
        self._list = VersionList(self._scene, self._file, self._versions, self.choose, self.compare)
        self._body = box('panel-body stack near')

    async def choose(self, version: Version) -> None:
        """Given a version, show what it holds."""
        self._chosen = version
        self._list.mark(version, None)
        backup_id = version.backup_ids[-1]
        if not self._scene.view.may('backups.preview'):
            self._body.clear()
            with self._body:
                self._draw_facts(version)
            return
        told = await self._loaded(self._scene.view.engine.backups.preview, backup_id, self._file)
        if told:
            with self._body:
                draw_preview(told, backup_id)
                self._draw_facts(version)

    async def compare(self, version: Version) -> None:
        """Given a version, show what is other between it and the one that was looked at."""
        chosen = self._chosen or version
        self._list.mark(chosen, version)
        older, newer = sorted((version, chosen), key=lambda one: one.last_seen)
        text_diff = self._scene.view.engine.backups.text_diff
        told = await self._loaded(text_diff, newer.backup_ids[-1], older.backup_ids[-1], self._file)
        if told:
            zone = self._scene.view.zone
            with self._body:
                Text(
                    f'From {exact(older.last_seen, zone)} to {exact(newer.first_seen, zone)}',
                    'sub small',
                    'p',
                )
                draw_difference(told)

    async def _loaded(self, call: Callable[..., Told], *args: Any) -> Told | None:
        """Make a call, with something grey in its place meanwhile. Return None if it failed, or nobody waits for it any more."""
        self._looked += 1
        look, told, trouble = self._looked, None, ''
        self._body.clear()
        with self._body:
            skeleton(3)
        try:
            told = await ask(call, *args)
        except PlumbusError as error:
            trouble = str(error)
        if look != self._looked:
            return None
        self._body.clear()
        if trouble:
            with self._body:
                Text(trouble, 'sub', 'p')
        return told

    def _draw_facts(self, version: Version) -> None:
        facts = {
            'Changed': exact(version.modified, self._scene.view.zone),
            'Size': size(version.size),
            f'Checksum ({version.algorithm})': version.checksum,
            'Where': literal(self._file),
        }
        with box('facts small', 'dl'):
            for name, value in facts.items():
                if value:
                    Text(name, tag='dt')
                    Text(value, 'mono' if value == version.checksum else '', 'dd')
