"""What one execution of a backup has at hand."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from plumbus.backup.pace import Pace
from plumbus.backup.reporting import Reporter
from plumbus.backup.workspace import Workspace
from plumbus.cancellation import Cancellation
from plumbus.model import Backup, Client, Job


@dataclass(kw_only=True, slots=True)
class Attempt:
    """`cancellation` is that of the present try, `pace` hears what people ask."""

    backup: Backup
    job: Job
    client: Client
    reporter: Reporter
    cancellation: Cancellation
    folder: Path
    started: datetime
    moment: datetime
    deadline: float | None
    pace: Pace
    workspace: Workspace | None = None
    mark: str = ''

    @property
    def under_way(self) -> bool:
        """Whether files were being fetched."""
        return self.workspace is not None and self.workspace.fetching
