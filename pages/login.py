"""Login and first start: plain forms, so that password managers and pages without a socket work."""

import re

from fastapi import Request
from fastapi.responses import RedirectResponse
from nicegui import ui

from pages import theme
from pages.calls import ask
from pages.widgets.fields import field, named
from pages.widgets.text import Text, box, button, link
from pages.wording import plural
from plumbus.engine import Engine

FORGOTTEN = 'Forgotten? Run “python main.py set-password” on the server.'
WAIT = re.compile(r'wait-([1-9]\d?)', re.ASCII)
SHORT = ('This password does not do.', 'Choose one of at least 8 characters.')
FAILED = ('That did not work.', 'Look into the log of PLUMBUS, then try again.')
# The codes that the POST routes lead back with: nothing from the address is shown.
LOGIN_ERRORS = {'1': ('That name and password do not belong together.', FORGOTTEN)}
CODE_ERRORS = {'1': ('The code is wrong, or was used already.', 'Wait for the next one of your app.')}
SETUP_ERRORS = {
    '1': ('The code is wrong.', 'It stands in the log of PLUMBUS since its last start.'),
    'password': SHORT,
}


def register(engine: Engine) -> None:
    """Draw /login and /setup; the answers are taken by the API's own routes of the same names."""

    @ui.page('/login', title='Log in · PLUMBUS')
    async def login(request: Request) -> RedirectResponse | None:
        if not await ask(engine.accounts.has_users):
            return RedirectResponse('/setup', 303)
        with _door('Welcome back', '/login', request):
            _line('User name', 'username', 'username', value='admin')
            _secret('Password', 'password', 'current-password')
            _error(request, LOGIN_ERRORS)
            button('Log in', 'primary').props('type=submit')
        return None

    @ui.page('/login/code', title='Log in · PLUMBUS')
    async def code(request: Request) -> None:
        with _door('One more step', '/login/code', request):
            Text('Type the six digits that your app shows, or one of your recovery codes.', 'sub', 'p')
            _line('Code', 'code', 'one-time-code', focus=True)
            _error(request, CODE_ERRORS)
            button('Log in', 'primary').props('type=submit')
            link('Begin again', '/login')

    @ui.page('/setup', title='First start · PLUMBUS')
    async def setup(request: Request) -> RedirectResponse | None:
        if await ask(engine.accounts.has_users):
            return RedirectResponse('/login', 303)
        with _door('Everyone needs a PLUMBUS', '/setup', request):
            Text('Choose the password of the user admin. Then you add your first client.', 'sub', 'p')
            if not getattr(request.state, 'loopback', False):
                _line(
                    'Code from the log', 'code', 'one-time-code', hint='PLUMBUS printed it when it started.'
                )
            _secret('New password', 'password', 'new-password', hint='At least 8 characters.')
            _error(request, SETUP_ERRORS)
            button('Set the password', 'primary').props('type=submit')
        return None


def local_target(wanted: str | None) -> str:
    """Given where to go after the login, return it if it is a path of ours, else the dashboard."""
    safe = wanted and wanted.startswith('/') and not wanted.startswith(('//', '/\\')) and wanted.isprintable()
    return wanted if wanted and safe else '/'


def _door(title: str, action: str, request: Request) -> ui.element:
    theme.apply('auto')
    with box('door'), box('card'):
        form = box('stack', 'form').props(f'method=post action={action}')
    with form:
        with box('row-line'):
            box(tag='img').props('src=/static/logo.svg alt=""')
            Text(title, tag='h1')
        hidden = box(tag='input').props('type=hidden name=next')
        hidden.props['value'] = local_target(request.query_params.get('next'))
    return form


def _line(
    label: str, name: str, complete: str, *, value: str = '', hint: str = '', focus: bool = False
) -> None:
    with field(label, hint):
        made = ui.input(value=value).props(f'name={name} autocomplete={complete} autocapitalize=off required')
    if focus:
        made.props('autofocus')
    named(made, label)


def _secret(label: str, name: str, complete: str, *, hint: str = '') -> None:
    with field(label, hint):
        made = ui.input(password=True, password_toggle_button=True)
        made.props(f'name={name} autocomplete={complete} autofocus required')
    named(made, label)


def _error(request: Request, known: dict[str, tuple[str, str]]) -> None:
    code = request.query_params.get('error')
    if not code:
        return
    message, remedy = _told(code, known)
    with box('panel stack tight').props('role=alert'):
        Text(message, 'trouble strong')
        Text(remedy, 'small sub')


def _told(code: str, known: dict[str, tuple[str, str]]) -> tuple[str, str]:
    if wait := WAIT.fullmatch(code):
        return 'There were too many wrong tries.', f'Try again in {plural(int(wait[1]), "second")}.'
    return known.get(code, FAILED)
