"""What this machine's rsync and the file system of the data folder can keep."""

import contextlib
import errno
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from plumbus.backup import subvolumes
from plumbus.backup.copying import clone
from plumbus.backup.linking import link_copy
from plumbus.cancellation import Cancellation
from plumbus.errors import PlumbusError
from plumbus.model import Owners
from plumbus.transfer import process, rsync

SECURE_RSYNC = (3, 4, 3)
HOLE = 2**20
PROBE_LIMIT_S = 10.0
FOREIGN = (1, 1)  # any uid and gid but our own; low ones are known in rootless containers too


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSystem:
    """What files in the data folder can have. `foreign_owners`: PLUMBUS may give them to others, as root may.

    `link_copies`: the cp of this machine links all the files of a folder and keeps what folders have. `subvolumes`: it is btrfs,
    and PLUMBUS may make, copy, close and remove them.
    """

    hard_links: bool
    xattrs: bool
    acls: bool
    case_sensitive: bool
    sparse_files: bool
    reflinks: bool
    foreign_owners: bool
    link_copies: bool = True
    subvolumes: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Rsync:
    """This machine's rsync: its version, empty if it is missing, and the features it was built with."""

    version: str
    features: frozenset[str]

    @property
    def secure(self) -> bool:
        """Whether the holes are mended that were found up to 2025 (rsync 3.4.3)."""
        return tuple(int(part) for part in re.findall(r'\d+', self.version)[:3]) >= SECURE_RSYNC


def local_options(tool: Rsync, disk: FileSystem) -> rsync.Options:
    """Given this machine's rsync and disk, return rsync's options with ACLs and xattrs where both can keep them.

    Where PLUMBUS may not set owners and make devices, as without root, xattrs hold them (rsync(1), --fake-super).
    """
    xattrs = 'xattrs' in tool.features and disk.xattrs
    fake_super = xattrs and not disk.foreign_owners  # ACLs are in xattrs then as well
    acls = 'ACLs' in tool.features and (disk.acls or fake_super)
    return rsync.Options(acls=acls, xattrs=xattrs, fake_super=fake_super)


def kept_owners(options: rsync.Options, disk: FileSystem) -> Owners:
    """Given the options for this machine and its disk, return how snapshots keep owners."""
    if options.fake_super:
        return 'fake-super'
    return 'real' if disk.foreign_owners else 'none'


def local_rsync(home: Path) -> Rsync:
    """Return what `rsync --version` tells on this machine."""
    lines: list[bytes] = []
    with contextlib.suppress(PlumbusError):
        process.run(
            ['rsync', '--version'],
            cancellation=Cancellation(),
            env=rsync.environment(home),
            on_output=lines.extend,
            idle_timeout_s=10,
        )
    text = b'\n'.join(lines).decode('ascii', 'replace')
    version = re.match(r'rsync\s+version\s+v?(\S+)', text)
    return Rsync(
        version=version[1] if version else '',
        features=frozenset(word.strip() for word in re.split(r'[,\n]', text)),
    )


def probe_file_system(folder: Path) -> FileSystem:
    """Given a folder, try what files in it can have. Nothing stays behind."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix='.probe-', ignore_cleanup_errors=True) as name:
        place = Path(name)
        (place / 'file').write_bytes(b'x')
        hard_links = _works(lambda: os.link(place / 'file', place / 'link'))
        return FileSystem(
            hard_links=hard_links,
            link_copies=not hard_links or _link_copies(place),
            xattrs=_works(lambda: os.setxattr(place / 'file', 'user.plumbus.probe', b'1')),
            acls=_works(lambda: os.getxattr(place / 'file', 'system.posix_acl_access')),
            case_sensitive=not (place / 'FILE').exists(),
            sparse_files=_is_sparse(place / 'sparse'),
            reflinks=_works(lambda: _clone(place / 'file', place / 'clone')),
            foreign_owners=_works(lambda: os.chown(place / 'file', *FOREIGN)),
            subvolumes=subvolumes.works_in(_made(place / 'subvolumes')),
        )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError as error:
        return error.errno == errno.ENODATA  # the attribute could be there, but is not
    return True


def _link_copies(place: Path) -> bool:
    """BusyBox, for one, has a cp that loses the attributes of folders."""
    tree, copy = place / 'tree', place / 'copy'
    (tree / 'folder').mkdir(parents=True)
    os.link(place / 'file', tree / 'folder' / 'file')
    (tree / 'symlink').symlink_to('folder')
    _works(lambda: os.setxattr(tree / 'folder', 'user.plumbus.probe', b'1'))
    with contextlib.suppress(PlumbusError, OSError):
        link_copy(tree, copy, place, Cancellation(), PROBE_LIMIT_S)
        return (
            os.listxattr(copy / 'folder') == os.listxattr(tree / 'folder')
            and os.path.samefile(copy / 'folder' / 'file', place / 'file')
            and (copy / 'symlink').is_symlink()
        )
    return False


def _is_sparse(path: Path) -> bool:
    with path.open('wb') as file:
        file.truncate(HOLE)
    return path.stat().st_blocks * 512 < HOLE


def _clone(source: Path, target: Path) -> None:
    with source.open('rb') as known, target.open('wb') as new:
        clone(known.fileno(), new.fileno())
