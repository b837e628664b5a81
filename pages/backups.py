"""The history of all backups, with filters that stand in the address."""

from urllib.parse import urlencode

from fastapi import Request
from nicegui import ui

from pages.calls import ask
from pages.frame import View, frame
from pages.live import Batch
from pages.memory import memory
from pages.widgets.history import Filters, history
from pages.widgets.search import search_field
from pages.widgets.text import box
from pages.wording import LOOKS
from plumbus.engine import Engine
from plumbus.model import Status

Choices = dict[int | None, str]
ALL_CLIENTS, ALL_JOBS = 'All clients', 'All jobs'


def register(engine: Engine) -> None:
    """Draw /backups."""

    @ui.page('/backups')
    async def backups(request: Request) -> None:
        async with frame(engine, 'Backups', here='/backups') as view:
            BackupList(view, filters_of(request))


def filters_of(request: Request) -> Filters:
    """Given a request, return the filters in its address; what makes no sense is left out."""
    asked = request.query_params
    status = asked.get('status', '')
    return Filters(
        client_id=_number(asked.get('client')),
        job_id=_number(asked.get('job')),
        status=status if status in set(Status) else None,
        search=asked.get('q', '')[:200],
    )


def address(filters: Filters) -> str:
    """Given filters, return the address that leads to them."""
    chosen = {
        'client': filters.client_id,
        'job': filters.job_id,
        'status': filters.status,
        'q': filters.search,
    }
    query = urlencode({name: value for name, value in chosen.items() if value})
    return f'/backups?{query}' if query else '/backups'


class BackupList:
    """The filters and, below them, what they let through."""

    def __init__(self, view: View, filters: Filters) -> None:
        self._view, self._filters = view, filters
        with box('card flush', 'section'):
            with box('filters'):
                search_field('Search client or job', self._searched, filters.search)
                self._client = ui.select(
                    _options(ALL_CLIENTS, {}, filters.client_id), value=filters.client_id
                )
                self._job = ui.select(_options(ALL_JOBS, {}, filters.job_id), value=filters.job_id)
                words = {status.value: look.word for status, look in LOOKS.items()}
                self._status = ui.select({None: 'Any status', **words}, value=filters.status)
            self._listing = history(view, filters)
        for name, element in (('Client', self._client), ('Job', self._job), ('Status', self._status)):
            element.props['aria-label'] = name
            element.on_value_change(self._narrow)
        ui.timer(0, self._load_names, once=True)
        view.feed.on(self._renamed, 'client', 'job')

    async def _renamed(self, _: Batch) -> None:
        await self._load_names()

    async def _load_names(self) -> None:
        clients: Choices = {client.id: client.name for client in await ask(memory().clients)}
        jobs: Choices = {job.id: f'{job.client_name} · {job.name}' for job in await ask(memory().jobs)}
        self._client.set_options(_options(ALL_CLIENTS, clients, self._client.value), value=self._client.value)
        self._job.set_options(_options(ALL_JOBS, jobs, self._job.value), value=self._job.value)

    async def _searched(self, text: str) -> None:
        self._filters.search = text
        await self._narrow()

    async def _narrow(self) -> None:
        filters = self._filters
        filters.status = self._status.value
        filters.client_id, filters.job_id = self._client.value, self._job.value
        ui.navigate.history.replace(address(filters))
        await self._listing.restart()


def _options(everything: str, names: Choices, chosen: int | None) -> Choices:
    """Return what can be chosen; what the address asks for is among it even if nothing goes by that id."""
    options: Choices = {None: everything}
    if chosen is not None:
        options[chosen] = f'Number {chosen}'
    return {**options, **names}


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None
