"""What a search found: where and when, and the way to it. The words and the scope stand in the address."""

from dataclasses import replace

from nicegui import ui

from pages.browse.place import Place, Scope, above, address, icon_of, last_part
from pages.browse.scene import Scene
from pages.calls import ask
from pages.widgets.choices import OneOf
from pages.widgets.listing import Cell, Column, Listing, Query, chip, text, when
from pages.widgets.text import Text, box, button
from pages.wording import GONE, THERE, literal, plural, size
from plumbus.model import Page
from plumbus.services.search import FoundFile, SearchResult

SCOPES: dict[Scope, str] = {
    'snapshot': 'This snapshot',
    'job': 'This job',
    'client': 'This client',
    'everything': 'Everything',
}


class Found:
    """`show` searches for the words of the scene within its scope, unless that is shown already."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._shown: tuple[object, ...] | None = None
        self.area = box('found')
        with self.area:
            with box('found-head'):
                self._scope = OneOf(SCOPES, scene.place.scope, 'Where to search', self._narrow)
                self._words = Text('', 'sub').props('role=status')
                ui.space()
                button('Back to the folder', 'quiet', icon='o_arrow_back', on_click=self._leave)
            self._listing: Listing[FoundFile] = Listing(
                self._columns(), self._load, label='Found', on_act=self._open, nothing=self._nothing,
                identify=lambda one: f'{one.job_id}:{one.path}',
            )  # fmt: skip

    async def show(self) -> None:
        """Search, if the words or the scope are others than before."""
        place = self._scene.place
        key = (place.words, place.scope, place.snapshot, place.job, place.client)
        if key != self._shown:
            self._shown = key
            self._scope.value = place.scope
            await self._listing.restart()

    def _columns(self) -> list[Column[FoundFile]]:
        zone = self._scene.view.zone
        return [
            Column(name='name', label='Name', kind='file', cell=self._named),
            Column(
                name='state', label='Now', kind='chip', cell=lambda one: chip(GONE if one.gone else THERE)
            ),
            Column(name='seen', label='Last seen', kind='when', cell=lambda one: when(one.last_seen, zone)),
            Column(
                name='first', label='First seen', kind='when', cell=lambda one: when(one.first_seen, zone)
            ),
            Column(
                name='size',
                label='Size',
                kind='number',
                cell=lambda one: text('' if one.is_dir else size(one.size)),
            ),
        ]

    def _named(self, one: FoundFile) -> Cell:
        owner = '' if one.job_id == self._scene.place.job else f'{one.client_name} · {one.job_name}: '
        told = text(literal(last_part(one.path)), f'{owner}in {literal(above(one.path))}')
        return {**told, 'icon': icon_of(one), 'href': address(self._beyond(one))}

    def _beyond(self, one: FoundFile) -> Place:
        held = one.job_id == self._scene.place.job and self._scene.place.scope == 'snapshot'
        return Place(
            client=one.client_id,
            job=one.job_id,
            snapshot=self._scene.place.snapshot if held else one.last_backup_id,
            path=one.path if one.is_dir else above(one.path),
            file='' if one.is_dir else one.path,
            hidden=True,
        )

    async def _load(self, query: Query) -> Page[FoundFile]:
        place = self._scene.place
        if not place.words:
            return Page([], 0)
        found = await ask(
            self._scene.view.engine.search.find,
            place.words,
            job_id=place.job if place.scope == 'job' else None,
            client_id=place.client if place.scope == 'client' else None,
            backup_id=place.snapshot if place.scope == 'snapshot' else None,
            limit=query.limit,
            offset=query.offset,
        )
        self._words.text = _summed_up(found)
        return Page(items=found.results, total=found.total)

    async def _open(self, act: str, key: object) -> None:
        one = next((one for one in self._listing.items if f'{one.job_id}:{one.path}' == key), None)
        if one and act == 'open':
            await self._scene.go(self._beyond(one))

    async def _narrow(self) -> None:
        await self._scene.move(scope=self._scope.value)

    async def _leave(self) -> None:
        await self._scene.go(replace(self._scene.place, words=''))

    def _nothing(self) -> object:
        with box('empty') as area:
            Text('Nothing goes by that name', 'strong', 'h2')
            Text('Try a part of the name, a pattern like *.yaml, or look in everything.', 'sub', 'p')
        return area


def _summed_up(found: SearchResult) -> str:
    told = f'more than {plural(found.total, "place")}' if found.more else plural(found.total, 'place')
    return told if found.complete else f'{told}; some snapshots are still being read'
