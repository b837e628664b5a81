"""Routes of the backups: list, watch, look inside, bring back."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import AfterValidator

from plumbus.api.answers import Answer, flat, listed
from plumbus.api.door import Door, Fields, Limit, Live, Offset, OptionalId, in_thread
from plumbus.api.listening import Listener, followed
from plumbus.api.schemas import ChangedBackup, Done, SnapshotFolder, body, problems, problems_of_stream
from plumbus.backup.folders import By, Order
from plumbus.model import Backup, Status

router = APIRouter(prefix='/api/backups', tags=['Backups'])
TAIL_LINES = 500
TEXT = 'text/plain; charset=utf-8'


def _known_statuses(text: str) -> str:
    known = {str(status) for status in Status}
    if text and not set(text.split(',')) <= known:
        raise ValueError(f'must be one of {", ".join(sorted(known))}, or several of them parted by commas')
    return text


Statuses = Annotated[
    str, AfterValidator(_known_statuses), Query(description='One status, or several parted by commas.')
]


@router.get('', response_model=list[Backup], responses=problems(422))
def list_backups(
    engine: Door,
    *,
    client_id: OptionalId = None,
    job_id: OptionalId = None,
    status: Statuses = '',
    search: Annotated[str, Query(max_length=200)] = '',
    limit: Limit = 100,
    offset: Offset = 0,
) -> Answer:
    """List backups, newest first. The header X-Total-Count tells how many there are in all."""
    page = engine.backups.plain_page(
        client_id=client_id, job_id=job_id, status=status, search=search, limit=limit, offset=offset
    )
    return listed(page)


@router.get('/{backup_id}', response_model=Backup, responses=problems(404))
def get_backup(engine: Door, backup_id: int) -> Answer:
    """Return one backup, with its progress while it runs."""
    return Answer(engine.backups.get(backup_id))


@router.put(
    '/{backup_id}',
    response_model=ChangedBackup,
    responses=problems(400, 404, 413, 422),
    openapi_extra=body('BackupFields', required=False),
)
async def update_backup(engine: Door, backup_id: int, fields: Fields) -> Answer:
    """Pin a backup, so that it is never pruned, or note something about it."""
    return Answer(flat(await in_thread(engine.backups.edit, backup_id, fields), success=True))


@router.delete('/{backup_id}', response_model=Done, responses=problems(404, 409))
def delete_backup(engine: Door, backup_id: int) -> Answer:
    """Delete the record and the snapshot."""
    engine.backups.delete(backup_id)
    return Answer({'success': True})


@router.post('/{backup_id}/cancel', response_model=ChangedBackup, responses=problems(404, 409))
def cancel_backup(engine: Door, backup_id: int) -> Answer:
    """Cancel a backup that is queued or running."""
    return Answer(flat(engine.backups.cancel(backup_id), success=True))


@router.get('/{backup_id}/log', response_class=StreamingResponse, responses=problems(404))
def get_log(engine: Door, backup_id: int) -> StreamingResponse:
    """Return what rsync and PLUMBUS said, as text."""
    engine.backups.get(backup_id)
    return StreamingResponse(engine.backups.log(backup_id), media_type=TEXT)


async def _existing(engine: Door, backup_id: int) -> Backup:
    return await in_thread(engine.backups.get, backup_id)


async def _listener(streams: Live, backup: Annotated[Backup, Depends(_existing)]) -> AsyncIterator[Listener]:
    with streams.listen('backup', backup.id) as listener:
        yield listener  # until the answer has ended, or whoever read it has gone


@router.get('/{backup_id}/events', response_class=EventSourceResponse, responses=problems_of_stream(404))
async def stream_events(
    engine: Door,
    backup: Annotated[Backup, Depends(_existing)],
    listener: Annotated[Listener, Depends(_listener)],
) -> AsyncIterator[ServerSentEvent]:
    """Send `status` (all of the backup), `log` (lines) and `progress` as they come, until it ended."""
    fetch = partial(in_thread, engine.backups.get, backup.id)
    tail = partial(in_thread, engine.backups.log_tail, backup.id, TAIL_LINES)
    async for event in followed(listener, backup, fetch, tail):
        yield event


@router.get('/{backup_id}/files', response_model=SnapshotFolder, responses=problems(404, 422))
def list_files(
    engine: Door,
    backup_id: int,
    *,
    path: Annotated[str, Query(max_length=4096)] = '/',
    limit: Limit = 1000,
    offset: Offset = 0,
    recursive: bool = False,
    search: Annotated[str, Query(max_length=1000, examples=['*.conf'])] = '',
    sort: Annotated[By, Query(description='Of one folder; folders come first.')] = 'name',
    descending: bool = False,
    hidden: Annotated[bool, Query(description='Whether names with a dot in front are listed.')] = True,
) -> Answer:
    """List a folder of the snapshot, all below it (`recursive`), or what matches a pattern (`search`)."""
    found = engine.backups.files(
        backup_id, path=path, limit=limit, offset=offset, recursive=recursive, search=search,
        order=Order(by=sort, descending=descending, hidden=hidden),
    )  # fmt: skip
    return Answer(
        {
            'success': True,
            'backup_id': backup_id,
            'path': found.path,
            'files': found.files,
            'total_files': found.total,
        }
    )
