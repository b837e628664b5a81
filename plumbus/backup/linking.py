"""What a new tree starts from: a subvolume that is like the last one; else a link copy, which shares every file with that."""

import os
from contextlib import suppress
from pathlib import Path

from plumbus.backup import subvolumes
from plumbus.cancellation import Cancellation
from plumbus.transfer import process, rsync
from plumbus.transfer.process import Outcome

IDLE_S = 3600.0


def make_ground(tree: Path, last: Path | None, as_subvolume: bool) -> bool:
    """Given where a new tree shall be and the last one, make it; return whether it is like the last one already. Raise OSError."""
    if not as_subvolume:
        tree.mkdir()
        return False
    if last is not None and subvolumes.is_subvolume(last):
        with suppress(OSError):  # it may lie on another disk
            subvolumes.snapshot(last, tree)
            return True
    subvolumes.create(tree)
    return False


def fill(
    last: Path, tree: Path, home: Path, cancellation: Cancellation, time_limit_s: float | None
) -> Outcome:
    """Given the last tree and a new, empty one, make that like it and return how cp ended.

    No hard link leads from one subvolume to another: files are copied then, which share their blocks.
    """
    if last.stat().st_dev == tree.stat().st_dev:
        tree.rmdir()
        return link_copy(last, tree, home, cancellation, time_limit_s)
    return _copy(['-a', '--reflink=auto', '--', f'{last}/.', str(tree)], home, cancellation, time_limit_s)


def link_copy(
    tree: Path,
    copy: Path,
    home: Path,
    cancellation: Cancellation,
    time_limit_s: float | None = None,
    *,
    shared: bool = True,
) -> Outcome:
    """Given a tree and where its copy shall be, make that and return how cp ended: GNU cp follows no link with -a (cp(1)).

    Not `shared`, the copy has files of its own too.
    """
    options = ['-al' if shared else '-a', '--', os.fspath(tree), os.fspath(copy)]
    return _copy(options, home, cancellation, time_limit_s)


def _copy(
    arguments: list[str], home: Path, cancellation: Cancellation, time_limit_s: float | None
) -> Outcome:
    return process.run(
        ['cp', *arguments],
        cancellation=cancellation,
        env=rsync.environment(home),
        idle_timeout_s=IDLE_S,
        time_limit_s=time_limit_s,
    )
