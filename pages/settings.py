"""Settings: PLUMBUS's key, the password, the disk of the snapshots, and what PLUMBUS is."""

from nicegui import ui

from pages.calls import ask, praise, told
from pages.client_form import code_to_copy
from pages.frame import View, frame
from pages.memory import memory
from pages.notifications import draw_notifications
from pages.widgets.empty import skeleton
from pages.widgets.fields import Form
from pages.widgets.storage import draw_storage
from pages.widgets.text import Text, box, button, card
from plumbus.engine import Engine
from plumbus.errors import InvalidInput

LOCAL = 'local'  # who sits before a desktop window; it asks for no password
HOW_ITS_MADE = (
    'Everyone has a PLUMBUS in their home. First they take the dinglebop and smooth it out with a bunch of schleem. '
    'The schleem is then repurposed for later snapshots. They take the dinglebop and push it through the grumbo, where the '
    'fleeb is rubbed against it. It is important that the fleeb is rubbed, because the fleeb has all of the fleeb juice.'
)


def register(engine: Engine) -> None:
    """Draw /settings."""

    @ui.page('/settings')
    async def settings() -> None:
        async with frame(engine, 'Settings', here='/settings') as view:
            with box('halves'):
                with box('stack'):
                    _draw_key(view)
                    if view.may('notifications.all'):
                        draw_notifications(view)
                    _draw_about(view)
                with box('stack'):
                    if view.user != LOCAL:
                        PasswordCard(view)
                    _draw_storage(view)
                    _draw_facts(view)


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


def _draw_key(view: View) -> None:
    with card('PLUMBUS’s own key', classes='stack near'):
        Text(
            'PLUMBUS logs in to clients with this key. Put it into authorized_keys of the login on each client, with this one line:',
            'sub',
            'p',
        )
        area = box('stack near')

    async def load() -> None:
        key = await ask(view.engine.system.public_key)
        with area:
            code_to_copy(key.install_command)
            Text('The key alone:', 'sub small', 'p')
            code_to_copy(key.public_key)

    ui.timer(0, load, once=True)


def _draw_storage(view: View) -> None:
    engine = view.engine
    with card('Storage', classes='stack near'):
        area = box('stack near')
    with area:
        skeleton(4)

    async def load() -> None:
        with told():
            storage = await ask(engine.system.storage)
            stats = await ask(memory().recall, 'stats', engine.system.stats)
            area.clear()
            with area:
                draw_storage(storage, stats, engine.settings.disk_reserve_percent)

    ui.timer(0, load, once=True)


def _draw_facts(view: View) -> None:
    settings = view.engine.settings
    facts = {
        'Data': str(settings.data_dir),
        'Verified each night': f'{settings.verify_share:g} % of what the snapshots take, from {settings.verify_hour:02}:00'
        if settings.verify_share
        else 'nothing',
        'At once': f'{settings.max_parallel} backups at most',
        'Time zone': str(settings.zone),
        'API': 'described at /api/docs',
    }
    with card('This server'), box('facts', 'dl'):
        for name, value in facts.items():
            Text(name, tag='dt')
            Text(value, tag='dd')


def _draw_about(view: View) -> None:
    with card('About', classes='stack near'), box('row-line top'):
        box(tag='img').props('src=/static/logo.svg alt="A plumbus" width=72 height=72')
        with box('stack near'):
            Text(f'PLUMBUS {view.engine.system.version}', 'strong', 'p')
            Text('Persistent Linux Unified Multi-device Backup & Update System', 'p', 'p')
            Text(HOW_ITS_MADE, 'sub', 'p')
