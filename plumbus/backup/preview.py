"""A look at one file of a snapshot: the head of a text, or a picture of a kind that a browser shows without danger."""

from collections.abc import Iterator
from datetime import datetime
from io import FileIO
from typing import Literal

from pydantic import BaseModel

from plumbus.backup.explore import moment, tree_path
from plumbus.backup.selection import chunks_of
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.textdiff import is_binary
from plumbus.errors import NotFound
from plumbus.transfer.names import name_text, path_text

HEAD = 64 * 1024
LARGEST_IMAGE = 20 * 2**20
# By what a file begins with, never by its name. SVG is not among them: it can hold scripts.
IMAGES = {
    b'\x89PNG\r\n\x1a\n': 'image/png',
    b'\xff\xd8\xff': 'image/jpeg',
    b'GIF87a': 'image/gif',
    b'GIF89a': 'image/gif',
}


class Preview(BaseModel):
    """`text` is the head of a text, `truncated` if it goes on. Of an image `image_type` is told, and raw=true brings it."""

    path: str
    name: str
    size: int
    modified: datetime
    kind: Literal['text', 'image', 'binary']
    text: str | None = None
    truncated: bool = False
    image_type: str | None = None


def preview(snapshot: Snapshot, path: str) -> Preview:
    """Given a path, return what can be shown of the file. Raise NotFound if it is no plain file of the snapshot."""
    where = tree_path(path)
    with snapshot.open_tree() as tree:
        status = tree.lstat(where)
        with FileIO(tree.open_file(where), 'r') as file:
            head = file.read(HEAD)
    told = Preview(
        path=path_text(where),
        name=name_text(where.rpartition(b'/')[2]),
        size=status.st_size,
        modified=moment(status.st_mtime),
        kind='binary',
    )
    image = image_type(head)
    if image and status.st_size <= LARGEST_IMAGE:
        told.kind, told.image_type = 'image', image
    elif not is_binary(head):
        told.kind, told.text, told.truncated = (
            'text',
            head.decode('utf-8', 'replace'),
            status.st_size > len(head),
        )
    return told


def image(snapshot: Snapshot, path: str) -> tuple[str, int, Iterator[bytes]]:
    """Given a path, return the media type, the size and the content of the picture there. Raise NotFound if it is none."""
    told = preview(snapshot, path)
    if told.image_type is None:
        raise NotFound('There is no picture that can be shown.', 'Download the file instead.')
    return told.image_type, told.size, _content(snapshot, tree_path(path), told.size)


def image_type(head: bytes) -> str | None:
    """Given the beginning of a file, return the media type if it is a picture of a safe kind."""
    if head[:4] == b'RIFF' and head[8:12] == b'WEBP':
        return 'image/webp'
    return next((kind for begin, kind in IMAGES.items() if head.startswith(begin)), None)


def _content(snapshot: Snapshot, path: bytes, size: int) -> Iterator[bytes]:
    with snapshot.open_tree() as tree:
        descriptor = tree.open_file(path)
    with FileIO(descriptor, 'r') as file:
        yield from chunks_of(file, size)
