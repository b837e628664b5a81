"""Routes of the whole configuration: out as a document, and in."""

from fastapi import APIRouter
from starlette.responses import Response

from plumbus.api.answers import Answer, flat
from plumbus.api.door import Door, Fields, in_thread
from plumbus.api.schemas import body, problems
from plumbus.services.taking_in import TakenIn

router = APIRouter(prefix='/api/configuration', tags=['Configuration'])
YAML = 'application/yaml'  # RFC 9512


@router.post(
    '/export',
    response_class=Response,
    responses={200: {'content': {YAML: {}}}, **problems(400, 413, 422)},
    openapi_extra=body('ExportFields', required=False),
)
async def export_configuration(engine: Door, fields: Fields) -> Response:
    """Return clients, jobs and notifications as YAML; with a passphrase also their secrets, sealed with it."""
    document = await in_thread(engine.configuration.export, fields)
    return Response(
        document, media_type=YAML, headers={'Content-Disposition': 'attachment; filename="plumbus.yaml"'}
    )


@router.post(
    '/import', response_model=TakenIn, responses=problems(400, 413, 422), openapi_extra=body('ImportFields')
)
async def import_configuration(engine: Door, fields: Fields) -> Answer:
    """Add what a document holds and this server does not, all or nothing; with `dry_run` tell what that would be."""
    return Answer(flat(await in_thread(engine.configuration.take_in, fields), success=True))
