"""What is other in the chosen snapshot than in another one, below the present folder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nicegui import ui

from pages.browse.place import Place, above, address, icon_of, last_part
from pages.browse.scene import Scene
from pages.calls import ask
from pages.widgets.choices import OneOf
from pages.widgets.listing import Cell, Column, Listing, Query, text, when
from pages.widgets.text import Text, box, button
from pages.wording import count, differences, exact, literal, size
from plumbus.backup.compare import Difference
from plumbus.backup.explore import SnapshotFile
from plumbus.errors import NotFound
from plumbus.model import Page

What = Literal['added', 'removed', 'changed']
WORDS: dict[What, str] = {'added': 'Added', 'removed': 'Removed', 'changed': 'Changed'}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list: the file as it is now (or was, if it is removed), and what is other about it."""

    file: SnapshotFile
    before: SnapshotFile | None = None
    what: Sequence[str] = ()


class Changes:
    """`show` compares the chosen snapshot of the scene with the one that `against` names."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._shown: tuple[object, ...] | None = None
        self._settled = False
        self.area = box('found')
        with self.area:
            with box('found-head'):
                with box('row-line wrap grow'):
                    Text('Compared with')
                    self._against = ui.select({}, on_change=self._other).classes('grow')
                    self._against.props['aria-label'] = 'Compared with'
                button('Back to the folder', 'quiet', icon='o_arrow_back', on_click=self._leave)
            with box('found-head'):
                self._what: OneOf[What] = OneOf(WORDS, 'changed', 'Which differences', self._restart)
                self._words = Text('', 'sub wrap-any').props('role=status')
            self._listing: Listing[Row] = Listing(
                self._columns(), self._load, label='Differences', on_act=self._open, nothing=_nothing,
                identify=lambda row: row.file.path, marked=lambda row: row.file.path == scene.place.file,
            )  # fmt: skip

    async def show(self) -> None:
        """Compare, if the snapshots or the folder are others than before."""
        place = self._scene.place
        key = (place.snapshot, place.against, place.path)
        if key == self._shown:
            self._listing.redraw()
            return
        if self._shown is None or key[:2] != self._shown[:2]:
            self._settled = False
        self._shown = key
        zone = self._scene.view.zone
        others = {
            one.id: exact(one.start_time, zone)
            for one in reversed(self._scene.snapshots)
            if one.id != place.snapshot
        }
        self._against.set_options(others, value=place.against if place.against in others else None)
        await self._listing.restart()

    def _columns(self) -> list[Column[Row]]:
        zone = self._scene.view.zone
        return [
            Column(name='name', label='Name', kind='file', cell=self._named),
            Column(name='size', label='Size', kind='number', cell=_sizes),
            Column(
                name='modified', label='Changed', kind='when', cell=lambda row: when(row.file.modified, zone)
            ),
            Column(name='what', label='What', kind='text', cell=_what),
        ]

    def _named(self, row: Row) -> Cell:
        told = text(literal(last_part(row.file.path)), f'in {literal(above(row.file.path))}')
        return {**told, 'icon': icon_of(row.file), 'href': address(self._beyond(row.file))}

    async def _load(self, query: Query) -> Page[Row]:
        place = self._scene.place
        if not (place.snapshot and place.against):
            return Page([], 0)
        diff = self._scene.view.engine.backups.diff
        try:
            found = await ask(
                diff, place.snapshot, place.against, place.path, limit=query.limit, offset=query.offset
            )
        except NotFound:
            self._words.text = 'This folder is in neither of the two snapshots.'
            return Page([], 0)
        if self._settle(found):
            return await self._load(query)
        self._sum_up(found)
        return _page(found, self._what.value)

    def _settle(self, found: Difference) -> bool:
        """Once, turn to the first kind of difference that there is any of. Return whether that is another one."""
        if self._settled:
            return False
        self._settled = True
        best = next((what for what in ('changed', 'added', 'removed') if getattr(found.summary, what)), None)
        if best is None or best == self._what.value:
            return False
        self._what.value = best  # type: ignore[assignment]
        return True

    def _sum_up(self, found: Difference) -> None:
        told = found.summary
        self._what.label('added', f'Added {count(told.added)}')
        self._what.label('removed', f'Removed {count(told.removed)}')
        self._what.label('changed', f'Changed {count(told.changed)}')
        self._words.text = (
            f'{size(told.added_bytes)} added, {size(told.removed_bytes)} removed, {size(told.changed_bytes)} changed '
            f'in {literal(found.path)}; {count(told.unchanged)} as before'
        )

    async def _restart(self) -> None:
        await self._listing.restart()

    async def _other(self) -> None:
        if self._against.value and self._against.value != self._scene.place.against:
            await self._scene.move(against=self._against.value)

    async def _open(self, act: str, path: object) -> None:
        row = next((row for row in self._listing.items if row.file.path == path), None)
        if row and act == 'open':
            await self._scene.go(self._beyond(row.file))

    def _beyond(self, file: SnapshotFile) -> Place:
        place = self._scene.place
        return replace(place, path=file.path, file='') if file.is_dir else replace(place, file=file.path)

    async def _leave(self) -> None:
        await self._scene.move(against=None)


def _page(found: Difference, what: What) -> Page[Row]:
    rows = {
        'added': [Row(file) for file in found.added],
        'removed': [Row(file) for file in found.removed],
        'changed': [Row(change.after, change.before, change.what) for change in found.changed],
    }[what]
    return Page(items=rows, total=getattr(found.summary, what))


def _what(row: Row) -> Cell:
    return text(differences(row.what))


def _sizes(row: Row) -> Cell:
    if row.file.is_dir:
        return text('')
    if row.before and row.before.size != row.file.size:
        return text(f'{size(row.before.size)} → {size(row.file.size)}')
    return text(size(row.file.size))


def _nothing() -> object:
    with box('empty') as area:
        Text('No difference of this kind', 'strong', 'h2')
        Text('Every dinglebop is where it was.', 'joke', 'p')
    return area
