"""Routes of the machines to back up."""

from functools import partial

from fastapi import APIRouter

from plumbus.api.answers import Answer, flat
from plumbus.api.door import Door, Fields, in_thread
from plumbus.api.schemas import (
    BrowseRequest,
    CreatedClient,
    Done,
    InstallKeyRequest,
    RemoteFolder,
    TrustRequest,
    body,
    problems,
)  # fmt: skip
from plumbus.model import Client, ConnectionTest, checked

router = APIRouter(prefix='/api/clients', tags=['Clients'])
ONLY_WHEN_SET = ('error', 'remedy', 'cause', 'sudo_available', 'sudo_message', 'sudo_details')


@router.get('', response_model=list[Client])
def list_clients(engine: Door) -> Answer:
    """List all clients."""
    clients = engine.clients.plain()
    return Answer(clients, headers={'X-Total-Count': str(len(clients))})


@router.post(
    '',
    status_code=201,
    response_model=CreatedClient,
    responses=problems(400, 413, 422),
    openapi_extra=body('ClientFields'),
)
async def create_client(engine: Door, fields: Fields) -> Answer:
    """Create a client. Secrets go in and never come out."""
    client = await in_thread(engine.clients.create, fields)
    return Answer(flat(client, success=True, client_id=client.id), 201)


@router.get('/{client_id}', response_model=Client, responses=problems(404))
def get_client(engine: Door, client_id: int) -> Answer:
    """Return one client."""
    return Answer(engine.clients.get(client_id))


@router.put(
    '/{client_id}',
    response_model=CreatedClient,
    responses=problems(400, 404, 409, 413, 422),
    openapi_extra=body('ClientChanges', required=False),
)
async def update_client(engine: Door, client_id: int, fields: Fields) -> Answer:
    """Change any of the fields. With a `revision` older than the stored one: 409."""
    client = await in_thread(engine.clients.update, client_id, fields)
    return Answer(flat(client, success=True, client_id=client.id))


@router.delete('/{client_id}', response_model=Done, responses=problems(404, 409))
def delete_client(engine: Door, client_id: int, cascade: bool = False, delete_data: bool = False) -> Answer:
    """Delete a client. With jobs: only with `cascade`; their snapshots stay on disk but with `delete_data`."""
    engine.clients.delete(client_id, cascade=cascade, delete_data=delete_data)
    return Answer({'success': True})


@router.post('/{client_id}/test', response_model=ConnectionTest, responses=problems(404))
def test_client(engine: Door, client_id: int) -> Answer:
    """Connect and tell what is there. The first success pins the host key."""
    return Answer(_test_fields(engine.clients.test(client_id)))


@router.post(
    '/{client_id}/trust',
    response_model=CreatedClient,
    responses=problems(400, 404, 413, 422, 502),
    openapi_extra=body('TrustRequest'),
)
async def trust_client(engine: Door, client_id: int, fields: Fields) -> Answer:
    """Accept the host key with this fingerprint."""
    fingerprint = checked(TrustRequest, fields).fingerprint
    client = await in_thread(engine.clients.trust, client_id, fingerprint)
    return Answer(flat(client, success=True, client_id=client.id))


@router.post(
    '/{client_id}/install-key',
    response_model=ConnectionTest,
    responses=problems(400, 404, 413, 422, 502),
    openapi_extra=body('InstallKeyRequest'),
)
async def install_key(engine: Door, client_id: int, fields: Fields) -> Answer:
    """Put PLUMBUS's key on the client, check it and use it from now on. The password is not kept."""
    password = checked(InstallKeyRequest, fields).password
    return Answer(_test_fields(await in_thread(engine.clients.install_key, client_id, password)))


@router.post(
    '/{client_id}/browse',
    response_model=RemoteFolder,
    responses=problems(400, 404, 413, 422, 502),
    openapi_extra=body('BrowseRequest', required=False),
)
async def browse_client(engine: Door, client_id: int, fields: Fields) -> Answer:
    """List a folder of the client."""
    wanted = checked(BrowseRequest, fields)
    browse = partial(engine.clients.browse, show_hidden=wanted.show_hidden)
    files = await in_thread(browse, client_id, wanted.path)
    return Answer({'success': True, 'path': wanted.path, 'files': files})


def _test_fields(test: ConnectionTest) -> dict[str, object]:
    return {
        name: value
        for name, value in test.model_dump().items()
        if value is not None or name not in ONLY_WHEN_SET
    }
