"""Routes of the server itself."""

from fastapi import APIRouter

from plumbus.api.answers import Answer
from plumbus.api.door import Door
from plumbus.api.schemas import StatsView, problems
from plumbus.services.system import PublicKey

router = APIRouter(prefix='/api', tags=['System'])
open_router = APIRouter(prefix='/api', tags=['System'])


@router.get('/stats', response_model=StatsView)
def get_stats(engine: Door) -> Answer:
    """Return the numbers of the dashboard."""
    return Answer(engine.system.stats())


@open_router.get('/version')
async def get_version(engine: Door) -> Answer:
    """Return the version of PLUMBUS. Needs no login."""
    return Answer({'version': engine.system.version})


@open_router.get('/health', responses=problems(503))
def get_health(engine: Door) -> Answer:
    """Tell whether PLUMBUS can do its work. Needs no login."""
    engine.system.health()
    return Answer({'status': 'ok'})


@router.get('/system/public-key', response_model=PublicKey)
def get_public_key(engine: Door) -> Answer:
    """Return PLUMBUS's own key, and how to put it on a client."""
    return Answer(engine.system.public_key())
