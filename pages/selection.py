"""Which files of a machine a job takes: ticked paths, and unticked ones below them as excludes. Pure."""

import re
from collections.abc import Iterable
from typing import Literal

Mark = Literal['on', 'off', 'part']
SPECIAL = re.compile(r'([*?\[\]\\])')


class Selection:
    """`sources` are ticked; `holes` are unticked paths below a source. `patterns` (like *.tmp) are not touched here."""

    def __init__(self, sources: Iterable[str] = (), excludes: Iterable[str] = ()) -> None:
        self.sources = set(sources)
        self.holes: set[str] = set()
        self.patterns: list[str] = []
        for exclude in excludes:
            path = path_of(exclude)
            if path and any(is_below(path, source) for source in self.sources):
                self.holes.add(path)
            else:
                self.patterns.append(exclude)

    @property
    def excludes(self) -> list[str]:
        """The excludes of the job: the patterns, then the unticked paths as patterns that mean just them."""
        return [*self.patterns, *(pattern_of(path) for path in sorted(self.holes))]

    def mark(self, path: str) -> Mark:
        """Given a path, return whether it is taken as a whole, in part or not at all."""
        if self._taken(path):
            return 'part' if any(is_below(hole, path) for hole in self.holes) else 'on'
        return 'part' if any(is_below(one, path) for one in self.sources) else 'off'

    def excluded(self, path: str) -> bool:
        """Given a path, return whether it was unticked below a ticked folder."""
        return path in self.holes

    def toggle(self, path: str) -> None:
        """Given a path, take it as a whole if it is not taken, else leave it out."""
        if self.mark(path) == 'on':
            self._leave(path)
        else:
            self._take(path)

    def _take(self, path: str) -> None:
        self._forget_below(path)
        self.holes.discard(path)
        if not self._taken(path):
            self.sources.add(path)

    def _leave(self, path: str) -> None:
        self._forget_below(path)
        self.sources.discard(path)
        if self._taken(path):
            self.holes.add(path)

    def _forget_below(self, path: str) -> None:
        self.sources -= {one for one in self.sources if is_below(one, path)}
        self.holes -= {one for one in self.holes if is_below(one, path)}

    def _taken(self, path: str) -> bool:
        for place in (path, *ancestors(path)):  # the nearest decision counts
            if place in self.holes:
                return False
            if place in self.sources:
                return True
        return False


def is_below(path: str, folder: str) -> bool:
    """Whether `path` lies somewhere below `folder`."""
    return path != folder and path.startswith(folder.rstrip('/') + '/')


def ancestors(path: str) -> list[str]:
    """Given a path, return the folders above it, the nearest first: /a/b/c gives /a/b, /a, /."""
    parts = path.strip('/').split('/')
    return ['/' + '/'.join(parts[:length]) for length in range(len(parts) - 1, 0, -1)] + (
        ['/'] if path != '/' else []
    )


def pattern_of(path: str) -> str:
    """Given a path, return the rsync pattern that matches just it; in the wildcard-free case that is the path itself."""
    return SPECIAL.sub(r'\\\1', path) if re.search(r'[*?\[]', path) else path


def path_of(pattern: str) -> str | None:
    """Given an exclude, return the path it means if it means just one, else None."""
    bare = re.sub(r'\\([*?\[\]\\])', '', pattern)
    if not pattern.startswith('/') or re.search(r'[*?\[]', bare):
        return None
    escaped = bare != pattern
    return (re.sub(r'\\([*?\[\]\\])', r'\1', pattern) if escaped else pattern).rstrip('/') or None
