"""The changes that a dry run of a restore lists, by kind, with both sizes and times of what is overwritten."""

from datetime import tzinfo
from typing import Any

from pages.browse.place import above, last_part
from pages.restoring import ACTIONS, Action, moment_in, of_action, tally
from pages.widgets.choices import OneOf
from pages.widgets.listing import Cell, Column, Listing, Query, text
from pages.widgets.text import Text, box
from pages.wording import ago, count, differences, exact, literal, size
from plumbus.model import Page, Restore

ICONS = {'folder': 'o_folder', 'link': 'o_link'}
Change = dict[str, Any]


class RestoreChanges:
    """A row of kinds with their numbers, and below it the entries of the chosen kind."""

    def __init__(self, restore: Restore, zone: tzinfo) -> None:
        self._restore, self._zone = restore, zone
        kinds = {
            action: f'{words} {count(tally(restore, action).count)}'
            for action, words in ACTIONS.items()
            if tally(restore, action).count
        }
        worst = next(
            (one for one in ('overwrite', 'delete', 'create', 'attributes') if one in kinds), 'create'
        )
        with box('restore-changes'):
            self._kind: OneOf[Any] = OneOf(kinds, worst, 'Which changes', self._other)
            self._listing: Listing[Change] = Listing(
                self._columns(),
                self._load,
                label='Changes',
                nothing=_nothing,
                identify=lambda one: one['path'],
            )

    def _columns(self) -> list[Column[Change]]:
        return [
            Column(name='name', label='Path', kind='file', cell=_named),
            Column(name='now', label='There now', kind='text', cell=self._now),
            Column(name='then', label='In the snapshot', kind='text', cell=self._then),
        ]

    async def _load(self, query: Query) -> Page[Change]:
        kind: Action = self._kind.value
        mine = of_action(self._restore, kind)
        return Page(items=mine[query.offset : query.offset + query.limit], total=len(mine))

    async def _other(self) -> None:
        await self._listing.restart()

    def _now(self, change: Change) -> Cell:
        return self._state(change, 'old_size', 'old_modified')

    def _then(self, change: Change) -> Cell:
        if change['action'] == 'delete':
            return text('')
        cell = self._state(change, 'size', 'modified')
        what = change.get('what') or ()
        return {**cell, 'under': f'other {differences(what)}' if what else cell['under']}

    def _state(self, change: Change, figure: str, moment: str) -> Cell:
        bytes_, when = change.get(figure), moment_in(change, moment)
        words = ', '.join(
            [*([size(bytes_)] if bytes_ is not None else []), *([f'changed {ago(when)}'] if when else [])]
        )
        return text(words, title=exact(when, self._zone))


def _named(change: Change) -> Cell:
    path, icon = change['path'], ICONS.get(change.get('kind', ''), 'o_insert_drive_file')
    return {**text(literal(last_part(path)), f'in {literal(above(path))}', literal(path)), 'icon': icon}


def _nothing() -> object:
    with box('empty') as area:
        Text('More than can be listed here', 'sub', 'p')
    return area
