"""The folder as it was then: breadcrumbs above a table with tick boxes, paged and sorted by the server."""

from dataclasses import replace
from typing import Any, get_args

from nicegui import ui

from pages.browse.place import Place, above, address, icon_of, last_part, steps
from pages.browse.scene import Scene
from pages.calls import ask
from pages.widgets.listing import Cell, Column, Listing, Query, text, tick, when
from pages.widgets.text import Text, box, button
from pages.wording import literal, size
from plumbus.backup.explore import SnapshotFile
from plumbus.backup.folders import By, Order
from plumbus.errors import NotFound
from plumbus.model import Page

Key = tuple[object, ...]


class Folder:
    """Given a scene, `show` lists the folder that it says, if that is not shown already."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._shown: Key | None = None
        self._lost = False
        self.area = box('folder')
        with self.area:
            self._crumbs = box('path', 'nav')
            self._crumbs.props['aria-label'] = 'Folder'
            self._listing: Listing[SnapshotFile] = Listing(
                self._columns(), self._load, label='Files', on_act=self._acted, nothing=self._nothing, sort='name',
                identify=lambda file: file.path, marked=lambda file: file.path == scene.place.file,
            )  # fmt: skip

    async def show(self) -> None:
        """List the folder of the scene; if that is shown, only mark what is ticked and looked at."""
        place = self._scene.place
        key = (place.snapshot, place.path, place.hidden)
        if key == self._shown:
            self._listing.redraw()
            return
        self._shown = key
        self._draw_path()
        await self._listing.restart()

    def _columns(self) -> list[Column[SnapshotFile]]:
        zone = self._scene.view.zone
        return [
            Column(name='tick', label='', kind='tick', cell=self._ticked),
            Column(name='name', label='Name', kind='file', cell=self._named, key=lambda f: f.name),
            Column(
                name='size',
                label='Size',
                kind='number',
                cell=lambda f: text('' if f.is_dir else size(f.size)),
                key=lambda f: f.size,
            ),
            Column(
                name='modified',
                label='Changed',
                kind='when',
                cell=lambda f: when(f.modified, zone),
                key=lambda f: f.modified,
            ),
            Column(name='mode', label='Mode', kind='text', cell=lambda f: text(f.mode, title=_owner(f))),
        ]

    def _ticked(self, file: SnapshotFile) -> Cell:
        return tick(self._scene.ticks.mark(file.path), f'Tick {literal(last_part(file.path))}')

    def _named(self, file: SnapshotFile) -> Cell:
        under = f'→ {literal(file.target)}' if file.target else ''
        return {
            **text(literal(last_part(file.path)), under),
            'icon': icon_of(file),
            'href': address(self._beyond(file)),
        }

    def _beyond(self, file: SnapshotFile) -> Place:
        place = self._scene.place
        return replace(place, path=file.path, file='') if file.is_dir else replace(place, file=file.path)

    async def _load(self, query: Query) -> Page[SnapshotFile]:
        place = self._scene.place
        if place.snapshot is None:
            return Page([], 0)
        by: By = next((one for one in get_args(By) if one == query.sort), 'name')
        order = Order(by=by, descending=query.descending, hidden=place.hidden)
        files = self._scene.view.engine.backups.files
        try:
            found = await ask(
                files, place.snapshot, place.path, limit=query.limit, offset=query.offset, order=order
            )
        except NotFound:
            self._lost = True
            return Page([], 0)
        self._lost = False
        return Page(items=found.files, total=found.total)

    async def _acted(self, act: str, path: Any) -> None:
        if act == 'tick-all':
            self._scene.ticks.toggle_all(self._listing.items)
        file = next((one for one in self._listing.items if one.path == path), None)
        if file and act == 'tick':
            self._scene.ticks.toggle(file)
        if file and act == 'open':
            await self._scene.go(self._beyond(file))
        else:
            await self._scene.go(self._scene.place)

    def _draw_path(self) -> None:
        self._crumbs.clear()
        with self._crumbs:
            for index, (name, path) in enumerate(steps(self._scene.place.path)):
                if index:
                    ui.icon('o_chevron_right')
                crumb = ui.button(
                    literal(name), color=None, on_click=lambda path=path: self._scene.move(path=path)
                )
                crumb.props('flat dense no-caps')
                if path == self._scene.place.path:
                    crumb.props['aria-current'] = 'location'

    def _nothing(self) -> object:
        path = self._scene.place.path
        with box('empty') as area:
            if not self._lost:
                Text('This folder is empty.', 'sub', 'p')
                return area
            Text('There was no such folder then', 'strong', 'h2')
            Text(
                f'{literal(path)} is not in this snapshot. Step to another one, or go up.',
                'sub wrap-any',
                'p',
            )
            button(
                'Go up', icon='o_arrow_upward', on_click=lambda: self._scene.move(path=above(path), file='')
            )
        return area


def _owner(file: SnapshotFile) -> str:
    return f'owner {file.owner}, group {file.group}'
