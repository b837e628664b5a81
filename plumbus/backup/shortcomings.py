"""What this machine's rsync and the disk of the snapshots lack, in plain words."""

from collections.abc import Iterator
from dataclasses import dataclass

from plumbus.backup.capabilities import FileSystem, Rsync

BETTER_DISK = 'Use ext4, xfs or btrfs.'
NO_OWNERS = (
    'Owners, groups and device files are not kept: PLUMBUS does not run as root, and the disk of the snapshots or rsync here '
    'knows no extended attributes.'
)
KEEP_OWNERS = 'Use ext4, xfs or btrfs, or run PLUMBUS as root.'


@dataclass(frozen=True, kw_only=True, slots=True)
class Shortcoming:
    """One thing that costs safety or truth; with a fatal one no backup can run."""

    message: str
    remedy: str
    fatal: bool = False

    def __str__(self) -> str:
        return f'{self.message} {self.remedy}'


def shortcomings_of_rsync(tool: Rsync) -> Iterator[Shortcoming]:
    """Given this machine's rsync, yield what is wrong with it."""
    if not tool.version:
        yield Shortcoming(
            message='rsync is not installed on this server.',
            remedy='Install it, as in: apt install rsync',
            fatal=True,
        )
    elif not tool.secure:
        yield Shortcoming(
            message=f'rsync {tool.version} on this server has known security holes.',
            remedy='Upgrade it to 3.4.3 or newer.',
        )


def shortcomings_of_disk(disk: FileSystem) -> Iterator[Shortcoming]:
    """Given the disk of the snapshots, yield what it cannot keep."""
    if not disk.hard_links:
        message = 'The disk of the snapshots knows no hard links, so no backup can run.'
        yield Shortcoming(message=message, remedy=BETTER_DISK, fatal=True)
    if not disk.link_copies:
        message = (
            'The cp of this server cannot link-copy a folder with all that it has, so no backup can run.'
        )
        yield Shortcoming(message=message, remedy='Install GNU coreutils.', fatal=True)
    if not disk.xattrs:
        message = (
            'The disk of the snapshots keeps no extended attributes and ACLs; those of clients are lost.'
        )
        yield Shortcoming(message=message, remedy=BETTER_DISK)
        if not disk.foreign_owners:
            yield Shortcoming(message=NO_OWNERS, remedy=KEEP_OWNERS)
    if not disk.case_sensitive:
        message = (
            'The disk of the snapshots takes A and a for the same name, so files can overwrite each other.'
        )
        yield Shortcoming(message=message, remedy=BETTER_DISK)
