"""Everything that lies below backups/, as its descriptions tell it. What tells nothing is listed with the reason."""

from dataclasses import dataclass
from pathlib import Path

from plumbus.backup.description import Description, read_description
from plumbus.backup.snapshots import Snapshot, Snapshots, subfolders
from plumbus.errors import StoreError


@dataclass(frozen=True, slots=True)
class Found:
    """A whole snapshot; `path` is relative to the data dir, as records keep it."""

    path: str
    description: Description

    @property
    def misplaced(self) -> bool:
        """Whether it lies in the folder of another client or job than its own."""
        client, job = (name.rpartition('-')[2] for name in self.path.split('/')[-3:-1])
        return (client, job) != (str(self.description.client.id), str(self.description.job.id))


@dataclass(frozen=True, slots=True)
class Skipped:
    """What is no whole snapshot, and why."""

    path: str
    reason: str


def take_stock(snapshots: Snapshots) -> tuple[list[Found], list[Skipped]]:
    """Return every whole snapshot, and what looks like one and is none. Reads no tree. Raise nothing for a damaged one."""
    found: list[Found] = []
    skipped: list[Skipped] = []
    for snapshot in _all(snapshots, skipped):
        path = snapshots.relative(snapshot)
        try:
            found.append(Found(path, _read(snapshot)))
        except StoreError as error:
            skipped.append(Skipped(_shown(path), error.message))
    return found, skipped


def _all(snapshots: Snapshots, skipped: list[Skipped]) -> list[Snapshot]:
    found: list[Snapshot] = []
    for client in snapshots.client_folders():
        try:
            for folder in subfolders(client):
                found += snapshots.of(folder)
        except OSError as error:
            path = Path(str(error.filename or client)).relative_to(snapshots.data_dir)
            skipped.append(Skipped(_shown(str(path)), f'It cannot be read: {error.strerror}.'))
    return found


def _read(snapshot: Snapshot) -> Description:
    if not snapshot.tree.is_dir() or snapshot.tree.is_symlink():
        raise StoreError('It holds no files: its tree/ is missing.')
    if not snapshot.manifest.is_file():
        raise StoreError('The list of its files, its manifest, is missing.')
    if _shown(str(snapshot.path)) != str(snapshot.path):
        raise StoreError('The name of its folder is no text.')
    return read_description(snapshot)


def _shown(path: str) -> str:
    return path.encode('utf-8', 'replace').decode()
