"""Routes of the verifications: read a snapshot again and compare it with what was stored."""

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from plumbus.api.answers import Answer, flat, listed
from plumbus.api.backups import TEXT
from plumbus.api.door import Door, Limit, Live, Offset, OptionalId, WaitSeconds, in_thread
from plumbus.api.listening import ended
from plumbus.api.schemas import ChangedVerification, StartedVerification, problems
from plumbus.model import Trigger, Verification

router = APIRouter(prefix='/api', tags=['Verifications'])


@router.post(
    '/backups/{backup_id}/verify',
    status_code=202,
    response_model=StartedVerification,
    responses=problems(404, 409, 422),
)
async def start_verification(
    engine: Door, streams: Live, request: Request, *, backup_id: int, seconds: WaitSeconds = 0
) -> Answer:
    """Read the snapshot again; its end sets `verified_at`, `verify_status` and `verify_errors` of the backup.

    With `wait` the answer comes when it ended, or the time is up.
    """
    verification = await in_thread(engine.verifications.start, backup_id, Trigger.API)
    started = {'success': True, 'verify_id': verification.id, 'status': verification.status}
    if not seconds:
        return Answer(started, 202)

    async def fetch() -> Verification:
        return await in_thread(engine.verifications.get, verification.id)

    verification = await ended(
        streams, 'verify', verification, fetch, seconds=seconds, gone=request.is_disconnected
    )
    return Answer(started | flat(verification), 202)


@router.get('/verifications', response_model=list[Verification], responses=problems(422))
def list_verifications(
    engine: Door, backup_id: OptionalId = None, limit: Limit = 100, offset: Offset = 0
) -> Answer:
    """List verifications, of one backup or all, newest first. The header X-Total-Count tells how many there are."""
    if backup_id is None:
        return listed(engine.verifications.page(limit=limit, offset=offset))
    return listed(engine.verifications.of_backup(backup_id, limit, offset))


@router.get('/verifications/{verify_id}', response_model=Verification, responses=problems(404))
def get_verification(engine: Door, verify_id: int) -> Answer:
    """Return one verification, with its progress while it runs, and what it found."""
    return Answer(engine.verifications.get(verify_id))


@router.post(
    '/verifications/{verify_id}/cancel', response_model=ChangedVerification, responses=problems(404, 409)
)
def cancel_verification(engine: Door, verify_id: int) -> Answer:
    """Cancel a verification that is queued or running. What it found so far stays noted at the backup."""
    return Answer(flat(engine.verifications.cancel(verify_id), success=True))


@router.get('/verifications/{verify_id}/log', response_class=StreamingResponse, responses=problems(404))
def get_log(engine: Door, verify_id: int) -> StreamingResponse:
    """Return what was said while the snapshot was read, as text."""
    return StreamingResponse(engine.verifications.log(verify_id), media_type=TEXT)
