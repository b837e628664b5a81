"""Whole-file checksums by the names rsync gives them (rsync(1), --checksum-choice), of files that are ours already."""

import hashlib
import os
from collections.abc import Callable
from typing import Protocol

import xxhash

CHUNK = 4 * 2**20
DEFAULT_ALGORITHM = 'xxh128'


class Hasher(Protocol):
    """What all of them can do."""

    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


HASHERS: dict[str, Callable[[], Hasher]] = {
    'xxh128': xxhash.xxh3_128,
    'xxh3': xxhash.xxh3_64,
    'xxh64': xxhash.xxh64,
    'md5': lambda: hashlib.md5(usedforsecurity=False),
    'sha1': lambda: hashlib.sha1(usedforsecurity=False),
}


def knows(algorithm: str | None) -> bool:
    """Given a checksum's name, return whether it can be computed here (md4 of very old machines cannot)."""
    return algorithm in HASHERS


def file_checksum(descriptor: int, algorithm: str, keep_going: Callable[[], None]) -> bytes:
    """Given a file opened for reading, return its checksum; `keep_going` is called between chunks and may raise."""
    hasher = HASHERS[algorithm]()
    while data := os.read(descriptor, CHUNK):
        keep_going()
        hasher.update(data)
    return hasher.digest()
