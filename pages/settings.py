"""Settings: the way to people and programs, PLUMBUS's key, the disk of the snapshots, and what PLUMBUS is."""

from nicegui import ui

from pages.calls import ask, told
from pages.client_form import code_to_copy
from pages.frame import View, frame
from pages.live import Batch
from pages.memory import memory
from pages.notifications import draw_notifications
from pages.widgets.empty import skeleton
from pages.widgets.storage import draw_storage
from pages.widgets.text import Text, box, card, link
from plumbus.engine import Engine
from plumbus.services.secrets import LostSecret

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
                    if view.may('secrets.lost'):
                        _draw_secrets(view)
                    _draw_people(view)
                    _draw_key(view)
                    if view.may('notifications.all'):
                        draw_notifications(view)
                    _draw_about(view)
                with box('stack'):
                    _draw_storage(view)
                    _draw_facts(view)


PEOPLE = (
    ('Your account', '/account', 'o_manage_accounts', 'Password, second factor, where you are logged in', ''),
    ('Users', '/users', 'o_group', 'Who may log in, and as what', 'users.all'),
    ('API tokens', '/tokens', 'o_vpn_key', 'For scripts and other programs', 'tokens.all'),
    ('Audit log', '/audit', 'o_policy', 'Who did what, from where and when', 'audit.page'),
)


def _draw_people(view: View) -> None:
    with card('People and programs', classes='stack near'):
        for words, target, icon, what, needs in PEOPLE:
            if needs and not view.may(needs):
                continue
            with box('row-line'):
                ui.icon(icon, size='20px')
                with box('stack tight grow'):
                    link(words, target, 'strong')
                    Text(what, 'sub small')


def _draw_secrets(view: View) -> None:
    """Tell what the secret key does not open any more; nothing if all is well."""
    area = box('stack')
    area.visible = False

    async def load() -> None:
        lost = await ask(view.engine.secrets.lost)
        area.clear()
        area.visible = bool(lost)
        if not lost:
            return
        with area, card('Lost secrets', classes='stack near'):
            Text('The secret key is another than when these were stored. Put back keys/secret.key or PLUMBUS_SECRET_KEY as it was, '
                 'or enter them again:', 'trouble', 'p')  # fmt: skip
            with box(tag='ul'):
                for one in lost:
                    with box(tag='li'):
                        _draw_lost(one)

    async def changed(_: Batch) -> None:
        await load()

    ui.timer(0, load, once=True)
    view.feed.on(changed, 'client', 'job', 'notification')


def _draw_lost(one: LostSecret) -> None:
    if one.noun == 'client':
        link(one.whose, f'/clients/{one.id}/edit')
    else:
        Text(one.whose, 'strong')
    Text(f': {one.name}')


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

    async def changed(_: Batch) -> None:
        await load()

    ui.timer(0, load, once=True)
    view.feed.on(changed, 'backup')


def _draw_facts(view: View) -> None:
    settings = view.engine.settings
    facts = {
        'Data': str(settings.data_dir),
        'Verified each night': f'{settings.verify_share:g} % of what the snapshots take, from {settings.verify_hour:02}:00'
        if settings.verify_share
        else 'nothing',
        'At once': f'{settings.max_parallel} backups at most',
        'Time zone': str(settings.zone),
    }
    with card('This server'), box('facts', 'dl'):
        for name, value in facts.items():
            Text(name, tag='dt')
            Text(value, tag='dd')
        Text('API', tag='dt')
        with box(tag='dd'):
            link('described at /api/docs', '/api/docs')


def _draw_about(view: View) -> None:
    with card('About', classes='stack near'), box('row-line top'):
        box(tag='img').props('src=/static/logo.svg alt="A plumbus" width=72 height=72')
        with box('stack near'):
            Text(f'PLUMBUS {view.engine.system.version}', 'strong', 'p')
            Text('Persistent Linux Unified Multi-device Backup & Update System', 'p', 'p')
            Text(HOW_ITS_MADE, 'sub', 'p')
