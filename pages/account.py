"""Your account: the password, the second factor, and where you are logged in."""

from nicegui import ui

from pages.calls import ask, praise, told
from pages.frame import View, frame
from pages.live import Batch
from pages.second_factor import SecondFactorCard
from pages.widgets.fields import Form
from pages.widgets.text import Text, box, button, card, titled
from pages.widgets.when import When
from pages.wording import exact
from plumbus.engine import Engine
from plumbus.errors import InvalidInput
from plumbus.model import Scope
from plumbus.services.sessions import SessionView
from plumbus.services.users import LOCAL

ROLES = {
    Scope.READ: 'You are a viewer: you may look at everything but the contents of files.',
    Scope.RUN: 'You are an operator: you may look, run and verify backups, and restore to the original place.',
    Scope.ADMIN: 'You are an admin: you may do everything.',
}
BROWSERS = ('Firefox', 'Edg', 'OPR', 'Chrome', 'Safari', 'curl', 'python')  # the first that is named counts
SYSTEMS = ('Android', 'iPhone', 'iPad', 'Windows', 'Macintosh', 'Linux')
PLAIN_NAMES = {'Edg': 'Edge', 'OPR': 'Opera', 'Macintosh': 'Mac'}


def register(engine: Engine) -> None:
    """Draw /account."""

    @ui.page('/account')
    async def account() -> None:
        async with frame(engine, 'Your account', here='/account') as view:
            with box('halves'):
                with box('stack'):
                    _draw_who(view)
                    if view.user != LOCAL:
                        PasswordCard(view)
                with box('stack'):
                    if view.user != LOCAL:
                        SecondFactorCard(view)
                    SessionsCard(view)


class PasswordCard:
    """Changes the password of who is logged in."""

    def __init__(self, view: View) -> None:
        self._view, self._form = view, Form()
        with card('Password', classes='stack'):
            self._form.text('old', 'Present password', secret=True, autocomplete='current-password')
            self._form.text(
                'new',
                'New password',
                secret=True,
                autocomplete='new-password',
                hint='At least 8 characters. Other browsers are logged out.',
            )
            self._form.text('again', 'New password again', secret=True, autocomplete='new-password')
            with box('actions end'):
                button('Change the password', 'primary', on_click=self._change)

    async def _change(self) -> None:
        form = self._form
        with form.objections():
            if form['new'] != form['again']:
                raise InvalidInput({'again': 'is not the same as the new password'})
            change = self._view.engine.accounts.change_password
            await ask(change, self._view.user, form['old'], form['new'], keep_token=self._view.token)
            praise('The password is changed.')
            for name in ('old', 'new', 'again'):
                form.element(name).value = ''


class SessionsCard:
    """Where the user is logged in, each with a button that ends it."""

    def __init__(self, view: View) -> None:
        self._view = view
        with card('Where you are logged in', classes='stack near'):
            self._area = box('stack near')
        self._used: dict[int, When] = {}
        ui.timer(0, self._load, once=True)
        view.feed.on(self._changed, 'session')  # one was used
        view.feed.on_action(self._changed, 'login', 'logout', 'session.', 'user.')

    async def _changed(self, _: Batch) -> None:
        await self._load()

    async def _load(self) -> None:
        accounts = self._view.engine.accounts
        with told():
            found = await ask(accounts.own_sessions, self._view.user, self._view.token)
            if [session.id for session in found] != list(self._used):
                self._area.clear()
                with self._area:
                    self._used = {session.id: self._drawn(session) for session in found}
            for session in found:
                self._used[session.id].show(session.used_at)

    def _drawn(self, session: SessionView) -> When:
        """Draw a login; return what tells when it was used."""
        name = browser_in(session.browser)
        with box('row-line'):
            ui.icon('o_phone_android' if 'Android' in name or 'iPhone' in name else 'o_computer', size='20px')
            with box('stack tight grow'):
                titled(Text(name, 'strong'), session.browser)
                with box('sub small'):
                    since = f'since {exact(session.created_at, self._view.zone)}'
                    titled(Text(session.address or 'unknown address'), since)
                    Text(' · used ')
                    used = When(session.used_at, self._view.zone)
            if session.present:
                Text('this one', 'sub')
            else:
                ending = button('End', on_click=lambda: self._end(session))
                ending.props['aria-label'] = f'End the login of {name}'
        return used

    async def _end(self, session: SessionView) -> None:
        with told():
            await ask(self._view.engine.accounts.end_session, self._view.user, session.id)
            praise('That login has ended.')
        await self._load()


def browser_in(agent: str) -> str:
    """Given what a browser calls itself, return it in two words."""
    program = next((name for name in BROWSERS if name in agent), '')
    system = next((name for name in SYSTEMS if name in agent), '')
    words = [PLAIN_NAMES.get(name, name) for name in (program, system) if name]
    return ' on '.join(words) if words else 'A browser'


def _draw_who(view: View) -> None:
    with card('You', classes='stack near'):
        Text(view.user, 'strong', 'p')
        Text(ROLES[view.actor.scope], 'sub', 'p')
