"""Clients × the last 30 days: each square is the day's worst backup and leads to it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from nicegui import ui

from pages.overview import DAYS, Square
from pages.widgets.rows import show_rows
from pages.widgets.text import Text, box
from plumbus.model import Client

LATELY = 15  # a phone shows only so many days
LEGEND = {'ok': 'good', 'wa': 'with warnings', 'fa': 'failed', 'late': 'late', '': 'none'}


class HeatMap:
    """A table with a row for each client; `show` changes it in place."""

    def __init__(self) -> None:
        self._table = ui.table(columns=[_column('client')], rows=[], row_key='id', pagination=0).classes(
            'heat'
        )
        self._table.props('flat hide-header hide-bottom').props['aria-label'] = 'Backups of the last 30 days'
        self._table.add_slot('body', BODY)
        with box('legend'):
            for tone, words in LEGEND.items():
                with box(tag='span'):
                    box(f'square {tone}')
                    Text(words)

    def show(
        self, clients: Sequence[Client], days: Sequence[date], squares: Mapping[int, Mapping[date, Square]]
    ) -> None:
        """Given the clients, the days and what happened on them, show it."""
        self._table.columns = [_column('client'), *[_column(f'd{index}') for index in range(len(days))]]
        show_rows(self._table, [_row(client, days, squares.get(client.id, {})) for client in clients])


def _column(name: str) -> dict[str, Any]:
    return {'name': name, 'label': name, 'field': name}


def _row(client: Client, days: Sequence[date], happened: Mapping[date, Square]) -> dict[str, Any]:
    row: dict[str, Any] = {'id': client.id, 'client': client.name, 'href': f'/clients/{client.id}'}
    for index, day in enumerate(days):
        row[f'd{index}'] = _cell(client.name, day, happened.get(day), early=index < DAYS - LATELY)
    return row


def _cell(name: str, day: date, square: Square | None, *, early: bool) -> dict[str, Any]:
    words = square.label if square else 'no backup'
    href = _target(square) if square else ''
    return {
        'tone': square.tone if square else '',
        'href': href,
        'label': f'{name}, {day:%a} {day.day} {day:%b}: {words}',
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
