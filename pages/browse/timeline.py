"""The snapshots of a job along the time: one bar each, as high as much changed; buttons and arrow keys step through them."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from math import sqrt

from nicegui import ui
from nicegui.events import KeyEventArguments

from pages.browse.scene import Scene
from pages.widgets.status import StatusChip
from pages.widgets.text import Text, box, button, icon_button, link
from pages.widgets.when import When
from pages.wording import DAMAGED, PINNED, VERIFIED, Look, count, exact, listed, look, plural, size
from plumbus.model import Backup

SHOWN = 60
HIGHEST_PX, LOWEST_PX = 44, 6
# The strip alone is moved, never the page.
INTO_VIEW = """{
  const bar = getHtmlElement(%d), strip = bar?.closest('.bars');
  if (strip) strip.scrollLeft = bar.parentElement.offsetLeft - strip.clientWidth / 2;
}"""


class Timeline:
    """`show` draws what the scene says. At most 60 bars stand side by side, around the chosen one."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._bars: dict[int, ui.element] = {}
        self._drawn: list[int] = []
        self._seen: int | None = None
        with box('card stack near timeline', 'section') as card:
            card.props['aria-label'] = 'Timeline'
            with box('timeline-head'):
                self._month = Text('', tag='h2')
                Text('a bar is as high as much changed', 'sub small desk-only')
                with box('row-line steppers'):
                    self._earlier = icon_button('o_chevron_left', 'Earlier', on_click=lambda: self.step(-1))
                    self._later = icon_button('o_chevron_right', 'Later', on_click=lambda: self.step(1))
                    self._newest = button('Newest', on_click=self._to_newest)
            self._strip = box('bars', 'ol')
            self._strip.props['aria-label'] = 'Snapshots'
            for key, distance in (('left', -1), ('right', 1)):
                self._strip.on(f'keydown.{key}.prevent', lambda _, distance=distance: self._walk(distance))
            self._told = box('told').props('aria-live=polite')
        ui.keyboard(self._pressed)  # where no field or button has the focus

    def show(self) -> None:
        """Show the snapshots of the scene and which of them is chosen."""
        wanted = [one.id for one in self._window()]
        if wanted != self._drawn or self._scene.place.snapshot not in self._bars:
            self._draw()
        self._mark()
        self._tell()

    async def step(self, distance: int) -> None:
        """Go that many snapshots later, or earlier; the folder stays."""
        if beside := self._scene.beside(distance):
            await self._choose(beside.id)

    async def _to_newest(self) -> None:
        await self._choose(self._scene.snapshots[-1].id)

    async def _choose(self, backup_id: int) -> None:
        await self._scene.move(snapshot=backup_id)

    async def _walk(self, distance: int) -> None:
        await self.step(distance)
        if bar := self._bars.get(self._scene.place.snapshot or 0):
            ui.run_javascript(f'getHtmlElement({bar.id})?.focus({{preventScroll: true}})')

    async def _pressed(self, event: KeyEventArguments) -> None:
        distance = -1 if event.key.arrow_left else 1 if event.key.arrow_right else 0
        if distance and event.action.keydown and not event.modifiers:
            await self.step(distance)

    def _window(self) -> Sequence[Backup]:
        snapshots = self._scene.snapshots
        if self._drawn and self._scene.place.snapshot in self._drawn and snapshots[-1].id in self._drawn:
            return [one for one in snapshots if one.id in self._drawn]
        at = next((i for i, one in enumerate(snapshots) if one.id == self._scene.place.snapshot), 0)
        start = max(0, min(at - SHOWN // 2, len(snapshots) - SHOWN))
        return snapshots[start : start + SHOWN]

    def _draw(self) -> None:
        window = self._window()
        self._drawn = [one.id for one in window]
        self._strip.clear()
        most = max((_moved(one) for one in window), default=0) or 1
        labels = _labels(window, self._scene.view.zone)
        with self._strip:
            self._bars = {
                one.id: self._bar(one, label, most) for one, label in zip(window, labels, strict=True)
            }

    def _bar(self, backup: Backup, label: str, most: int) -> ui.element:
        height = LOWEST_PX + round((HIGHEST_PX - LOWEST_PX) * sqrt(_moved(backup) / most))
        with box(tag='li'):
            bar = box('moment', 'button')
        with bar:
            bar.props['type'] = 'button'
            bar.props['aria-label'] = bar.props['title'] = _in_words(backup, self._scene.view.zone)
            bar.on('click', lambda: self._choose(backup.id))
            with box('top'):
                if backup.pinned:
                    ui.icon(PINNED.icon)
            box(f'bar-mark tone-{state_of(backup).tone}').style(f'height:{height}px')
            Text(label)
        return bar

    def _mark(self) -> None:
        scene = self._scene
        for backup_id, bar in self._bars.items():
            chosen = backup_id == scene.place.snapshot
            bar.props['aria-current'] = 'true' if chosen else 'false'
            bar.props['tabindex'] = '0' if chosen else '-1'
        self._earlier.enabled, self._later.enabled = bool(scene.beside(-1)), bool(scene.beside(1))
        self._newest.enabled = scene.beside(1) is not None
        present = self._bars.get(scene.place.snapshot or 0)
        if present and scene.place.snapshot != self._seen:
            self._seen = scene.place.snapshot
            ui.run_javascript(INTO_VIEW % present.id)

    def _tell(self) -> None:
        backup, zone = self._scene.chosen, self._scene.view.zone
        self._told.clear()
        if not backup:
            return
        began = backup.start_time or backup.created_at
        self._month.text = began.astimezone(zone).strftime('%B %Y') if began else ''
        with self._told:
            Text(exact(began, zone), 'chosen-time')
            When(began, zone, 'sub')
            StatusChip(backup.status)
            for state in _extras(backup):
                StatusChip(state)
            Text(f'{plural(backup.file_count, "file")}, {size(backup.size_bytes)}', 'sub')
            Text(changed_in_words(backup), 'sub')
            link('Its record', f'/backups/{backup.id}')


def state_of(backup: Backup) -> Look:
    """Given a backup with a snapshot, return the look of its worst news."""
    return DAMAGED if backup.verify_status == 'damaged' else look(backup.status)


def changed_in_words(backup: Backup) -> str:
    """Return '3 new, 2 changed, 1 gone', or that nothing changed."""
    told = {'new': backup.new_files, 'changed': backup.changed_files, 'gone': backup.deleted_files}
    parts = [f'{count(number)} {word}' for word, number in told.items() if number]
    return ', '.join(parts) or 'nothing changed'


def _extras(backup: Backup) -> list[Look]:
    states = {'ok': [VERIFIED], 'damaged': [DAMAGED]}.get(backup.verify_status or '', [])
    return [*states, *([PINNED] if backup.pinned else [])]


def _in_words(backup: Backup, zone: tzinfo) -> str:
    states = [look(backup.status).word, *(one.word for one in _extras(backup))]
    return (
        f'{exact(backup.start_time or backup.created_at, zone)}: {listed(states)}, {changed_in_words(backup)}'
    )


def _moved(backup: Backup) -> int:
    return backup.transferred_bytes


def _labels(backups: Sequence[Backup], zone: tzinfo) -> list[str]:
    """Days of the month; the month where it begins, and the time where a day has several."""
    moments = [
        moment.astimezone(zone) if (moment := one.start_time or one.created_at) else None for one in backups
    ]
    labels: list[str] = []
    before: datetime | None = None
    for moment in moments:
        if moment is None:
            labels.append('?')
        elif before and before.date() == moment.date():
            labels.append(f'{moment:%H:%M}')
        elif before and before.month == moment.month:
            labels.append(str(moment.day))
        else:
            labels.append(f'{moment.day} {moment:%b}')
        before = moment or before
    return labels
