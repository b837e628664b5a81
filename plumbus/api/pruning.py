"""The route of retention: what goes and what stays, told or done."""

from fastapi import APIRouter

from plumbus.api.answers import Answer
from plumbus.api.door import Door, Fields, in_thread
from plumbus.api.schemas import Pruned, body, problems

router = APIRouter(prefix='/api', tags=['Jobs'])


@router.post(
    '/jobs/{job_id}/prune',
    response_model=Pruned,
    responses=problems(400, 404, 413, 422),
    openapi_extra=body('PruneFields', required=False),
)
async def prune_job(engine: Door, job_id: int, fields: Fields) -> Answer:
    """Remove the snapshots that the job's retention no longer keeps.

    With `dry_run` only tell which those are and why the others stay, by an unsaved `retention` if one is given.
    """
    done = await in_thread(engine.retention.prune, job_id, fields)
    return Answer(
        {'success': True, 'keep': done.keep, 'remove': done.remove, 'freed_bytes': done.freed_bytes}
    )
