"""A real engine with a data dir of its own, and a client on the sample sshd: what most integration tests start from."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from plumbus.config import Settings
from plumbus.engine import Engine
from plumbus.model import Backup, Client, JobView, Restore
from plumbus.store.documents import utc_now
from tests.support.sshd import Sshd

RSYNC_COMPARE = ['rsync', '-aHAXnc', '--itemize-changes', '--delete']
DEADLINE_S = 60.0
AnyEngine = TypeVar('AnyEngine', bound=Engine)


def settings(data_dir: Path, **changes: Any) -> Settings:
    """Settings that read nothing from the environment of the tests."""
    return Settings(_env_file=None, data_dir=data_dir, **changes)


@contextmanager
def running_engine(
    data_dir: Path, now: Callable[[], datetime] = utc_now, kind: type[AnyEngine] = Engine, **changes: Any
) -> Iterator[AnyEngine]:
    """An engine with all its threads: PLUMBUS from its start to its end."""
    engine = kind(settings(data_dir, **changes), now)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def add_client(engine: Engine, sshd: Sshd, **changes: Any) -> Client:
    """A client of the engine that logs in to the sample sshd with PLUMBUS's own key."""
    sshd.authorize(engine.system.public_key().public_key)
    fields = {'name': 'sample', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
    return engine.clients.create({**fields, **changes})


def back_up(engine: Engine, job_id: int) -> Backup:
    """Run a job and return its ended backup."""
    return engine.backups.wait(engine.jobs.run(job_id).id, DEADLINE_S)


def restored(engine: Engine, backup_id: int, **fields: Any) -> Restore:
    """Start a restore and return it ended."""
    return engine.restores.wait(engine.restores.start(backup_id, fields).id, DEADLINE_S)


def tree_of(engine: Engine, backup: Backup) -> Path:
    """The tree of a backup's snapshot."""
    return engine.settings.data_dir / str(backup.backup_path) / 'tree'


def copy_of(engine: Engine, backup: Backup, folder: Path) -> Path:
    """Where a folder of the client lies in a backup's snapshot."""
    return tree_of(engine, backup) / str(folder).lstrip('/')


def job_for(
    engine: Engine, sshd: Sshd, *paths: Path, client: Mapping[str, object] | None = None, **fields: object
) -> JobView:
    """A job that backs up these paths of the sample client, which is added if the engine has none yet."""
    known = engine.clients.all()
    owner = known[0] if known else add_client(engine, sshd, **(client or {}))
    sources = [str(path) for path in paths]
    return engine.jobs.create({'client_id': owner.id, 'name': 'job', 'source_paths': sources, **fields})


def write(path: Path, text: str, sshd: Sshd) -> None:
    """Write a file of the client that belongs to its login."""
    path.write_text(text)
    os.chown(path, *sshd.ids)


def differences(source: Path, copy: Path) -> str:
    """What rsync would change to make the copy equal to the source: content, attributes, further and missing entries."""
    done = subprocess.run(
        [*RSYNC_COMPARE, f'{source}/', f'{copy}/'],
        capture_output=True,
        text=True,
        errors='replace',
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def state_of(tree: Path) -> dict[bytes, tuple[int, ...]]:
    """Inode, mode, owner, times and size of everything below a folder: what must never change in a snapshot."""
    found: dict[bytes, tuple[int, ...]] = {}
    for folder, folders, files in os.walk(os.fsencode(tree)):
        for name in [*folders, *files, b'.']:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            found[path] = (
                status.st_ino, status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_mtime_ns
            )  # fmt: skip
    return found


def until(reached: Callable[[], Any], what: str, seconds: float = DEADLINE_S) -> Any:
    """Poll until something is true and return it; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = reached()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f'{what} did not happen within {seconds} s')
