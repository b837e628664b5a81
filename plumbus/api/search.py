"""The route that finds names in all snapshots."""

from typing import Annotated

from fastapi import APIRouter, Query

from plumbus.api.answers import Answer, flat
from plumbus.api.door import Door, Limit, Offset, OptionalId
from plumbus.api.schemas import problems
from plumbus.services.search import SearchResult

router = APIRouter(prefix='/api', tags=['Backups'])


class Found(SearchResult):
    """What was found, and for which text."""

    success: bool = True
    q: str


@router.get('/search', response_model=Found, responses=problems(422, 503))
def search(
    engine: Door,
    q: Annotated[str, Query(description='Part of a name or path, or a pattern like *.conf.')],
    *,
    job_id: OptionalId = None,
    client_id: OptionalId = None,
    backup_id: OptionalId = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Answer:
    """Find names in the snapshots of one backup, one job, one client or everything. It looks at no disk, only at an index."""
    found = engine.search.find(
        q, job_id=job_id, client_id=client_id, backup_id=backup_id, limit=limit, offset=offset
    )
    return Answer({'success': True, 'q': q, **flat(found)})
