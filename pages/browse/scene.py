"""What the parts of the page share: where one stands, the job and its snapshots, and the way to go elsewhere."""

import posixpath
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pages.browse.place import Place
from pages.browse.ticks import Ticks
from pages.frame import View
from plumbus.model import Backup, JobView

Go = Callable[[Place], Awaitable[None]]


@dataclass(kw_only=True, slots=True)
class Scene:
    """`snapshots` are those of the job, oldest first. `move` shows another place, and puts it into the address."""

    view: View
    go: Go
    restore: Callable[[Backup, list[str]], Awaitable[None]]
    place: Place = field(default_factory=Place)
    job: JobView | None = None
    snapshots: list[Backup] = field(default_factory=list)
    ticks: Ticks = field(default_factory=Ticks)

    @property
    def chosen(self) -> Backup | None:
        """The snapshot that is looked at."""
        return self.find(self.place.snapshot)

    def find(self, backup_id: int | None) -> Backup | None:
        """Given a backup's id, return it if it is one of the job's snapshots."""
        return next((one for one in self.snapshots if one.id == backup_id), None)

    def beside(self, distance: int) -> Backup | None:
        """Return the snapshot that many steps later (or earlier, if negative) than the present one, if there is one."""
        ids = [one.id for one in self.snapshots]
        at = ids.index(self.place.snapshot) + distance if self.place.snapshot in ids else -1
        return self.snapshots[at] if 0 <= at < len(ids) else None

    async def move(self, **changes: Any) -> None:
        """Given what changes of the place, go there."""
        await self.go(replace(self.place, **changes))


def beginning(job: JobView) -> str:
    """Given a job, return the folder that all it takes lies in: of a single path that is the path itself."""
    return posixpath.commonpath(job.source_paths) if job.source_paths else '/'
