"""What `check` looks at in the data folder: whose it is, who may read it, and what its disk has and can keep."""

import os
import stat
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from plumbus.backup.capabilities import probe_file_system
from plumbus.backup.guards import size
from plumbus.backup.shortcomings import shortcomings_of_disk
from plumbus.commands.findings import Finding, ok, problem, warning
from plumbus.commands.ownership import how_to_give, name_of
from plumbus.config import Settings
from plumbus.errors import StoreError
from plumbus.failures import MORE_ROOM
from plumbus.transfer.keys import Keys

FOLDERS = ('db', 'keys', 'logs', 'backups')
FEW_PERCENT = 10
FEW_INODES_PERCENT = 2


def check_folder(settings: Settings) -> Iterator[Finding]:
    """Yield whether the data folder is there and can be written."""
    data_dir = settings.data_dir.resolve()
    if not data_dir.exists():
        yield _not_there(data_dir)
        return
    closed = _closed(data_dir)
    for folder in closed:
        why = 'cannot be written' if folder.is_dir() else 'is no folder'
        me, owner = name_of(os.geteuid()), name_of(folder.stat().st_uid)
        yield problem(
            'data folder',
            f'{folder} {why} by {me}; it belongs to {owner}.',
            f'See that its disk is writable. To give it to {me}: {how_to_give(data_dir, me)}',
        )
    if not closed:
        yield ok('data folder', f'{data_dir} can be written')


def is_usable(settings: Settings) -> bool:
    """Given the settings, return whether the data folder is there and can be written."""
    data_dir = settings.data_dir.resolve()
    return data_dir.exists() and not _closed(data_dir)


def check_modes(settings: Settings) -> Iterator[Finding]:
    """Yield what others than its owner may read or write there."""
    data_dir = settings.data_dir.resolve()
    private = [data_dir / name for name in ('keys', 'db')]
    files = [path for folder in private if folder.is_dir() for path in sorted(folder.iterdir())]
    found = [
        *_open_to_others([data_dir], 'warning', 700),
        *_open_to_others(private, 'problem', 700),
        *_open_to_others([path for path in files if path.suffix != '.pub'], 'problem', 600),
        *_of_others(data_dir, private + files),
    ]
    yield from found or [ok('permissions', 'nobody else may read the data folder, the database and the keys')]


def check_key(settings: Settings) -> Iterator[Finding]:
    """Yield whether PLUMBUS's own SSH key can be used."""
    keys = Keys(settings.data_dir.resolve() / 'keys')
    if not keys.has_identity:
        yield ok('ssh key', 'PLUMBUS makes its own at the first use')
        return
    try:
        yield ok('ssh key', f'{keys.public_key.split()[0]} {keys.public_key.split()[1][-12:]}')
    except StoreError as error:
        yield problem('ssh key', error.message, error.remedy)


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Yield how much room the disk of the snapshots has."""
    status = os.statvfs(_place(settings))
    total, free = status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize
    reserve = int(total * settings.disk_reserve_percent / 100)
    told = f'{size(free)} of {size(total)} are free, {size(reserve)} are kept as a reserve'
    if total and free <= reserve:
        yield problem('disk', f'No backup starts: {told}.', MORE_ROOM)
    elif total and free < total * FEW_PERCENT / 100:
        yield warning('disk', f'Only {told}.', MORE_ROOM)
    else:
        yield ok('disk', told)
    if status.f_files and status.f_favail < status.f_files * FEW_INODES_PERCENT / 100:
        left = f'{status.f_favail:,} of {status.f_files:,} inodes are free on the disk of the snapshots.'
        yield (warning if status.f_favail else problem)('disk', left, MORE_ROOM)


def check_file_system(settings: Settings) -> Iterator[Finding]:
    """Yield what files on the disk of the snapshots can have."""
    disk = probe_file_system(_place(settings))
    for one in shortcomings_of_disk(disk):
        yield (problem if one.fatal else warning)('file system', one.message, one.remedy)
    if disk.hard_links:
        has = [name.replace('_', ' ') for name, there in asdict(disk).items() if there]
        yield ok('file system', ', '.join(has))


def _closed(data_dir: Path) -> list[Path]:
    folders = [folder for folder in (data_dir, *(data_dir / name for name in FOLDERS)) if folder.exists()]
    wanted = os.R_OK | os.W_OK | os.X_OK
    return [folder for folder in folders if not (folder.is_dir() and os.access(folder, wanted))]


def _not_there(data_dir: Path) -> Finding:
    above = next(parent for parent in data_dir.parents if parent.exists())
    if os.access(above, os.W_OK | os.X_OK):
        message = f'{data_dir} is not there yet. The first start makes it.'
        return warning('data folder', message, 'If it should be there: mount its disk, or use --data-dir.')
    message = f'{data_dir} is not there and cannot be made in {above} by {name_of(os.geteuid())}.'
    return problem('data folder', message, 'Make it and give it to the user that PLUMBUS runs as (chown).')


def _open_to_others(paths: list[Path], level: str, mode: int) -> Iterator[Finding]:
    for path in paths:
        if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            message = f'Other users of this machine may use {path}.'
            yield (problem if level == 'problem' else warning)('permissions', message, f'chmod {mode} {path}')


def _of_others(data_dir: Path, paths: list[Path]) -> Iterator[Finding]:
    foreign = [path for path in paths if path.exists() and path.stat().st_uid != os.geteuid()]
    if foreign:
        me, owner = name_of(os.geteuid()), name_of(foreign[0].stat().st_uid)
        yield (warning if os.geteuid() == 0 else problem)(
            'permissions',
            f'{foreign[0]} belongs to {owner}, and this is {me}.',
            f'Run this and PLUMBUS as the same user. To give it to {me}: {how_to_give(data_dir, me)}',
        )


def _place(settings: Settings) -> Path:
    data_dir = settings.data_dir.resolve()
    return data_dir / 'backups' if (data_dir / 'backups').is_dir() else data_dir
