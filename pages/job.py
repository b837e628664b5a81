"""One job: what it takes, when, how long it is kept, and its backups; run, edit, pause, delete."""

from nicegui import ui

from pages import keeping
from pages.browse.place import Place, address
from pages.calls import ask, praise, told
from pages.frame import View, frame
from pages.job_waiting import ACTIONS
from pages.jobs import run_now
from pages.live import Batch
from pages.missing import friendly, number_in
from pages.widgets.confirm import confirm_with
from pages.widgets.history import Filters, history
from pages.widgets.meanwhile import Meanwhile
from pages.widgets.status import StatusChip
from pages.widgets.text import Text, box, button, button_link, card, link
from pages.widgets.when import When
from pages.wording import job_look, plural, size
from plumbus.engine import Engine
from plumbus.errors import NotFound
from plumbus.model import JobView


def register(engine: Engine) -> None:
    """Draw /jobs/ID."""

    @ui.page('/jobs/{job_id}')
    async def job_page(job_id: str) -> None:
        async with friendly(engine, '/jobs'):
            job = await ask(engine.jobs.get, number_in(job_id))
            async with frame(engine, job.name, here='/jobs', crumbs=[('Jobs', '/jobs')]) as view:
                JobPage(view, job)


class JobPage:
    """The page of one job; it is drawn anew when the job changes."""

    def __init__(self, view: View, job: JobView) -> None:
        self._view, self._job = view, job
        Meanwhile(view, 'job', job, view.engine.jobs.get, back='/jobs')
        with view.head:
            self._chip = StatusChip()
            ui.space()
            self._run_button = button(
                'Run now', 'primary', icon='o_play_arrow', on_click=lambda: run_now(view, job.id)
            )
            view.offer('jobs.run', self._run_button)
            self._pause_button = view.offer(
                'jobs.update', button('Pause', icon='o_pause', on_click=self._pause)
            )
            button_link('Browse & restore', address(Place(job=job.id)), icon='o_folder_open')
            view.offer('jobs.update', button_link('Edit', f'/jobs/{job.id}/edit', icon='o_edit'))
            view.offer('jobs.delete', button('Delete', icon='o_delete', on_click=self._delete))
        self._facts = card('What and when')
        with box('card flush', 'section'):
            with box('card-head'):
                Text('Backups', tag='h2')
            history(view, Filters(job_id=job.id), whose='job')
        self._draw()
        view.feed.on(self._changed, 'job', 'backup', 'client')

    async def _changed(self, batch: Batch) -> None:
        if batch.touches_one('job', self._job.id) or batch.touches('backup', 'client'):
            try:
                self._job = await ask(self._view.engine.jobs.get, self._job.id)
            except NotFound:  # the notice tells
                return
            self._draw()

    def _draw(self) -> None:
        job = self._job
        busy = job.last_status in {'running', 'queued'}
        self._view.rename(job.name)
        self._chip.show(job_look(job))
        self._run_button.enabled = not busy
        self._pause_button.text, self._pause_button.icon = (
            ('Pause', 'o_pause') if job.enabled else ('Turn on', 'o_play_circle')
        )
        self._facts.clear()
        with self._facts, box('facts', 'dl'):
            Text('Client', tag='dt')
            with box(tag='dd'):
                link(job.client_name, f'/clients/{job.client_id}')
            for name, value in _facts(job).items():
                Text(name, tag='dt')
                Text(value, tag='dd')
            Text('Last good', tag='dt')
            with box(tag='dd'):
                When(job.last_good_run, self._view.zone) if job.last_good_run else Text('none yet')
            if job.overdue_since:
                Text('Overdue', tag='dt')
                with box(tag='dd'):
                    Text('since ')
                    When(job.overdue_since, self._view.zone)
            if job.next_run and job.enabled:
                Text('Next run', tag='dt')
                with box(tag='dd'):
                    When(job.next_run, self._view.zone)

    async def _pause(self) -> None:
        with told():
            await ask(self._view.engine.jobs.update, self._job.id, {'enabled': not self._job.enabled})
            praise('The job is paused.' if self._job.enabled else 'The job is on again.')

    async def _delete(self) -> None:
        engine, job = self._view.engine, self._job
        with told():
            kept = await ask(engine.jobs.history, job.id, 1000)
            stored = sum(backup.disk_bytes for backup in kept.items)
            losses = [
                f'The job {job.name} of {job.client_name}',
                f'{plural(kept.total, "record")} of its backups, with their logs',
            ]
            option = f'Delete its snapshots on disk too (about {size(stored)}); otherwise they stay'
            with_data = await confirm_with(f'Delete {job.name}?', losses, option)
            if with_data is not None:
                await ask(engine.jobs.delete, job.id, delete_data=with_data)
                ui.navigate.to('/jobs')


def _facts(job: JobView) -> dict[str, str]:
    facts = {
        'Takes': ', '.join(job.source_paths),
        'Leaves out': ', '.join(job.excludes),
        'Runs': job.schedule_text + (f' ({job.timezone})' if job.timezone else ''),
        'Keeps': keeping.in_words(job.retention).removeprefix('Keeps ').capitalize(),
        'Quiet hours': _quiet(job),
        'Limit': f'{size(job.bandwidth_limit_kib * 1024)}/s' if job.bandwidth_limit_kib else '',
        'Before': job.pre_command or '',
        'After': job.post_command or '',
        'Pings': job.ping_shown or '',
    }
    return {name: value for name, value in facts.items() if value}


def _quiet(job: JobView) -> str:
    return f'{job.quiet_hours}; what has begun before {ACTIONS[job.quiet_action]}' if job.quiet_hours else ''
