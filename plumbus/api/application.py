"""The API as an application of its own, so that every path below /api answers JSON, right or wrong."""

from anyio import CapacityLimiter
from fastapi import Depends, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles

from plumbus.api import (
    backups,
    clients,
    comparing,
    configuration,
    downloads,
    jobs,
    login,
    metrics,
    notifications,
    people,
    pruning,
    restores,
    search,
    system,
    verifications,
)
from plumbus.api.access import permitted
from plumbus.api.answers import Answer
from plumbus.api.errors import Errors, LastResort
from plumbus.api.listening import Streams
from plumbus.api.schemas import Api, problems
from plumbus.api.security import Authenticated, Gate
from plumbus.engine import Engine

ASSETS = '/api/docs/assets'
ROUTERS = (
    clients.router, jobs.router, pruning.router, backups.router, downloads.router, comparing.router, search.router, restores.router,
    verifications.router, notifications.router, configuration.router, people.router, metrics.router, system.router,
)  # fmt: skip
DESCRIPTION = 'Backups of Linux machines over SSH and rsync. Times are ISO 8601 with offset, sizes are bytes.'


def create_api(engine: Engine, gate: Gate) -> FastAPI:
    """Given the engine and who may come in, return the API. `api.state.streams.close()` ends all its streams."""
    api = Api(
        title='PLUMBUS',
        version=engine.system.version,
        description=DESCRIPTION,
        openapi_url='/api/openapi.json',
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        default_response_class=Answer,
        dependencies=[Depends(permitted)],
        telemetry={'tracing': False, 'metrics': False, 'logs': False},
    )
    api.state.engine = engine.door
    api.state.trusts_machine = gate.trusts_machine
    api.state.session_days = engine.settings.session_days
    api.state.streams = Streams(engine.events)
    api.state.login_limiter = CapacityLimiter(login.MOST_LOGINS_AT_ONCE)
    errors = Errors(engine.settings.data_dir)
    errors.install(api)
    api.add_middleware(Authenticated, gate=gate)
    api.add_middleware(LastResort, errors=errors)
    _add_docs(api)
    api.include_router(login.router)
    api.include_router(system.open_router)
    bearer = HTTPBearer(auto_error=False, description='PLUMBUS_API_TOKEN, or a token made in Settings.')
    for router in ROUTERS:
        api.include_router(router, dependencies=[Depends(bearer)], responses=problems(401))
    return api


def _add_docs(api: FastAPI) -> None:
    """Serve the interactive page with scripts of our own; relative addresses work behind any proxy."""
    api.mount(ASSETS, StaticFiles(packages=[('fastapi_swagger', 'resources')]), name='assets')

    @api.get('/api/docs', include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url='openapi.json',
            title='PLUMBUS API',
            swagger_js_url='docs/assets/swagger-ui-bundle.js',
            swagger_css_url='docs/assets/swagger-ui.css',
            swagger_favicon_url='docs/assets/favicon-32x32.png',
            swagger_ui_parameters={'validatorUrl': None, 'persistAuthorization': True, 'filter': True},
        )
