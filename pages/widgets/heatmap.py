"""Clients × the last 30 days: each square is the day's worst backup and leads to it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from pages.overview import DAYS, Square
from pages.widgets.rows import show_rows
from pages.widgets.text import Text, box
from plumbus.model import Client

PER_PAGE = 25
LATELY = 15  # a phone shows only so many days
LEGEND = {'ok': 'good', 'wa': 'with warnings', 'fa': 'failed', 'late': 'late', '': 'none'}


class HeatMap:
    """A table with a row for each client, a page of them at a time; it stays on its page when it is shown anew."""

    def __init__(self) -> None:
        self._first = 0
        self._clients: Sequence[Client] = ()
        self._days: Sequence[date] = ()
        self._squares: Mapping[int, Mapping[date, Square]] = {}
        columns = [_column('client'), *[_column(f'd{index}') for index in range(DAYS)]]
        self._table = ui.table(columns=columns, rows=[], row_key='id', pagination=self._pagination()).classes(
            'heat'
        )
        self._table.props(f'flat hide-header :rows-per-page-options=[{PER_PAGE}]')
        self._table.props['aria-label'] = 'Backups of the last 30 days'
        self._table.add_slot('body', BODY)
        self._table.on('request', self._requested)
        _draw_legend()

    def show(
        self, clients: Sequence[Client], days: Sequence[date], squares: Mapping[int, Mapping[date, Square]]
    ) -> None:
        """Given all clients in their order, the days and what happened on them, show the present page."""
        self._first = self._first if self._first < len(clients) else 0
        self._clients, self._days, self._squares = clients, days, squares
        self._turn()

    def _pagination(self) -> dict[str, int]:
        return {
            'page': self._first // PER_PAGE + 1,
            'rowsPerPage': PER_PAGE,
            'rowsNumber': len(self._clients),
        }

    def _requested(self, event: GenericEventArguments) -> None:
        self._first = (int(event.args['pagination']['page']) - 1) * PER_PAGE
        self._turn()

    def _turn(self) -> None:
        if self._table.pagination != self._pagination():
            self._table.pagination = self._pagination()
        self._table.props.set_bool('hide-bottom', len(self._clients) <= PER_PAGE)
        shown = self._clients[self._first : self._first + PER_PAGE]
        days = [(day, f'{day:%a} {day.day} {day:%b}') for day in self._days]  # named once for all clients
        show_rows(self._table, [_row(client, days, self._squares.get(client.id, {})) for client in shown])


def _draw_legend() -> None:
    with box('legend'):
        for tone, words in LEGEND.items():
            with box(tag='span'):
                box(f'square {tone}')
                Text(words)


def _column(name: str) -> dict[str, Any]:
    return {'name': name, 'label': name, 'field': name}


def _row(client: Client, days: Sequence[tuple[date, str]], happened: Mapping[date, Square]) -> dict[str, Any]:
    row: dict[str, Any] = {'id': client.id, 'client': client.name, 'href': f'/clients/{client.id}'}
    for index, (day, name) in enumerate(days):
        row[f'd{index}'] = _cell(f'{client.name}, {name}', happened.get(day), early=index < DAYS - LATELY)
    return row


def _cell(where: str, square: Square | None, *, early: bool) -> dict[str, Any]:
    words = square.label if square else 'no backup'
    href = _target(square) if square else ''
    return {
        'tone': square.tone if square else '',
        'href': href,
        'label': f'{where}: {words}',
        'early': early,
    }


def _target(square: Square) -> str:
    return f'/jobs/{square.job_id}' if square.job_id else f'/backups/{square.backup_id}'


BODY = """
<tr>
  <th scope="row" class="who"><a :href="props.row.href" :title="props.row.client">{{ props.row.client }}</a></th>
  <td v-for="col in props.cols.slice(1)" :key="col.name" :class="{early: props.row[col.name].early}">
    <a v-if="props.row[col.name].href" :href="props.row[col.name].href" :class="['square', props.row[col.name].tone]"
       :title="props.row[col.name].label" :aria-label="props.row[col.name].label"></a>
    <span v-else class="square" :title="props.row[col.name].label"></span>
  </td>
</tr>
"""
