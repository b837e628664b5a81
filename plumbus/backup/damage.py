"""The damaged files of a snapshot, as a verification found them, noted beside its tree: a next run trusts none of them.

rsync takes a file of the same size and time for the same, so a flipped bit would be handed on for ever.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from plumbus.backup.sameness import identity
from plumbus.backup.tree import Tree

NAME = 'damaged'
MOST_NOTED = 100_000


def note_damage(snapshot: Path, paths: Iterable[bytes]) -> None:
    """Given the folder of a snapshot and its damaged files, note them in place of what was noted. Raise OSError."""
    note, new = snapshot / NAME, snapshot / f'{NAME}.new'
    found = sorted(paths)
    if found:
        new.write_bytes(b'\0'.join(found))
        new.replace(note)
    else:
        note.unlink(missing_ok=True)


def noted_damage(snapshot: Path) -> set[bytes]:
    """Given the folder of a snapshot, return what was noted about it."""
    with suppress(OSError):
        return set((snapshot / NAME).read_bytes().split(b'\0')) - {b''}
    return set()


def distrusted(snapshot: Path) -> frozenset[bytes]:
    """Given the folder of a snapshot, return its files that are known as damaged, in it or in one that shares them."""
    found = noted_damage(snapshot)
    for name in os.listdir(snapshot.parent):
        other = snapshot.parent / name
        if other != snapshot and not name.startswith('.'):
            found |= _shared(snapshot, other, noted_damage(other) - found)
    return frozenset(found)


def _shared(snapshot: Path, other: Path, paths: set[bytes]) -> set[bytes]:
    if not paths:
        return paths
    with suppress(OSError), Tree(snapshot / 'tree') as tree, Tree(other / 'tree') as damaged:
        return {
            path for path in sorted(paths) if (one := identity(tree, path)) and one == identity(damaged, path)
        }
    return set()
