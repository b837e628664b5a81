"""The list of clients: which machines there are, and whether each is safe."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from nicegui import ui

from pages.calls import ask
from pages.frame import View, frame
from pages.live import Batch
from pages.memory import memory
from pages.widgets.empty import empty
from pages.widgets.listing import Cell, Column, Listing, Query, chip, slice_of, text, to, when
from pages.widgets.search import search_field
from pages.widgets.text import box, button_link
from pages.wording import PAUSED, Look, plural, size
from plumbus.engine import Engine
from plumbus.model import Client, JobView, Page

NO_JOB = Look(tone='wa', icon='o_help_outline', word='no job')
GRAVITY = ('failed', 'interrupted', 'warning', 'running', 'queued', 'cancelled', 'completed')


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A client with what its jobs say of it. `size`: the bytes of their newest snapshots."""

    client: Client
    jobs: list[JobView]
    size: int = 0

    @property
    def id(self) -> int:
        """The client's id, by which the list knows its row."""
        return self.client.id

    @property
    def state(self) -> str | Look | None:
        """The worst last status of its jobs."""
        active = [job for job in self.jobs if job.enabled]
        if not active:
            return PAUSED if self.jobs else NO_JOB
        told = [job.last_status for job in active if job.last_status]
        return min(told, key=GRAVITY.index) if told else None

    @property
    def last_good_run(self) -> datetime | None:
        """When the last backup of it began that ended well."""
        return max((job.last_good_run for job in self.jobs if job.last_good_run), default=None)


def register(engine: Engine) -> None:
    """Draw /clients."""

    @ui.page('/clients')
    async def clients() -> None:
        async with frame(engine, 'Clients', here='/clients') as view:
            with view.head:
                ui.space()
                view.offer(
                    'clients.create', button_link('Add a client', '/clients/new', 'primary', icon='o_add')
                )
            with box('card flush', 'section'):
                ClientList(view)


class ClientList:
    """All clients with their state."""

    def __init__(self, view: View) -> None:
        self._view, self._search = view, ''
        self._columns = self._made()
        with box('filters'):
            search_field('Search clients', self._narrow)
        self._listing = Listing(
            self._columns, self._load, label='Clients', nothing=self._nothing, sort='name'
        )
        view.feed.on(self._happened, 'client', 'job', 'backup')

    def _made(self) -> list[Column[Standing]]:
        zone = self._view.zone
        return [
            Column(
                name='name', label='Client', kind='main', cell=_named, key=lambda one: one.client.name.lower()
            ),
            Column(
                name='status',
                label='State',
                kind='chip',
                cell=lambda one: chip(one.state),
                key=lambda one: str(chip(one.state)['text']),
            ),
            Column(
                name='last',
                label='Last good',
                kind='when',
                cell=lambda one: when(one.last_good_run, zone, 'none yet'),
                key=lambda one: str(one.last_good_run or ''),
            ),
            Column(name='jobs', label='Jobs', kind='text', cell=_jobs, key=lambda one: len(one.jobs)),
            Column(name='login', label='Login', kind='text', cell=_login),
            Column(
                name='size',
                label='Size',
                kind='number',
                cell=lambda one: text(size(one.size) if one.size else ''),
                key=lambda one: one.size,
            ),
        ]

    async def _narrow(self, search: str) -> None:
        self._search = search.lower()
        await self._listing.restart()

    async def _load(self, query: Query) -> Page[Standing]:
        clients, jobs = await ask(self._view.engine.clients.all), await ask(memory().jobs)
        sizes = await ask(self._view.engine.system.sizes)
        standings = [
            _standing(client, [job for job in jobs if job.client_id == client.id], sizes)
            for client in clients
            if self._search in f'{client.name} {client.host} {client.username}'.lower()
        ]
        return slice_of(standings, self._columns, query)

    async def _happened(self, _: Batch) -> None:
        await self._listing.reload()

    def _nothing(self) -> object:
        if self._search:
            return empty('No client fits this search', 'Try a part of its name or address.')
        return empty(
            'No client yet',
            'Every home needs a plumbus, and every plumbus needs a machine to look after.',
            ('Add a client', '/clients/new') if self._view.may('clients.create') else None,
        )


def _standing(client: Client, jobs: list[JobView], sizes: Mapping[int, int]) -> Standing:
    return Standing(client=client, jobs=jobs, size=sum(sizes.get(job.id, 0) for job in jobs))


def _named(one: Standing) -> Cell:
    return to(one.client.name, f'/clients/{one.client.id}', one.client.host)


def _jobs(one: Standing) -> Cell:
    return text(plural(len(one.jobs), 'job') if one.jobs else '')


def _login(one: Standing) -> Cell:
    how = 'password' if one.client.auth_method == 'password' else 'key'
    return text(f'{one.client.username}, {how}{", sudo" if one.client.use_sudo else ""}')
