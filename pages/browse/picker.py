"""Which client and which of its jobs are looked at; the last one, or the only one, is chosen before anybody asks."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from pages.browse.place import Place
from pages.browse.scene import Scene
from pages.calls import ask
from pages.memory import memory
from pages.widgets.text import box
from plumbus.model import JobView, Status

Pick = Callable[[int], Awaitable[None]]


class Picker:
    """Two selections in the head of the page. `pick` is called with the job that someone chose."""

    def __init__(self, scene: Scene, pick: Pick) -> None:
        self._scene, self._pick = scene, pick
        self._jobs: list[JobView] = []
        with box('pickers'):
            self._client = ui.select({}, on_change=self._client_chosen)
            self._job = ui.select({}, on_change=self._job_chosen)
        self._client.props['aria-label'], self._job.props['aria-label'] = 'Client', 'Job'

    async def load(self) -> None:
        """Learn which jobs there are."""
        self._jobs = sorted(
            await ask(memory().jobs), key=lambda job: (job.client_name.lower(), job.name.lower())
        )

    def known(self, job: JobView) -> JobView:
        """Given a job, return it as it is by now; one that was deleted stays as it was."""
        return next((one for one in self._jobs if one.id == job.id), job)

    def job_for(self, place: Place, last: int | None) -> int | None:
        """Given a place that may name no job, and the job that was looked at last, return the one to look at, if there is any."""
        known = {job.id for job in self._jobs}
        if place.job:
            return place.job
        mine = [job for job in self._jobs if place.client in {None, job.client_id}]
        if last in {job.id for job in mine} & known:
            return last
        newest = max(mine, key=_promising, default=None)
        return newest.id if newest else None

    def show(self) -> None:
        """Show what the scene says."""
        job = self._scene.job
        clients = {one.client_id: one.client_name for one in self._jobs}
        mine = {one.id: one.name for one in self._jobs if job and one.client_id == job.client_id}
        if job:
            clients.setdefault(job.client_id, job.client_name)
            mine.setdefault(job.id, job.name)
        self._client.set_options(clients, value=job.client_id if job else None)
        self._job.set_options(mine, value=job.id if job else None)
        self._client.visible = self._job.visible = bool(clients)

    async def _client_chosen(self) -> None:
        job = self._scene.job
        mine = [one for one in self._jobs if one.client_id == self._client.value]
        if mine and not (job and job.client_id == self._client.value):
            await self._pick(mine[0].id)

    async def _job_chosen(self) -> None:
        job = self._scene.job
        if self._job.value and not (job and job.id == self._job.value):
            await self._pick(self._job.value)


def _promising(job: JobView) -> tuple[object, ...]:
    """Where a snapshot is most likely, and the newest: what runs or failed the first time has none."""
    good = job.last_status in {Status.COMPLETED, Status.WARNING}
    return good, job.last_run is not None, job.last_run or 0, -job.id
