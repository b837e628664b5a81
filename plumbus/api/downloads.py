"""The routes of downloads and previews: streams that cost no memory, and whose work ends with whoever reads them."""

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

from anyio import CancelScope
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from plumbus.api.answers import Answer
from plumbus.api.door import Door, PathText, in_thread
from plumbus.api.errors import problem
from plumbus.api.schemas import problems
from plumbus.backup.archives import FORMATS, MEDIA_TYPES, Format
from plumbus.backup.download import ANY_FILE, Download, RangeNotSatisfiable
from plumbus.backup.preview import Preview

router = APIRouter(prefix='/api/backups', tags=['Backups'])
MOST_PATHS = 1000
RangeHeader = Annotated[str, Header(alias='Range', max_length=200)]
IfRangeHeader = Annotated[str, Header(alias='If-Range', max_length=200)]
SAFE = {
    'Content-Encoding': 'identity',  # whatever compresses answers on the way must leave it as it is
    'Content-Security-Policy': "default-src 'none'; sandbox",
}
IMAGES: dict[str, Any] = {kind: {} for kind in ('image/png', 'image/jpeg', 'image/gif', 'image/webp')}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        'description': 'The file, or the archive.',
        'content': {kind: {} for kind in (ANY_FILE, *MEDIA_TYPES.values())},
    },
    206: {'description': 'The part of a plain file that the header Range asks for.'},
}


class Stream(StreamingResponse):
    """Sends what an iterator yields and closes it in the end, however that comes: sent, gone or failed."""

    def __init__(self, chunks: Iterator[bytes], **options: Any) -> None:
        super().__init__(chunks, **options)
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Given a request, answer it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):  # whoever went away has cancelled this task
                await in_thread(getattr(self._chunks, 'close', bool))


@router.get(
    '/{backup_id}/download', response_class=StreamingResponse, responses=ANSWERS | problems(404, 416, 422)
)
def download(
    engine: Door,
    backup_id: int,
    *,
    path: Annotated[list[PathText], Query(max_length=MOST_PATHS)] = ['/'],  # noqa: B006
    form: Annotated[Format | None, Query(alias='format', description=f'One of {", ".join(FORMATS)}.')] = None,
    wanted: RangeHeader = '',
    condition: IfRangeHeader = '',
) -> Response:
    """Bring files out of a snapshot: one plain file as it is, folders and several paths in an archive (zip by default)."""
    try:
        found = engine.backups.download(backup_id, path, form, wanted=wanted, condition=condition)
    except RangeNotSatisfiable as error:
        return problem(416, str(error), {'Content-Range': f'bytes */{error.size}'})
    status = 206 if found.part else 200
    return Stream(found.chunks, status_code=status, headers=_headers(found), media_type=found.media_type)


@router.get(
    '/{backup_id}/preview', response_model=Preview, responses={200: {'content': IMAGES}, **problems(404, 422)}
)
def preview(
    engine: Door,
    backup_id: int,
    path: PathText,
    *,
    raw: Annotated[bool, Query(description='The picture itself.')] = False,
) -> Response:
    """Show the head of a text file, or tell that it is a picture, which `raw` brings for an <img>."""
    if not raw:
        return Answer(engine.backups.preview(backup_id, path))
    kind, size, chunks = engine.backups.image(backup_id, path)
    headers = SAFE | {'Content-Length': str(size), 'Content-Disposition': 'inline'}
    return Stream(chunks, headers=headers, media_type=kind)


def _headers(found: Download) -> dict[str, str]:
    headers = {
        'Content-Disposition': disposition(found.name),
        'X-Accel-Buffering': 'no',
        **SAFE,
    }
    if found.size is not None:
        start, length = found.part or (0, found.size)
        headers |= {'Content-Length': str(length), 'Accept-Ranges': 'bytes', 'ETag': found.tag}
        if found.modified:
            headers['Last-Modified'] = found.modified
        if found.part:
            headers['Content-Range'] = f'bytes {start}-{start + length - 1}/{found.size}'
    return headers


def disposition(name: str) -> str:
    """Given the name of a file, return the header that offers it under that name (RFC 6266, RFC 8187)."""
    plain = name.encode('ascii', 'replace').decode().replace('?', '_').replace('"', '_').replace('\\', '_')
    return f'attachment; filename="{plain}"; filename*=UTF-8\'\'{quote(name, safe="")}'
