"""How a client's rsync is told what to send, so that no name is read as a pattern (rsync(1))."""

import os
import re
from collections.abc import Sequence

from plumbus.errors import InvalidInput

WILDCARD = re.compile(rb'[*?[]')
UNKNOWABLE = re.compile(rb'\\[*?[\]]')
MEANS_MORE = re.compile(rb'[*?[\\]')


def source_feed(sources: Sequence[str | bytes]) -> list[bytes] | None:
    """Given source paths, return what the run is fed with on its stdin, None if it has them as arguments.

    Where a name holds a backslash and a wildcard, rsync over here would not recognize what it has asked for, and refuse it.
    Fed it does, unless one stands right before the other: raise InvalidInput for that.
    """
    given = [os.fsencode(path) for path in sources]
    odd = [name for path in given for name in path.split(b'/') if b'\\' in name and WILDCARD.search(name)]
    if any(UNKNOWABLE.search(name) for name in odd):
        raise InvalidInput(
            {'source_paths': 'must not hold a backslash right before one of the characters * ? [ ]'}
        )
    return [path + b'\0' for path in given] if odd else None


def remote_sources(alias: str, sources: Sequence[str | bytes]) -> list[bytes]:
    """Given source paths, return the arguments that name them, as far as they are not fed. Raise InvalidInput if there are none."""
    if not sources:
        raise InvalidInput({'source_paths': 'name what to back up'})
    if source_feed(sources):
        return [b'--recursive', b'--from0', b'--files-from=-', b'--', os.fsencode(alias) + b':/']
    return [b'--', *(os.fsencode(alias) + b':' + literal(os.fsencode(path)) for path in sources)]


def literal(path: bytes) -> bytes:
    """Given a path, return how to name it: the far side expands wildcards, and reads a backslash as an escape only in a name that
    holds one of them."""
    return b'/'.join(
        MEANS_MORE.sub(rb'\\\g<0>', name) if WILDCARD.search(name) else name for name in path.split(b'/')
    )
