"""A table paged, sorted and filtered by the server; on a phone each row becomes a card."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Generic, Literal, TypeVar

from nicegui import ui
from nicegui.events import GenericEventArguments

from pages.calls import complain
from pages.live import every
from pages.widgets.empty import skeleton, trouble
from pages.widgets.rows import show_rows
from pages.widgets.text import box
from pages.wording import NONE, Look, ago, exact, look
from plumbus.errors import PlumbusError
from plumbus.model import Page

Item = TypeVar('Item')
Kind = Literal['main', 'file', 'chip', 'text', 'number', 'when', 'acts', 'tick']
Cell = dict[str, Any]
PER_PAGE = 25
REDRAW_S = 30.0


@dataclass(kw_only=True, slots=True)
class Query:
    """Which slice of a list to show."""

    limit: int = PER_PAGE
    offset: int = 0
    sort: str | None = None
    descending: bool = False


@dataclass(kw_only=True, slots=True)
class Column(Generic[Item]):
    """One column: how to draw an item's cell, and by what to sort it if that is possible."""

    name: str
    label: str
    kind: Kind
    cell: Callable[[Item], Cell]
    key: Callable[[Item], Any] | None = None


class Listing(Generic[Item]):
    """Given columns and a loader of pages, show them. `reload` asks again; rows are redrawn as time goes by.

    `identify` gives each item the id that `on_act` is called with; an item that is `marked` stands out.
    """

    def __init__(
        self,
        columns: Sequence[Column[Item]],
        load: Callable[[Query], Awaitable[Page[Item]]],
        *,
        label: str,
        nothing: Callable[[], object],
        on_act: Callable[[str, Any], Awaitable[None]] | None = None,
        sort: str | None = None,
        identify: Callable[[Item], Any] = lambda item: getattr(item, 'id', id(item)),
        marked: Callable[[Item], bool] = lambda _: False,
    ) -> None:
        self._columns, self._load, self._nothing = columns, load, nothing
        self._query = Query(sort=sort)
        self._identify, self._marked = identify, marked
        self._items: Sequence[Item] = []
        self._busy = self._again = False
        self._label, self._on_act = label, on_act
        self._table: ui.table | None = None
        self._area = box()
        with self._area:
            skeleton()
        ui.timer(0, self.reload, once=True)
        every(REDRAW_S, self.redraw)

    async def reload(self) -> None:
        """Load the present page again; calls that come while one is under way are made one."""
        if self._busy:
            self._again = True
            return
        self._busy = True
        try:
            await self._show(await self._load(self._query))
        except PlumbusError as error:
            self._stumble(error)
        finally:
            self._busy = False
        if self._again:
            self._again = False
            await self.reload()

    def _stumble(self, error: PlumbusError) -> None:
        if self._table:
            complain(error)
            return
        self._area.clear()
        with self._area:
            trouble(error, self.reload)

    async def restart(self) -> None:
        """Load the first page, because a filter changed."""
        self._query.offset = 0
        await self.reload()

    async def _show(self, page: Page[Item]) -> None:
        if page.total and not page.items and self._query.offset:  # the last page has just gone
            self._query.offset = 0
            page = await self._load(self._query)
        self._items = page.items
        if not page.total:
            self._table = None
            self._area.clear()
            with self._area:
                self._nothing()
            return
        # Only now, with the right figures: a browser sends the pagination that it began with back to us.
        self._table = self._table or self._draw(page.total)
        self._table.pagination = self._pagination(page.total)
        self._table.props['hide-bottom'] = page.total <= PER_PAGE
        self.redraw()

    @property
    def items(self) -> Sequence[Item]:
        """What is shown now."""
        return self._items

    def redraw(self) -> None:
        """Draw the rows anew, because time went by or a mark changed."""
        if self._table:
            show_rows(self._table, [self._row(item) for item in self._items])

    def _row(self, item: Item) -> dict[str, Any]:
        cells = {column.name: column.cell(item) for column in self._columns}
        return {'id': self._identify(item), 'marked': self._marked(item), **cells}

    def _draw(self, total: int) -> ui.table:
        columns = [self._column(column) for column in self._columns]
        self._area.clear()
        with self._area:
            table = ui.table(
                columns=columns, rows=[], row_key='id', pagination=self._pagination(total)
            ).classes('listing')
        table.props['aria-label'] = self._label
        table.props(
            f':rows-per-page-options=[{PER_PAGE},50,100] flat binary-state-sort rows-per-page-label="Rows a page"'
        )
        table.add_slot('body', BODY)
        for column in self._columns:
            if column.kind == 'tick':
                table.add_slot(f'header-cell-{column.name}', TICK_ALL)
        table.on('request', self._requested)
        table.on('act', self._acted)
        return table

    async def _acted(self, event: GenericEventArguments) -> None:
        if self._on_act:
            await self._on_act(event.args['act'], event.args['id'])

    def _column(self, column: Column[Item]) -> dict[str, Any]:
        align = 'right' if column.kind in {'number', 'acts'} else 'left'
        return {
            'name': column.name,
            'label': column.label,
            'field': column.name,
            'kind': column.kind,
            'align': align,
            'sortable': column.key is not None,
        }

    def _pagination(self, total: int) -> dict[str, Any]:
        query = self._query
        return {
            'page': query.offset // query.limit + 1,
            'rowsPerPage': query.limit,
            'rowsNumber': total,
            'sortBy': query.sort,
            'descending': query.descending,
        }

    async def _requested(self, event: GenericEventArguments) -> None:
        wanted = event.args['pagination']
        limit = int(wanted['rowsPerPage']) or 100
        offset = (int(wanted['page']) - 1) * limit
        self._query = Query(
            limit=limit, offset=offset, sort=wanted['sortBy'], descending=bool(wanted['descending'])
        )
        await self.reload()


def slice_of(items: Sequence[Item], columns: Sequence[Column[Item]], query: Query) -> Page[Item]:
    """Given all items and a query, return the page of it; for lists that fit in memory."""
    keys = {column.name: column.key for column in columns if column.key}
    key = keys.get(query.sort or '')
    ordered = sorted(items, key=key, reverse=query.descending) if key else items
    return Page(items=ordered[query.offset : query.offset + query.limit], total=len(items))


def text(content: str | None, under: str = '', title: str = '') -> Cell:
    """Return a cell of text, with a second quieter line if given."""
    return {'text': content or NONE, 'under': under, 'title': title, 'blank': not content}


def to(content: str, target: str, under: str = '') -> Cell:
    """Return a cell that links to a page of ours."""
    return {**text(content, under), 'href': target}


def chip(state: str | Look | None) -> Cell:
    """Return a cell with the chip of a status."""
    shown = state if isinstance(state, Look) else look(state)
    return {'text': shown.word, 'icon': shown.icon, 'tone': shown.tone}


def when(moment: datetime | None, zone: tzinfo, never: str = NONE) -> Cell:
    """Return a cell with a relative time, the exact one on hover."""
    return {'text': ago(moment) if moment else never, 'title': exact(moment, zone), 'blank': moment is None}


def tick(mark: str, label: str) -> Cell:
    """Return a cell with a tick box; the mark is 'on', 'off', or 'within' for what goes with something else that is ticked."""
    return {'text': '', 'on': mark != 'off', 'fixed': mark == 'within', 'label': label}


def acts(named: Mapping[str, tuple[str, str]]) -> Cell:
    """Given {act: (icon, what it does)}, return a cell of buttons."""
    return {name: {'icon': icon, 'label': label} for name, (icon, label) in named.items()}


# Vue's {{ }} and :attributes put names in as text, never as HTML.
BODY = """
<q-tr :props="props" :class="{marked: props.row.marked}">
  <q-td v-for="col in props.cols" :key="col.name" :props="props" :data-label="col.label"
        :class="['cell-' + col.kind, {blank: props.row[col.name].blank}]">
    <div v-if="col.kind === 'acts'" class="acts">
      <q-btn v-for="(act, name) in props.row[col.name]" :key="name" flat round dense size="sm" :icon="act.icon" :aria-label="act.label"
             @click="$parent.$emit('act', {act: name, id: props.row.id})"><q-tooltip>{{ act.label }}</q-tooltip></q-btn>
    </div>
    <q-checkbox v-else-if="col.kind === 'tick'" dense :model-value="props.row[col.name].on" :disable="props.row[col.name].fixed"
      :aria-label="props.row[col.name].label" @update:model-value="$parent.$emit('act', {act: 'tick', id: props.row.id})"></q-checkbox>
    <span v-else-if="col.kind === 'chip'" :class="'chip tone-' + props.row[col.name].tone">
      <q-icon :name="props.row[col.name].icon"></q-icon><span>{{ props.row[col.name].text }}</span>
    </span>
    <span v-else-if="col.kind === 'file'" class="file-cell">
      <q-icon :name="props.row[col.name].icon"></q-icon>
      <a v-if="props.row[col.name].href" class="row-open wrap-any" :href="props.row[col.name].href" :title="props.row[col.name].title"
         @click.exact.prevent="$parent.$emit('act', {act: 'open', id: props.row.id})">{{ props.row[col.name].text }}</a>
      <q-btn v-else-if="props.row[col.name].opens" flat dense no-caps class="row-open" :label="props.row[col.name].text"
             @click="$parent.$emit('act', {act: 'open', id: props.row.id})"></q-btn>
      <span v-else class="wrap-any">{{ props.row[col.name].text }}</span>
      <span v-if="props.row[col.name].under" class="sub wrap-any aside">{{ props.row[col.name].under }}</span>
    </span>
    <template v-else>
      <span>
        <a v-if="props.row[col.name].href" :href="props.row[col.name].href" :class="['row-link', col.kind]">{{ props.row[col.name].text }}</a>
        <span v-else :title="props.row[col.name].title">{{ props.row[col.name].text }}</span>
        <span v-if="props.row[col.name].under" class="under">{{ props.row[col.name].under }}</span>
      </span>
    </template>
  </q-td>
</q-tr>
"""
TICK_ALL = """
<q-th :props="props"><q-checkbox dense :model-value="false" aria-label="Tick all on this page, or none"
  @update:model-value="$parent.$emit('act', {act: 'tick-all', id: null})"></q-checkbox></q-th>
"""
