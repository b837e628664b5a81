"""The versions of a file: when each was first and last seen, how large it is, and what can be done with it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, tzinfo

from nicegui import ui

from pages.browse.place import download
from pages.browse.scene import Scene
from pages.widgets.text import Text, box
from pages.wording import exact, size
from plumbus.backup.versions import Version

Act = Callable[[Version], Awaitable[None]]


class VersionList:
    """One line each, the newest first. `mark` tells which one is looked at, and with which it is compared."""

    def __init__(
        self, scene: Scene, path: str, versions: Sequence[Version], choose: Act, compare: Act
    ) -> None:
        self._scene, self._path, self._choose, self._compare = scene, path, choose, compare
        self._rows: list[tuple[Version, ui.element, ui.button, ui.button]] = []
        with box('versions divided', 'ul') as area:
            area.props['aria-label'] = 'Versions'
            for version, seen in zip(versions, spans(versions, scene.view.zone), strict=True):
                self._draw(version, seen)

    def mark(self, chosen: Version, other: Version | None) -> None:
        """Given the version that is looked at, and perhaps one it is compared with, make them stand out."""
        for version, row, show, compare in self._rows:
            row.classes(toggle=None, remove='marked')
            if version is chosen:
                row.classes('marked')
            show.props['aria-pressed'] = 'true' if version is chosen and other is None else 'false'
            compare.props['aria-pressed'] = 'true' if version is other else 'false'
            compare.classes(toggle=None, remove='unseen')
            if version is chosen:
                compare.classes('unseen')

    def _draw(self, version: Version, seen: str) -> None:
        zone = self._scene.view.zone
        with box('version', 'li') as row:
            show = ui.button(seen, color=None, on_click=lambda: self._choose(version))
            show.props('flat dense no-caps').classes('version-name')
            show.props['aria-label'] = f'Show the version of {seen}'
            show.props['title'] = _details(version, zone)
            Text(size(version.size), 'sub version-size')
            compare = ui.button('Compare', color=None, on_click=lambda: self._compare(version))
            compare.props('flat dense no-caps').classes('act')
            compare.props['aria-label'] = f'Compare with the version of {seen}'
            back = _act('o_settings_backup_restore', f'Restore the version of {seen}')
            back.on_click(lambda: self._restore(version))
            fetch = _act('o_download', f'Download the version of {seen}')
            fetch.props['href'] = download(version.backup_ids[-1], [self._path])
        may = self._scene.view.may
        compare.visible, back.visible = may('backups.text_diff'), may('restores.start')
        fetch.visible = may('backups.download')
        self._rows.append((version, row, show, compare))

    async def _restore(self, version: Version) -> None:
        if backup := self._scene.find(version.backup_ids[-1]):
            await self._scene.restore(backup, [self._path])


def _act(icon: str, name: str) -> ui.button:
    made = ui.button(icon=icon, color=None).props('flat dense').classes('act')
    made.props['aria-label'] = made.props['title'] = name
    return made


def _details(version: Version, zone: tzinfo) -> str:
    seen = f'first seen {exact(version.first_seen, zone)}, last seen {exact(version.last_seen, zone)}'
    return f'{seen}, {version.algorithm} {version.checksum}' if version.checksum else seen


def spans(versions: Sequence[Version], zone: tzinfo) -> list[str]:
    """Given versions, return when each was seen; where that is the same for two of them, to the second."""
    told = [span(one.first_seen, one.last_seen, zone) for one in versions]
    return [
        words if told.count(words) == 1 else exact(one.last_seen, zone)
        for one, words in zip(versions, told, strict=True)
    ]


def span(first: datetime, last: datetime, zone: tzinfo, now: datetime | None = None) -> str:
    """Given two times, return '11 – 13 Nov', '28 Oct – 2 Nov', '11 Nov' or, within one day, '11 Nov, 02:00 – 14:00'."""
    first, last = first.astimezone(zone), last.astimezone(zone)
    this_year = (now or datetime.now(zone)).astimezone(zone).year
    year = '' if first.year == last.year == this_year else f' {last.year}'
    if first == last:
        return f'{last.day} {last:%b}{year}, {last:%H:%M}'
    if first.date() == last.date():
        return f'{last.day} {last:%b}{year}, {first:%H:%M} – {last:%H:%M}'
    if first.year != last.year:
        return f'{first.day} {first:%b} {first.year} – {last.day} {last:%b} {last.year}'
    if first.month == last.month:
        return f'{first.day} – {last.day} {last:%b}{year}'
    return f'{first.day} {first:%b} – {last.day} {last:%b}{year}'
