"""Browse & restore: the snapshots of a job along the time, what lies in one of them, and the way back."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from nicegui import ui
from nicegui.events import GenericEventArguments

from pages.browse.changes import Changes
from pages.browse.folder import Folder
from pages.browse.found import Found
from pages.browse.panel import FilePanel
from pages.browse.picker import Picker
from pages.browse.place import Place, above, address, place_of
from pages.browse.restoring import RestoreDialog
from pages.browse.scene import Scene, beginning
from pages.browse.shortfalls import draw_shortfalls
from pages.browse.tick_bar import TickBar
from pages.browse.timeline import Timeline
from pages.browse.toolbar import Toolbar
from pages.calls import ask, told
from pages.frame import View
from pages.live import Batch
from pages.widgets.empty import empty, skeleton
from pages.widgets.text import box, button_link
from plumbus.errors import NotFound
from plumbus.model import Backup, JobView

# A step back in the browser asks the page for the place before, instead of loading it anew.
STEP_BACK = "<script>addEventListener('popstate', () => emitEvent('place', location.search))</script>"


class BrowsePage:
    """Each part draws what the scene says; `go` changes the scene and lets them."""

    def __init__(self, view: View, place: Place, last: dict[str, int]) -> None:
        self._view, self._last = view, last
        self._scene = Scene(view=view, go=self.go, restore=self._restore, place=place)
        self._dialog: RestoreDialog | None = None
        self._parts: list[Any] = []
        self._wrong_for: tuple[object, ...] | None = None
        with view.head:
            ui.space()
            self._picker = Picker(self._scene, self._pick)
            button_link('Restores', '/restores', icon='o_settings_backup_restore')
        self._area = box('stack')
        with self._area, box('card'):
            skeleton(6)
        ui.add_body_html(STEP_BACK)
        ui.on('place', self._stepped_back)
        view.feed.on(self._changed, 'backup', 'restore')
        view.feed.on(self._named_otherwise, 'client', 'job')
        view.feed.follow(self._moved, lambda: self._dialog.runs if self._dialog else ())
        ui.timer(0, self._begin, once=True)

    async def go(self, place: Place, *, quietly: bool = False) -> None:
        """Given a place, show it and put it into the address. `quietly` takes the place of the address that was there."""
        scene = self._scene
        moved_on = place != scene.place
        if place.snapshot != scene.place.snapshot or place.job != scene.place.job:
            scene.ticks.clear()
        with told():
            if place.job != (scene.job.id if scene.job else None):
                await self._enter(place.job)
            scene.place = place = await self._filled_in(place)
            if moved_on:
                history = ui.navigate.history
                (history.replace if quietly else history.push)(address(place))
            await self._show()

    async def _begin(self) -> None:
        place, engine = self._scene.place, self._view.engine
        with told():
            await self._picker.load()
            if place.snapshot and not place.job:
                backup = await ask(engine.backups.get, place.snapshot)
                place = replace(place, job=backup.job_id)
            job = self._picker.job_for(place, self._last.get(self._view.user))
            self._scene.place = replace(place, job=None)
            await self.go(replace(place, job=job), quietly=True)

    async def _enter(self, job_id: int | None) -> None:
        """Given another job, or none at all, take it up and draw everything anew."""
        scene, engine = self._scene, self._view.engine
        scene.job = await ask(engine.jobs.get, job_id) if job_id else None
        scene.snapshots = await ask(engine.backups.timeline, job_id) if job_id else []
        if scene.job and scene.snapshots:
            self._last[self._view.user] = scene.job.id
        self._draw()

    async def _filled_in(self, place: Place) -> Place:
        """Given a place of the present job, return it with all that was left open filled in."""
        scene = self._scene
        if not (scene.job and scene.snapshots):
            return replace(place, client=scene.job.client_id if scene.job else place.client)
        snapshot = scene.find(place.snapshot) or scene.snapshots[-1]
        path = place.path or await self._start(scene.job, snapshot.id)
        return replace(place, client=scene.job.client_id, snapshot=snapshot.id, path=path)

    async def _start(self, job: JobView, snapshot: int) -> str:
        path = beginning(job)
        try:
            await ask(self._view.engine.backups.files, snapshot, path, limit=1)
        except NotFound:
            return above(path)
        return path

    def _draw(self) -> None:
        scene = self._scene
        self._area.clear()
        self._parts, self._wrong_for = [], None
        self._picker.show()
        with self._area:
            if not scene.snapshots:
                _draw_nothing(scene)
                return
            self._timeline = Timeline(scene)
            self._wrong = box('stack')
            with box('browse-columns') as self._columns:
                with box('card flush', 'section') as main:
                    main.props['aria-label'] = 'What was there'
                    self._toolbar = Toolbar(scene)
                    self._folder, self._found, self._changes = Folder(scene), Found(scene), Changes(scene)
                    self._tick_bar = TickBar(scene)
                self._panel = FilePanel(scene)

    async def _show(self) -> None:
        scene = self._scene
        if not scene.snapshots:
            return
        place = scene.place
        self._timeline.show()
        self._show_what_is_wrong()
        self._toolbar.show()
        part = self._found if place.words else self._changes if place.against else self._folder
        for one in (self._folder, self._found, self._changes):
            one.area.visible = one is part
        self._tick_bar.area.visible = part is self._folder
        self._tick_bar.show()
        self._columns.classes(
            toggle=None, add='with-panel' if place.file else None, remove=None if place.file else 'with-panel'
        )
        await part.show()
        await self._panel.show()

    def _show_what_is_wrong(self) -> None:
        backup = self._scene.chosen
        key = (backup.id, backup.verify_status) if backup else None
        if key == self._wrong_for:
            return
        self._wrong_for = key
        self._wrong.clear()
        with self._wrong:
            self._wrong.visible = bool(backup and draw_shortfalls(backup))

    async def _pick(self, job_id: int) -> None:
        await self.go(Place(job=job_id))

    async def _restore(self, backup: Backup, paths: list[str]) -> None:
        self._dialog = RestoreDialog(self._view, backup, paths)
        try:
            await self._dialog.ask()
        finally:
            self._dialog = None

    async def _stepped_back(self, event: GenericEventArguments) -> None:
        place = place_of(dict(parse_qsl(str(event.args).removeprefix('?'))))
        if place.job:
            await self.go(place, quietly=True)

    def _moved(self, batch: Batch) -> None:
        if self._dialog:
            self._dialog.moved(batch)

    async def _named_otherwise(self, _: Batch) -> None:
        if self._scene.job is None:  # perhaps there is a first one now
            await self._begin()
            return
        with told():
            await self._picker.load()
            self._scene.job = self._picker.known(self._scene.job)
            self._picker.show()

    async def _changed(self, batch: Batch) -> None:
        if self._dialog:
            await self._dialog.changed(batch)
        if batch.touches('backup') and self._scene.job:
            with told():
                await self._look_again(self._scene.job.id)

    async def _look_again(self, job_id: int) -> None:
        scene = self._scene
        snapshots = await ask(self._view.engine.backups.timeline, job_id)
        before, scene.snapshots = scene.snapshots, snapshots
        if not before or not snapshots:
            if before or snapshots:
                scene.job = None
                await self.go(scene.place, quietly=True)
        elif scene.chosen is None:
            await self.go(replace(scene.place, snapshot=snapshots[-1].id), quietly=True)
        elif snapshots != before:
            self._timeline.show()
            self._show_what_is_wrong()


def _draw_nothing(scene: Scene) -> None:
    with box('card'):
        if scene.job:
            empty(
                'No snapshot yet',
                'The grumbo is still being shaved. As soon as a backup of this job has ended, its files are here.',
                ('Open the job', f'/jobs/{scene.job.id}'),
            )
        else:
            empty(
                'Nothing to look into yet',
                'First a job, then a backup, then every fleeb of it can be found here.',
                ('Add a job', '/jobs/new'),
            )
