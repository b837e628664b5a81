"""Routes of the restores: start them at the backup they come from, watch them, take them back."""

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from plumbus.api.answers import Answer, flat, listed
from plumbus.api.backups import TEXT
from plumbus.api.door import Door, Fields, Limit, Live, Offset, WaitSeconds, in_thread
from plumbus.api.listening import Streams, ended
from plumbus.api.schemas import ChangedRestore, StartedRestore, body, problems
from plumbus.engine import Engine
from plumbus.model import Restore

router = APIRouter(prefix='/api', tags=['Restores'])


@router.post(
    '/backups/{backup_id}/restore',
    status_code=202,
    response_model=StartedRestore,
    responses=problems(400, 404, 409, 413, 422),
    openapi_extra=body('RestoreRequest', required=False),
)
async def start_restore(
    engine: Door, streams: Live, request: Request, *, backup_id: int, fields: Fields, seconds: WaitSeconds = 0
) -> Answer:
    """Copy files back to a client, or to this server. With `wait` the answer comes when it ended, or the time is up."""
    restore = await in_thread(engine.restores.start, backup_id, fields)
    return await _answer(engine, streams, request, restore, seconds)


@router.get('/restores', response_model=list[Restore], responses=problems(422))
def list_restores(engine: Door, limit: Limit = 100, offset: Offset = 0) -> Answer:
    """List restores, newest first. The header X-Total-Count tells how many there are in all."""
    return listed(engine.restores.page(limit=limit, offset=offset))


@router.get('/restores/{restore_id}', response_model=Restore, responses=problems(404))
def get_restore(engine: Door, restore_id: int) -> Answer:
    """Return one restore, with its progress while it runs, and the changes of a dry run."""
    return Answer(engine.restores.get(restore_id))


@router.post('/restores/{restore_id}/cancel', response_model=ChangedRestore, responses=problems(404, 409))
def cancel_restore(engine: Door, restore_id: int) -> Answer:
    """Cancel a restore that is queued or running."""
    return Answer(flat(engine.restores.cancel(restore_id), success=True))


@router.post(
    '/restores/{restore_id}/undo',
    status_code=202,
    response_model=StartedRestore,
    responses=problems(404, 409, 422),
)
async def undo_restore(
    engine: Door, streams: Live, request: Request, *, restore_id: int, seconds: WaitSeconds = 0
) -> Answer:
    """Bring back what was before a restore with a safety copy; that is a restore too. `wait` as for a restore."""
    restore = await in_thread(engine.restores.undo, restore_id)
    return await _answer(engine, streams, request, restore, seconds)


@router.get('/restores/{restore_id}/log', response_class=StreamingResponse, responses=problems(404))
def get_log(engine: Door, restore_id: int) -> StreamingResponse:
    """Return what rsync and PLUMBUS said, as text."""
    engine.restores.get(restore_id)
    return StreamingResponse(engine.restores.log(restore_id), media_type=TEXT)


async def _answer(
    engine: Engine, streams: Streams, request: Request, restore: Restore, seconds: float
) -> Answer:
    started = {'success': True, 'restore_id': restore.id}
    told = restore.model_dump(include={'status', 'notes', 'missing', 'damaged'})
    if not seconds:
        return Answer(started | told, 202)

    async def fetch() -> Restore:
        return await in_thread(engine.restores.get, restore.id)

    restore = await ended(streams, 'restore', restore, fetch, seconds=seconds, gone=request.is_disconnected)
    return Answer(started | told | flat(restore), 202)
