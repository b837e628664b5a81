"""The list of jobs: what is backed up from where, when, and how it went last time."""

from nicegui import ui

from pages.calls import ask, praise, told
from pages.frame import View, frame
from pages.live import Batch
from pages.memory import memory
from pages.widgets.empty import empty
from pages.widgets.listing import Cell, Column, Listing, Query, acts, chip, slice_of, text, to, when
from pages.widgets.search import search_field
from pages.widgets.text import box, button_link
from pages.wording import job_look, listed
from plumbus.engine import Engine
from plumbus.model import JobView, Page


def register(engine: Engine) -> None:
    """Draw /jobs."""

    @ui.page('/jobs')
    async def jobs() -> None:
        async with frame(engine, 'Jobs', here='/jobs') as view:
            with view.head:
                ui.space()
                view.offer('jobs.create', button_link('Add a job', '/jobs/new', 'primary', icon='o_add'))
            with box('card flush', 'section'):
                JobList(view)


class JobList:
    """All jobs, or those of one client."""

    def __init__(self, view: View, client_id: int | None = None) -> None:
        self._view, self._client_id, self._search = view, client_id, ''
        self._columns = self._made()
        if client_id is None:
            with box('filters'):
                search_field('Search jobs, clients, paths', self._narrow)
        self.listing = Listing(
            self._columns, self._load, label='Jobs', on_act=self._act, nothing=self._nothing, sort='name'
        )
        view.feed.on(self._happened, 'job', 'backup', 'client')

    def _made(self) -> list[Column[JobView]]:
        zone = self._view.zone
        return [
            Column(name='name', label='Job', kind='main', cell=self._named, key=_sort_key),
            Column(
                name='status',
                label='State',
                kind='chip',
                cell=_state,
                key=lambda job: job.last_status or '',
            ),
            Column(
                name='last',
                label='Last good',
                kind='when',
                cell=lambda job: when(job.last_good_run, zone, 'none yet'),
                key=lambda job: _stamp(job.last_good_run),
            ),
            Column(
                name='schedule',
                label='Schedule',
                kind='text',
                cell=lambda job: text(job.schedule_text),
                key=lambda job: job.schedule_text,
            ),
            Column(
                name='next',
                label='Next run',
                kind='when',
                cell=lambda job: when(job.next_run, zone),
                key=lambda job: _stamp(job.next_run),
            ),
            Column(name='acts', label='', kind='acts', cell=self._offered),
        ]

    def _offered(self, job: JobView) -> Cell:
        offered = {}
        if self._view.may('jobs.run') and job.last_status not in {'running', 'queued'}:
            offered['run'] = ('o_play_arrow', f'Run {job.name} now')
        if self._view.may('jobs.update'):
            offered['edit'] = ('o_edit', f'Edit {job.name}')
        return acts(offered)

    async def _narrow(self, search: str) -> None:
        self._search = search.lower()
        await self.listing.restart()

    async def _load(self, query: Query) -> Page[JobView]:
        wanted = [job for job in await ask(memory().jobs) if self._client_id in {None, job.client_id}]
        return slice_of([job for job in wanted if self._search in _searched(job)], self._columns, query)

    async def _act(self, name: str, job_id: int) -> None:
        if name == 'edit':
            ui.navigate.to(f'/jobs/{job_id}/edit')
        elif name == 'run':
            await run_now(self._view, job_id)

    async def _happened(self, _: Batch) -> None:
        await self.listing.reload()

    def _named(self, job: JobView) -> Cell:
        paths = listed(job.source_paths)
        name = job.name if self._client_id else f'{job.client_name} · {job.name}'
        return to(name, f'/jobs/{job.id}', paths)

    def _nothing(self) -> object:
        if self._search:
            return empty('No job fits this search', 'Not even among the hizzards.')
        target = f'/jobs/new?client={self._client_id}' if self._client_id else '/jobs/new'
        return empty(
            'No job yet',
            'A job says what to back up, when, and how long to keep it. First the dinglebop, then the schleem.',
            ('Add a job', target) if self._view.may('jobs.create') else None,
        )


async def run_now(view: View, job_id: int) -> None:
    """Given a job, start a backup of it and go to watch it."""
    with told():
        backup = await ask(view.engine.jobs.run, job_id)
        praise('The backup is on its way.')
        ui.navigate.to(f'/backups/{backup.id}')


def _state(job: JobView) -> Cell:
    return chip(job_look(job))


def _sort_key(job: JobView) -> tuple[str, str]:
    return job.client_name.lower(), job.name.lower()


def _stamp(moment: object) -> str:
    return str(moment or '')


def _searched(job: JobView) -> str:
    return ' '.join([job.name, job.client_name, *job.source_paths]).lower()
