"""Routes of the jobs and their schedules."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from plumbus.api.answers import Answer, flat, listed, to_json
from plumbus.api.door import Door, Fields, Limit, Live, Offset, OptionalId, PathText, WaitSeconds, in_thread
from plumbus.api.listening import ended
from plumbus.api.schemas import CreatedJob, Done, SchedulePreviewRequest, StartedBackup, body, problems
from plumbus.backup.versions import Version
from plumbus.model import Backup, JobView, Page, Trigger, checked
from plumbus.services.jobs import SchedulePreview

router = APIRouter(prefix='/api', tags=['Jobs'])
AT_ONCE = 1000


@router.get('/jobs', response_model=list[JobView])
def list_jobs(
    engine: Door,
    *,
    client_id: OptionalId = None,
    limit: Annotated[int, Query(ge=1, le=100_000)] = 100_000,
    offset: Offset = 0,
) -> Response:
    """List all jobs, or those of one client, or a part of them. The header X-Total-Count tells how many there are in all."""
    page = engine.jobs.plain_page(client_id, min(AT_ONCE, limit), offset)
    headers = {'X-Total-Count': str(page.total)}
    if len(page.items) < AT_ONCE or limit <= AT_ONCE:
        return Answer(list(page.items), headers=headers)
    pieces = _pieces(engine, page, client_id, limit, offset)
    return StreamingResponse(pieces, media_type=Answer.media_type, headers=headers)


def _pieces(
    engine: Door, page: Page[dict[str, Any]], client_id: int | None, limit: int, offset: int
) -> Iterator[bytes]:
    """Yield an array of very many jobs: in one piece it would take more memory than all the rest."""
    sent = 0
    while page.items:
        yield (b',' if sent else b'[') + to_json(list(page.items))[1:-1]
        sent += len(page.items)
        page = engine.jobs.plain_page(client_id, min(AT_ONCE, limit - sent), offset + sent)
    yield b']'


@router.post(
    '/jobs',
    status_code=201,
    response_model=CreatedJob,
    responses=problems(400, 413, 422),
    openapi_extra=body('JobFields'),
)
async def create_job(engine: Door, fields: Fields) -> Answer:
    """Create a job."""
    job = await in_thread(engine.jobs.create, fields)
    return Answer(flat(job, success=True, job_id=job.id), 201)


@router.get('/jobs/{job_id}', response_model=JobView, responses=problems(404))
def get_job(engine: Door, job_id: int) -> Answer:
    """Return one job."""
    return Answer(engine.jobs.get(job_id))


@router.put(
    '/jobs/{job_id}',
    response_model=CreatedJob,
    responses=problems(400, 404, 409, 413, 422),
    openapi_extra=body('JobChanges', required=False),
)
async def update_job(engine: Door, job_id: int, fields: Fields) -> Answer:
    """Change any of the fields. With a `revision` older than the stored one: 409."""
    job = await in_thread(engine.jobs.update, job_id, fields)
    return Answer(flat(job, success=True, job_id=job.id))


@router.delete('/jobs/{job_id}', response_model=Done, responses=problems(404, 409))
def delete_job(engine: Door, job_id: int, delete_data: bool = False) -> Answer:
    """Delete a job. Its snapshots stay on disk but with `delete_data`."""
    engine.jobs.delete(job_id, delete_data=delete_data)
    return Answer({'success': True})


@router.post(
    '/jobs/{job_id}/run', status_code=202, response_model=StartedBackup, responses=problems(404, 409)
)
async def run_job(
    engine: Door, streams: Live, request: Request, job_id: int, seconds: WaitSeconds = 0
) -> Answer:
    """Queue a backup. With `wait` the answer comes when it ended, or the time is up, and holds all of it."""
    backup = await in_thread(engine.jobs.run, job_id, Trigger.API)
    started = {'success': True, 'backup_id': backup.id, 'status': backup.status}
    if not seconds:
        return Answer(started, 202)

    async def fetch() -> Backup:
        return await in_thread(engine.backups.get, backup.id)

    backup = await ended(streams, 'backup', backup, fetch, seconds=seconds, gone=request.is_disconnected)
    return Answer(started | flat(backup), 202)


@router.get('/jobs/{job_id}/history', response_model=list[Backup], responses=problems(404))
def list_history(engine: Door, job_id: int, limit: Limit = 100, offset: Offset = 0) -> Answer:
    """List the backups of a job, newest first."""
    engine.jobs.get(job_id)
    return listed(engine.backups.plain_page(job_id=job_id, limit=limit, offset=offset))


@router.get('/jobs/{job_id}/versions', response_model=list[Version], responses=problems(404, 422))
def list_versions(engine: Door, job_id: int, path: PathText) -> Answer:
    """List every distinct version of a file that the job's backups hold, the newest first."""
    engine.jobs.get(job_id)
    return Answer(engine.backups.versions(job_id, path))


@router.post(
    '/schedule/preview',
    response_model=SchedulePreview,
    responses=problems(400, 413, 422),
    openapi_extra=body('SchedulePreviewRequest'),
)
async def preview_schedule(engine: Door, fields: Fields) -> Answer:
    """Tell a cron expression in words, and the next five times."""
    wanted = checked(SchedulePreviewRequest, fields)
    return Answer(await in_thread(engine.jobs.preview_schedule, wanted.schedule, wanted.timezone))
