"""Pure: what rsync tells of one name → its entry in a manifest."""

import re
from binascii import unhexlify
from functools import lru_cache

from plumbus.backup.manifest import Entry
from plumbus.failures import failed
from plumbus.transfer.items import Item

ROOT = b'.'
ODD_PART = re.compile(rb'/\.{0,2}(?:/|\Z)|\A(?:\.{0,2}(?:/|\Z)|.{4096})|\0', re.DOTALL)
BEGINNINGS = (b'', b'.', b'/')
LONGEST = 4096
PERMISSION_BITS = (0o400, 0o200, 0o100, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001)
SPECIAL_BITS = {2: 0o4000, 5: 0o2000, 8: 0o1000}


def entry_of(
    item: Item, known: Entry | None = None, algorithm: str | None = None, born: int | None = None
) -> Entry:
    """Given an item and what the last manifest knew, return its entry; with `born` as one of that snapshot's own manifest.

    A transferred file is stored by this snapshot and brings its checksum; an unchanged one inherits it, but not one that
    is linked to another now. Raise TransferFailed if the name is none that a tree can hold, or leads out of it.
    """
    path, change, extra, checksum = item.path, item.change, item.extra, None
    if is_odd(path) and path != ROOT:
        raise failed('hostile')
    kind, linked = chr(change[1]), change[:1] == b'h'
    target = extra or None
    if known is not None and not item.has_data and not (linked and extra):
        checksum, algorithm = known.checksum, known.algorithm
        if linked or kind == 'L':
            target = extra or known.target
    elif item.checksum and item.checksum.strip(b'0'):
        checksum = unhexlify(item.checksum)
    else:
        algorithm = None
    stored, since = not item.is_unchanged, known.born if known else 0
    if born is not None:
        stored, since = False, 0 if kind == 'd' else born
    size = 0 if kind == 'd' else item.size
    fields = (path, kind, size, item.mtime, mode_bits(item.mode), item.uid, item.gid)
    return tuple.__new__(Entry, (*fields, checksum, algorithm, stored, linked, target, since))


def is_odd(path: bytes) -> bool:
    """Given a path, return whether no tree can hold it, or it leads out of one.

    >>> [path for path in (b'a/.b', b'a/../b', b'/a', b'a//b', b'.', b'', b'a/.') if not is_odd(path)]
    [b'a/.b']
    """
    # What most paths have none of is quicker to look for than what is odd.
    usual = path[:1] not in BEGINNINGS and b'/.' not in path and b'//' not in path and b'\0' not in path
    return not (usual and path[-1:] != b'/' and len(path) < LONGEST) and ODD_PART.search(path) is not None


@lru_cache(maxsize=4096)
def mode_bits(text: str) -> int:
    """Given permissions as rsync prints them ('rwxr-sr-t'), return the number.

    >>> oct(mode_bits('rwsr-x--T'))
    '0o5750'
    """
    bits = 0
    for place, (letter, bit) in enumerate(zip(text, PERMISSION_BITS, strict=True)):
        if letter in 'rwxst':
            bits |= bit
        if letter in 'sStT':
            bits |= SPECIAL_BITS[place]
    return bits
