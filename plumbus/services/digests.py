"""Random tokens and codes, and what is stored of them: a digest that tells nothing about long random text."""

import hashlib
import secrets

CODE_LETTERS = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789'  # none that looks like another


def new_token() -> str:
    """Return 256 random bits as text for a cookie or a header."""
    return secrets.token_urlsafe(32)


def new_code(groups: int, length: int = 4) -> str:
    """Return random groups of letters that people can type, like FLEE-B4DG."""
    return '-'.join(''.join(secrets.choice(CODE_LETTERS) for _ in range(length)) for _ in range(groups))


def digest(text: str) -> str:
    """Given any text, return its SHA-256 in hexadecimal digits."""
    return hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()


def typed(code: str) -> str:
    """Given a code as somebody typed it, return it without dashes and spaces, in capitals."""
    return ''.join(char for char in code.upper() if char.isalnum())
