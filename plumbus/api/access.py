"""What each route needs: one table. A route that is not in it needs the scope admin, so that none is open by oversight."""

from typing import Any

from fastapi import Request

from plumbus.errors import NotLoggedIn
from plumbus.model import Scope, present_actor
from plumbus.services.door import NO_LOGIN, not_permitted

ADMIN, RUN, READ = Scope.ADMIN, Scope.RUN, Scope.READ
# Open to everybody: whether PLUMBUS is well, what it is, and the forms of a login.
OPEN = frozenset(
    {
        'GET /api/health',
        'GET /api/version',
        'POST /login',
        'POST /login/code',
        'POST /setup',
        'POST /logout',
        'GET /window',
    }
)
SCOPES = {
    'GET /api/docs': READ,
    'GET /api/clients': READ,
    'GET /api/clients/{client_id}': READ,
    'POST /api/clients/{client_id}/test': RUN,
    'POST /api/clients/{client_id}/browse': RUN,
    'GET /api/jobs': READ,
    'GET /api/jobs/{job_id}': READ,
    'GET /api/jobs/{job_id}/history': READ,
    'GET /api/jobs/{job_id}/versions': READ,
    'POST /api/jobs/{job_id}/run': RUN,
    'POST /api/jobs/{job_id}/prune': READ,  # what is no dry run needs an admin: services/rights.py
    'POST /api/schedule/preview': READ,
    'GET /api/backups': READ,
    'GET /api/backups/{backup_id}': READ,
    'PUT /api/backups/{backup_id}': RUN,
    'GET /api/backups/{backup_id}/log': READ,
    'GET /api/backups/{backup_id}/events': READ,
    'GET /api/backups/{backup_id}/files': READ,
    'GET /api/backups/{backup_id}/diff': READ,
    'POST /api/backups/{backup_id}/cancel': RUN,
    'POST /api/backups/{backup_id}/verify': RUN,
    'POST /api/backups/{backup_id}/restore': RUN,  # to another place it needs an admin
    'GET /api/search': READ,
    'GET /api/restores': READ,
    'GET /api/restores/{restore_id}': READ,
    'GET /api/restores/{restore_id}/log': READ,
    'POST /api/restores/{restore_id}/cancel': RUN,
    'GET /api/verifications': READ,
    'GET /api/verifications/{verify_id}': READ,
    'GET /api/verifications/{verify_id}/log': READ,
    'POST /api/verifications/{verify_id}/cancel': RUN,
    'GET /api/stats': READ,
    'GET /metrics': READ,
    'GET /api/system/public-key': READ,
}


def needed(method: str, path: str) -> Scope | None:
    """Given a method and the path of a route as it is declared, return the scope it needs; None if it is open."""
    route = f'{method} {path}'
    return None if route in OPEN else SCOPES.get(route, ADMIN)


async def permitted(request: Request) -> None:
    """Before any route: raise NotLoggedIn or NotPermitted unless whoever asks may use it."""
    route: Any = request.scope['route']
    scope, actor = needed(request.method, route.path), present_actor()
    if scope is None:
        return
    if actor is None:
        raise NotLoggedIn(NO_LOGIN.message, NO_LOGIN.remedy)
    if not actor.scope.covers(scope):
        raise not_permitted(actor, scope)
