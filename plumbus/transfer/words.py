"""Any bytes as one word of a command line that every login shell takes as it is (sh, csh, fish). Pure."""

import re

UNSAFE = re.compile(rb'[^A-Za-z0-9/._-]')


def shell_word(value: bytes) -> str:
    r"""Given bytes, return them as a word in quotes, from which `printf %b` makes the bytes again.

    >>> shell_word(b"it's")
    "'it\\0047s'"
    """
    return "'" + UNSAFE.sub(lambda match: b'\\0%03o' % match[0][0], value).decode('ascii') + "'"
