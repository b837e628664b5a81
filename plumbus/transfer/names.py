"""Paths as text that every answer and page can hold, and back. Pure.

A path that is not valid UTF-8 is told with its bytes as rsync writes them, like /home/caf\\#351, and understood in that
form again. A name is for the eyes alone: there such bytes become a replacement character.
"""

import re

from plumbus.errors import InvalidInput
from plumbus.transfer.items import unescape

LOOKS_ESCAPED = re.compile(r'\\(?=#[0-7]{3})')
LONE_BYTE = re.compile('[\udc80-\udcff]')


def path_text(path: bytes) -> str:
    r"""Given a path, return it as valid text from which `path_bytes` makes the same path: \#ooo for a wrong byte."""
    text = LOOKS_ESCAPED.sub(r'\\#134', path.decode('utf-8', 'surrogateescape'))
    return LONE_BYTE.sub(lambda match: f'\\#{ord(match[0]) - 0xDC00:03o}', text)


def path_bytes(path: str) -> bytes:
    """Given a path as `path_text` writes it, or plainly, return its bytes. Raise InvalidInput if none can be that."""
    try:
        found = unescape(path.encode('utf-8', 'surrogateescape'))
    except UnicodeEncodeError:
        found = b''
    if not found.startswith(b'/') or b'\0' in found:
        raise InvalidInput({'path': 'must be an absolute path of plain text, like /home/pi'})
    return b'/' + b'/'.join(part for part in found.split(b'/') if part not in {b'', b'.'})


def name_text(name: bytes) -> str:
    """Given a name, return text to be looked at: what is not UTF-8 is replaced."""
    return name.decode('utf-8', 'replace')
