"""Adding and changing a job: what, when, how long to keep, and the rarely needed rest folded away."""

from typing import Any

from fastapi import Request
from nicegui import ui

from pages.calls import ask, praise
from pages.frame import View, frame
from pages.job_files import JobFiles
from pages.job_waiting import draw_waiting
from pages.live import Batch
from pages.memory import memory
from pages.missing import friendly, number_in
from pages.selection import Selection
from pages.widgets.fields import Form
from pages.widgets.meanwhile import Meanwhile
from pages.widgets.retention import RetentionEditor
from pages.widgets.retention_preview import RetentionPreview
from pages.widgets.schedule import ScheduleEditor
from pages.widgets.text import Text, box, button, button_link, card
from plumbus.engine import Engine
from plumbus.model import Client, Job, Retention

STANDARD = Retention(keep_last=3, keep_daily=7, keep_weekly=5, keep_monthly=12, keep_yearly=2)
NIGHTLY = '0 2 * * *'


def register(engine: Engine) -> None:
    """Draw /jobs/new and /jobs/ID/edit."""

    @ui.page('/jobs/new')
    async def new_job(request: Request) -> None:
        async with friendly(engine, '/jobs'):
            clients, crumbs = await ask(engine.clients.all), [('Jobs', '/jobs')]
            async with frame(
                engine, 'What should be backed up?', here='/jobs', crumbs=crumbs, needs='jobs.create'
            ) as view:
                if clients:
                    JobEditor(view, _fresh(request, clients), clients)
                else:
                    Text('A job needs a client first.', 'strong', 'p')
                    button_link('Add a client', '/clients/new', 'primary', icon='o_add')

    @ui.page('/jobs/{job_id}/edit')
    async def edit_job(job_id: str) -> None:
        async with friendly(engine, '/jobs'):
            job = await ask(engine.jobs.get, number_in(job_id))
            clients = await ask(engine.clients.all)
            crumbs = [('Jobs', '/jobs'), (job.name, f'/jobs/{job.id}')]
            async with frame(
                engine, f'Edit {job.name}', here='/jobs', crumbs=crumbs, needs='jobs.update'
            ) as view:
                JobEditor(view, job, clients)


class JobEditor:
    """The whole form. A job with id 0 is a new one."""

    def __init__(self, view: View, job: Job, clients: list[Client]) -> None:
        self._view, self._job = view, job
        self._clients = {client.id: client for client in clients}
        self._meanwhile = Meanwhile(view, 'job', job, view.engine.jobs.get, back='/jobs', edited=True)
        self._form = Form()
        self._selection = Selection(job.source_paths, job.excludes)
        with box('halves'):
            with box('stack'):
                self._draw_names()
                self._files = JobFiles(view.engine, self._selection)
            with box('stack'):
                self._draw_rest()
        with box('actions end save-bar'):
            button_link('Cancel', f'/jobs/{job.id}' if job.id else '/jobs')
            button('Save job', 'primary', icon='o_check', on_click=self._save)
        ui.timer(0, self._open_client, once=True)
        view.feed.on(self._clients_changed, 'client')

    def _draw_names(self) -> None:
        options = self._client_options()
        chosen = self._job.client_id if self._job.client_id in options else None
        with card(), box('fields'):
            self._form.choice('client_id', 'Client', options, chosen)
            self._form.text('name', 'Name of the job', self._job.name, placeholder='home and settings')
        self._form.element('client_id').on_value_change(self._open_client)
        if self._job.id:
            self._form.element('client_id').disable()

    def _client_options(self) -> dict[int, str]:
        return {one.id: f'{one.name} ({one.username}@{one.host})' for one in self._clients.values()}

    def _draw_rest(self) -> None:
        job = self._job
        with card('When', classes='stack near'):
            self._schedule = ScheduleEditor(self._view.engine, job.schedule)
            self._schedule.timezone = job.timezone
        with card('Keep', classes='stack near'):
            self._retention = RetentionEditor(job.retention, self._retention_changed)
            self._preview = (
                RetentionPreview(self._view, job.id, lambda: self._retention.value) if job.id else None
            )
        caption = 'quiet hours, clients that are off, catching up'
        with ui.expansion('Waiting', caption=caption).classes('card fold'), box('stack'):
            draw_waiting(self._form, job, self._view.engine.settings)
        caption = 'bandwidth, time limit, retries, warnings, commands, time zone'
        with ui.expansion('Advanced', caption=caption).classes('card fold'), box('stack'):
            self._draw_advanced()

    def _draw_advanced(self) -> None:
        form, job = self._form, self._job
        with box('fields'):
            form.number(
                'bandwidth_limit_kib',
                'Bandwidth limit, KiB/s',
                job.bandwidth_limit_kib,
                hint='0: none',
                high=100_000_000,
            )
            form.number(
                'timeout_minutes', 'Time limit, minutes', job.timeout_minutes, hint='0: none', high=525_600
            )
            form.number('retries', 'Retries', job.retries, hint='after a broken connection', high=100)
            form.number('retry_delay_s', 'Pause before a retry, seconds', job.retry_delay_s, high=86_400)
            form.number(
                'shrink_warning_percent',
                'Warn when the source shrank by more than … percent',
                job.shrink_warning_percent,
                hint='0: never. A disk that is not mounted there looks like this',
                high=100,
            )
        form.switch('enabled', 'The job is on', job.enabled)
        form.switch('compress', 'Compress on the way (slow lines only)', job.compress)
        form.switch(
            'one_file_system', 'Stay on one file system, leave out what is mounted below', job.one_file_system
        )
        zone = form.text(
            'timezone',
            'Time zone',
            job.timezone,
            hint=f'Empty: {self._view.zone}',
            placeholder='Europe/Berlin',
        )
        zone.on_value_change(self._zone_changed)
        form.text(
            'pre_command',
            'Command on the client before',
            job.pre_command,
            hint='for instance a database dump; if it fails, so does the backup',
        )
        form.text('post_command', 'Command on the client afterwards', job.post_command)
        self._draw_ping_url()

    def _draw_ping_url(self) -> None:
        kept = self._job.ping_shown
        hint = (
            f'Stored: {kept} Leave it empty to keep that.'
            if kept
            else 'A service like healthchecks, which alarms when it hears nothing'
        )
        self._form.text(
            'ping_url',
            'Ping URL',
            '',
            hint=hint,
            secret=True,
            autocomplete='off',
            placeholder='https://hc-ping.com/…',
        )
        if kept:
            self._form.switch('forget_ping_url', 'Forget the stored ping URL', False)

    async def _retention_changed(self) -> None:
        if self._preview:
            await self._preview.refresh()

    async def _zone_changed(self) -> None:
        self._schedule.timezone = self._form['timezone'] or None
        await self._schedule.refresh()

    async def _clients_changed(self, _: Batch) -> None:
        self._clients = {client.id: client for client in await ask(memory().clients)}
        select, options = self._form.element('client_id'), self._client_options()
        select.set_options(options, value=select.value if select.value in options else None)

    async def _open_client(self) -> None:
        await self._files.open(self._clients.get(self._form['client_id']))

    def _fields(self) -> dict[str, Any]:
        entered = self._form.values()
        if entered.pop('forget_ping_url', False):
            entered['ping_url'] = ''
        return {
            **entered,
            'source_paths': self._files.source_paths,
            'excludes': self._files.excludes,
            'schedule': self._schedule.cron,
            'retention': self._retention.value,
        }

    async def _save(self) -> None:
        jobs = self._view.engine.jobs
        with self._form.objections():
            fields = self._fields()
            if self._job.id:
                job = await ask(jobs.update, self._job.id, {**fields, 'revision': self._job.revision})
                self._meanwhile.mine(job)
            else:
                job = await ask(jobs.create, fields)
            praise('Saved.')
            ui.navigate.to(f'/jobs/{job.id}')


def _fresh(request: Request, clients: list[Client]) -> Job:
    wanted = request.query_params.get('client', '')
    chosen = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 16 else 0
    if len(clients) == 1:
        chosen = clients[0].id
    paths = [path for path in request.query_params.getlist('path')[:50] if path.startswith('/')]
    name = ' and '.join(path.rsplit('/', 1)[-1] for path in paths[:2])
    return Job(client_id=chosen, name=name, source_paths=paths, schedule=NIGHTLY, retention=STANDARD)
