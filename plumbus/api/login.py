"""The forms of the pages /login and /setup, and the way out: plain POST routes that set or clear the cookie.

A refusal leads back with a code in the address, which the page turns into a sentence: see `refusal`.
"""

from urllib.parse import parse_qs, quote

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from plumbus.api.door import Door, in_thread, limited_body
from plumbus.api.security import COOKIE, address, cookie, from_loopback
from plumbus.errors import Conflict, InvalidInput, NotLoggedIn, PlumbusError
from plumbus.services.second_factor import TICKET_S, CodeNeeded
from plumbus.services.throttle import TooManyTries

router = APIRouter(include_in_schema=False)
HALFWAY = 'plumbus_halfway'  # stands for a right password until the code of the second factor comes
MOST_LOGINS_AT_ONCE = 2  # each comparison of a password takes 64 MB


@router.post('/login')
async def log_in(engine: Door, request: Request) -> RedirectResponse:
    """Take the form of the login page: username, password, next."""
    form = await _form(request)
    try:
        token = await to_thread.run_sync(
            engine.accounts.login, form['username'], form['password'], address(request.scope), browser(request),
            limiter=request.app.state.login_limiter,
        )  # fmt: skip
    except CodeNeeded as needed:
        return _halfway(request, needed.ticket, form['next'])
    except NotLoggedIn as error:
        return _back('/login', error, form['next'])
    return _welcome(request, token, form['next'])


@router.post('/login/code')
async def log_in_with_code(engine: Door, request: Request) -> RedirectResponse:
    """Take the form of the second step: code, next. The cookie of the first step says whose code that must be."""
    form = await _form(request)
    ticket = request.cookies.get(HALFWAY, '')
    try:
        token = await in_thread(engine.accounts.login_code, ticket, form['code'], address(request.scope))
    except NotLoggedIn as error:
        known = await in_thread(engine.accounts.ticket_open, ticket)
        return _back('/login/code' if known else '/login', error, form['next'])
    answer = _welcome(request, token, form['next'])
    answer.delete_cookie(HALFWAY, path='/login')
    return answer


@router.post('/setup')
async def set_up(engine: Door, request: Request) -> RedirectResponse:
    """Take the form of the first start: code, password, next."""
    form = await _form(request)
    loopback = request.app.state.trusts_machine and from_loopback(request.scope)

    def create() -> str:
        return engine.accounts.create_first_user(
            form['code'],
            form['password'],
            loopback=loopback,
            address=address(request.scope),
            browser=browser(request),
        )

    try:
        token = await to_thread.run_sync(create, limiter=request.app.state.login_limiter)
    except Conflict:
        return RedirectResponse('/login', 303)
    except PlumbusError as error:
        return _back('/setup', error, form['next'])
    return _welcome(request, token, form['next'])


@router.get('/window')
async def open_window(engine: Door, request: Request, secret: str = '') -> RedirectResponse:
    """Let the desktop window in, by the secret that it alone was given."""
    if not from_loopback(request.scope):
        return RedirectResponse('/login', 303)

    def enter() -> str:
        return engine.accounts.enter_window(secret[:200], address(request.scope), browser(request))

    try:
        token = await in_thread(enter)
    except NotLoggedIn:
        return RedirectResponse('/login', 303)
    return _welcome(request, token, '/')


@router.post('/logout')
async def log_out(engine: Door, request: Request) -> RedirectResponse:
    """End the session."""
    await in_thread(engine.accounts.logout, cookie(request.scope))
    answer = RedirectResponse('/login', 303)
    answer.delete_cookie(COOKIE, path='/')
    return answer


def browser(request: Request) -> str:
    """Given a request, return what the program that sent it calls itself."""
    return request.headers.get('user-agent', '')


def local_path(wanted: str) -> str:
    """Given where to go after the login, return it if it is a path of ours, else the dashboard."""
    safe = wanted.startswith('/') and not wanted.startswith(('//', '/\\')) and wanted.isprintable()
    return wanted if safe else '/'


async def _form(request: Request) -> dict[str, str]:
    body = await limited_body(request)
    typed = parse_qs(body.decode('ascii', 'replace'), keep_blank_values=True, max_num_fields=20)
    return {name: typed.get(name, [''])[0] for name in ('username', 'password', 'code', 'next')}


def _welcome(request: Request, token: str, wanted: str) -> RedirectResponse:
    answer = RedirectResponse(quote(local_path(wanted), safe='/?&=%#'), 303)
    answer.set_cookie(
        COOKIE, token, max_age=int(request.app.state.session_days * 86_400), path='/', httponly=True, samesite='lax',
        secure=request.url.scheme == 'https',
    )  # fmt: skip
    return answer


def _halfway(request: Request, ticket: str, wanted: str) -> RedirectResponse:
    following = f'?next={quote(wanted)}' if local_path(wanted) == wanted != '/' else ''
    answer = RedirectResponse(f'/login/code{following}', 303)
    answer.set_cookie(
        HALFWAY, ticket, max_age=int(TICKET_S), path='/login', httponly=True, samesite='strict',
        secure=request.url.scheme == 'https',
    )  # fmt: skip
    return answer


def refusal(error: PlumbusError) -> str:
    """Given why somebody was not let in, return its code: 1 (a wrong password or code), wait-SECONDS, password, or failed."""
    if isinstance(error, TooManyTries):
        return f'wait-{error.seconds}'
    if isinstance(error, NotLoggedIn):
        return '1'
    return 'password' if isinstance(error, InvalidInput) else 'failed'


def _back(page: str, error: PlumbusError, wanted: str) -> RedirectResponse:
    following = f'&next={quote(wanted)}' if local_path(wanted) == wanted != '/' else ''
    return RedirectResponse(f'{page}?error={refusal(error)}{following}', 303)
