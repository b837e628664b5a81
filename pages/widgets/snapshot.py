"""The files of a snapshot, folder by folder, paged by the server."""

from typing import Any

from nicegui import ui

from pages.calls import ask, told
from pages.frame import View
from pages.widgets.listing import Cell, Column, Listing, Query, text, when
from pages.widgets.text import Text, box
from pages.wording import size
from plumbus.model import Page


class SnapshotBrowser:
    """Breadcrumbs above a table; the act «open» of a folder's row goes into it."""

    def __init__(self, view: View, backup_id: int) -> None:
        self._view, self._backup_id, self._path = view, backup_id, '/'
        self._shown: list[Any] = []
        with box('card flush', 'section'):
            with box('card-head'):
                Text('Files of this snapshot', tag='h2')
            self._crumbs = box('path', 'nav')
            self._crumbs.props['aria-label'] = 'Folder'
            self._listing: Listing[Any] = Listing(
                self._columns(), self._load, label='Files', on_act=self._open, nothing=_nothing
            )
        self._draw_path()

    def _columns(self) -> list[Column[Any]]:
        zone = self._view.zone
        return [
            Column(name='name', label='Name', kind='file', cell=_named),
            Column(
                name='size',
                label='Size',
                kind='number',
                cell=lambda f: text('' if f.is_dir else size(f.size)),
            ),
            Column(name='changed', label='Changed', kind='when', cell=lambda f: when(f.modified, zone)),
            Column(name='mode', label='Mode', kind='text', cell=lambda f: text(f.mode)),
            Column(name='owner', label='Owner', kind='text', cell=lambda f: text(f'{f.owner}:{f.group}')),
        ]

    async def _load(self, query: Query) -> Page[Any]:
        files = self._view.engine.backups.files
        found = await ask(files, self._backup_id, self._path, limit=query.limit, offset=query.offset)
        self._shown = list(found.files)
        return Page(items=self._shown, total=found.total)

    async def _open(self, _: str, row: int) -> None:
        file = next((one for one in self._shown if id(one) == row), None)
        if file and file.is_dir:
            await self._go(file.path)

    async def _go(self, path: str) -> None:
        self._path = path
        self._draw_path()
        with told():
            await self._listing.restart()

    def _draw_path(self) -> None:
        self._crumbs.clear()
        parts = [part for part in self._path.split('/') if part]
        with self._crumbs:
            self._crumb('/', '/')
            for index, part in enumerate(parts):
                ui.icon('o_chevron_right')
                self._crumb(part, '/' + '/'.join(parts[: index + 1]))

    def _crumb(self, words: str, path: str) -> None:
        ui.button(words, color=None, on_click=lambda: self._go(path)).props('flat dense')


def _named(file: Any) -> Cell:
    icon = 'o_folder' if file.is_dir else 'o_link' if file.is_link else 'o_insert_drive_file'
    return {**text(file.name, f'→ {file.target}' if file.target else ''), 'icon': icon, 'opens': file.is_dir}


def _nothing() -> Text:
    return Text('This folder is empty.', 'empty sub', 'p')
