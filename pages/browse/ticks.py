"""What is ticked in a snapshot; it stays while one pages and goes from folder to folder. Pure."""

from collections.abc import Iterable
from typing import Literal

from pages.selection import ancestors, is_below
from pages.wording import plural, size
from plumbus.backup.explore import SnapshotFile

Mark = Literal['on', 'off', 'within']


class Ticks:
    """Paths of files and folders. What lies below a ticked folder goes with it and has no tick of its own."""

    def __init__(self) -> None:
        self._ticked: dict[str, SnapshotFile] = {}

    @property
    def paths(self) -> list[str]:
        """What is ticked, in the order of the paths."""
        return sorted(self._ticked)

    def mark(self, path: str) -> Mark:
        """Given a path, return whether it is ticked itself, goes with a folder above it, or neither."""
        if path in self._ticked:
            return 'on'
        return 'within' if any(folder in self._ticked for folder in ancestors(path)) else 'off'

    def toggle(self, file: SnapshotFile) -> None:
        """Given an entry, tick it or take its tick away; one that goes with a folder stays as it is."""
        mark = self.mark(file.path)
        if mark == 'on':
            del self._ticked[file.path]
        elif mark == 'off':
            self._ticked = {path: one for path, one in self._ticked.items() if not is_below(path, file.path)}
            self._ticked[file.path] = file

    def toggle_all(self, files: Iterable[SnapshotFile]) -> None:
        """Given the entries of a page, tick them all; if they are ticked already, none."""
        files = list(files)
        missing = [file for file in files if self.mark(file.path) == 'off']
        for file in missing or [file for file in files if self.mark(file.path) == 'on']:
            self.toggle(file)

    def clear(self) -> None:
        """Tick nothing."""
        self._ticked.clear()

    def in_words(self) -> str:
        """Return '2 files, 24.3 kB and 1 folder', or nothing."""
        files = [one for one in self._ticked.values() if not one.is_dir]
        folders = len(self._ticked) - len(files)
        told = [f'{plural(len(files), "file")}, {size(sum(one.size for one in files))}'] if files else []
        return ' and '.join([*told, *([plural(folders, 'folder')] if folders else [])])
