"""Routes of the restores. They are started at the backup they come from."""

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from plumbus.api.answers import Answer, flat, listed
from plumbus.api.backups import TEXT
from plumbus.api.door import Door, Limit, Offset
from plumbus.api.schemas import ChangedRestore, problems
from plumbus.model import Restore

router = APIRouter(prefix='/api/restores', tags=['Restores'])


@router.get('', response_model=list[Restore], responses=problems(422))
def list_restores(engine: Door, limit: Limit = 100, offset: Offset = 0) -> Answer:
    """List restores, newest first. The header X-Total-Count tells how many there are in all."""
    return listed(engine.restores.page(limit=limit, offset=offset))


@router.get('/{restore_id}', response_model=Restore, responses=problems(404))
def get_restore(engine: Door, restore_id: int) -> Answer:
    """Return one restore, with its progress while it runs, and the changes of a dry run."""
    return Answer(engine.restores.get(restore_id))


@router.post('/{restore_id}/cancel', response_model=ChangedRestore, responses=problems(404, 409))
def cancel_restore(engine: Door, restore_id: int) -> Answer:
    """Cancel a restore that is queued or running."""
    return Answer(flat(engine.restores.cancel(restore_id), success=True))


@router.get('/{restore_id}/log', response_class=StreamingResponse, responses=problems(404))
def get_log(engine: Door, restore_id: int) -> StreamingResponse:
    """Return what rsync and PLUMBUS said, as text."""
    engine.restores.get(restore_id)
    return StreamingResponse(engine.restores.log(restore_id), media_type=TEXT)
