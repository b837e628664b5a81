"""The history of all backups, with filters that stand in the address."""

from urllib.parse import urlencode

from fastapi import Request
from nicegui import ui

from pages.calls import ask
from pages.frame import View, frame
from pages.widgets.history import Filters, history
from pages.widgets.text import box
from pages.wording import LOOKS
from plumbus.engine import Engine
from plumbus.model import Status


def register(engine: Engine) -> None:
    """Draw /backups."""

    @ui.page('/backups')
    async def backups(request: Request) -> None:
        async with frame(engine, 'Backups', here='/backups') as view:
            await _draw(view, filters_of(request))


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


async def _draw(view: View, filters: Filters) -> None:
    clients = {client.id: client.name for client in await ask(view.engine.clients.all)}
    jobs = {job.id: f'{job.client_name} · {job.name}' for job in await ask(view.engine.jobs.all)}
    with box('card flush', 'section'):
        with box('filters'):
            search = ui.input(placeholder='Search client or job', value=filters.search).classes('search')
            client = ui.select(
                {None: 'All clients', **clients},
                value=filters.client_id if filters.client_id in clients else None,
            )
            job = ui.select(
                {None: 'All jobs', **jobs}, value=filters.job_id if filters.job_id in jobs else None
            )
            status = ui.select(
                {None: 'Any status', **{s.value: look.word for s, look in LOOKS.items()}},
                value=filters.status,
            )
        _name({'Search': search, 'Client': client, 'Job': job, 'Status': status})
        listing = history(view, filters)

    async def narrow() -> None:
        filters.search, filters.client_id = search.value or '', client.value
        filters.job_id, filters.status = job.value, status.value
        ui.navigate.history.replace(address(filters))
        await listing.restart()

    for element in (search, client, job, status):
        element.on_value_change(narrow)


def _name(fields: dict[str, ui.element]) -> None:
    for name, element in fields.items():
        element.props['aria-label'] = name
    fields['Search'].props('clearable debounce=300 type=search')
    with fields['Search'].add_slot('prepend'):
        ui.icon('o_search')


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None
