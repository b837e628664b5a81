"""Where someone stands on the page: the address holds all of it, so that it can be bookmarked and shared. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, cast, get_args
from urllib.parse import urlencode

Scope = Literal['snapshot', 'job', 'client', 'everything']
LONGEST_PATH = 16_384
LONGEST_WORDS = 500


class Kind(Protocol):
    """What something in a snapshot is."""

    is_dir: bool
    is_link: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A folder of a snapshot, perhaps with a file that is looked at.

    `words` are searched within `scope`; `against` is the snapshot to compare with. An empty path is where the job begins.
    """

    client: int | None = None
    job: int | None = None
    snapshot: int | None = None
    path: str = ''
    file: str = ''
    words: str = ''
    scope: Scope = 'job'
    against: int | None = None
    hidden: bool = True


def place_of(query: Mapping[str, str]) -> Place:
    """Given what stands in an address, return the place; what makes no sense is left out."""
    scope = query.get('in', 'job')
    return Place(
        client=_number(query.get('client')),
        job=_number(query.get('job')),
        snapshot=_number(query.get('snapshot')),
        path=query.get('path', '')[:LONGEST_PATH],
        file=query.get('file', '')[:LONGEST_PATH],
        words=query.get('q', '')[:LONGEST_WORDS].strip(),
        scope=cast(Scope, scope) if scope in get_args(Scope) else 'job',
        against=_number(query.get('against')),
        hidden=query.get('hidden') != 'no',
    )


def address(place: Place) -> str:
    """Given a place, return the address that leads there."""
    told = {
        'client': place.client,
        'job': place.job,
        'snapshot': place.snapshot,
        'path': place.path,
        'file': place.file,
        'q': place.words,
        'in': place.scope if place.words else '',
        'against': place.against,
        'hidden': '' if place.hidden else 'no',
    }
    query = urlencode({name: value for name, value in told.items() if value})
    return f'/browse?{query}' if query else '/browse'


def download(backup_id: int, paths: list[str], form: str = '') -> str:
    """Given paths in a backup, return the address they are downloaded from."""
    query = [*(('path', path) for path in paths), *([('format', form)] if form else [])]
    return f'/api/backups/{backup_id}/download?{urlencode(query)}'


def picture(backup_id: int, path: str) -> str:
    """Given a picture in a backup, return the address that an image is shown from."""
    return f'/api/backups/{backup_id}/preview?{urlencode({"path": path, "raw": "true"})}'


def above(path: str) -> str:
    """Given a path, return the folder it is in."""
    return path.rstrip('/').rpartition('/')[0] or '/'


def last_part(path: str) -> str:
    """Given a path, return its last part; of the root that is a slash."""
    return path.rstrip('/').rpartition('/')[2] or '/'


def steps(path: str) -> list[tuple[str, str]]:
    """Given a folder, return (name, path) of the root and of each folder down to it."""
    parts = [part for part in path.split('/') if part]
    return [('/', '/'), *((part, '/' + '/'.join(parts[: index + 1])) for index, part in enumerate(parts))]


def icon_of(file: Kind) -> str:
    """Given something in a snapshot, return the icon of its kind."""
    return 'o_folder' if file.is_dir else 'o_link' if file.is_link else 'o_insert_drive_file'


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None
