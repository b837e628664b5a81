"""The program that reads a snapshot in a process of its own, behind everything else, and tells on stdout what it finds.

Arguments: the tree, the manifest, and how owners are kept ('real', 'fake-super' or 'none'). It writes one JSON object a line: {'found': …} for each
finding, {'at': …} for how far it is, and last {'end': how it ended}.
"""

import errno
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import orjson

from plumbus.backup.tree import Tree
from plumbus.backup.verify import Comparison, Finding, Inode
from plumbus.errors import NotFound, StoreError

TELL_EVERY_S = 0.5
# It got through; the manifest is damaged; hardly anything can be read from the disk; the snapshot is not there.
End = Literal['whole', 'manifest', 'disk', 'gone']


def main(tree: str, manifest: str, owners: str) -> None:
    """Given the arguments, read the snapshot and tell what is not as it was stored."""
    step_back()
    try:
        with Tree(Path(tree), fake_super=owners == 'fake-super') as opened:
            compare(opened, Path(manifest), owners=owners != 'none')
        tell(end='whole')
    except BrokenPipeError:
        os._exit(1)  # whoever started this has gone
    except (StoreError, NotFound, OSError) as error:
        tell(end=end_of(error))


def compare(tree: Tree, manifest: Path, *, owners: bool) -> None:
    """Given an open tree and its manifest, tell each finding, and all the while how far it is."""
    told = 0.0

    def moved() -> None:
        nonlocal told
        moment = time.monotonic()
        if moment - told >= TELL_EVERY_S:
            told = moment
            tell(at=_place(comparison))

    comparison = Comparison(tree, manifest, owners=owners, moved=moved)
    for finding in comparison.findings():
        inode = finding.inode and tuple(finding.inode)
        tell(found=(finding.path.hex(), finding.what, inode, finding.damaged))
    tell(at=_place(comparison))


def end_of(error: Exception) -> End:
    """Given why the reading could not go on, return how it ended."""
    cause = error.__cause__ if isinstance(error, StoreError) else error
    number = getattr(cause, 'errno', None)
    if isinstance(error, StoreError) and number in {None, errno.ENOENT}:
        return 'manifest'
    if isinstance(error, NotFound) or number in {errno.ENOENT, errno.ENOTDIR}:
        return 'gone'
    return 'disk'


def finding_of(told: list[Any]) -> Finding:
    """Given what a line says was found, return the finding."""
    path, what, inode, damaged = told
    return Finding(
        path=bytes.fromhex(path), what=what, inode=Inode(*inode) if inode else None, damaged=damaged
    )


def step_back() -> None:
    """Let every other process go first: to the processor, and so to the disk (ioprio_set(2), IOPRIO_CLASS_IDLE)."""
    os.nice(19)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with suppress(OSError):  # else the above would hold within this session alone (sched(7), autogroup)
        Path('/proc/self/autogroup').write_text('19')


def tell(**facts: object) -> None:
    """Given facts, write them as one line, at once."""
    sys.stdout.buffer.write(orjson.dumps(facts) + b'\n')
    sys.stdout.buffer.flush()


def _place(comparison: Comparison) -> tuple[str, int, int]:
    return comparison.path.hex(), comparison.bytes, comparison.files


if __name__ == '__main__':
    main(*sys.argv[1:])
