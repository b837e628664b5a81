"""The fields of a client: address, login, and the rarely needed rest. Used when adding and when editing one."""

from typing import Any

from nicegui import ui

from pages.calls import ask, praise
from pages.frame import View
from pages.live import Batch
from pages.memory import memory
from pages.widgets.fields import Form
from pages.widgets.text import Text, box, button
from plumbus.errors import InvalidInput
from plumbus.model import Client

LOGINS = {
    'key': 'PLUMBUS’s own key (recommended)',
    'install': 'Password once, to install that key',
    'password': 'Password, kept encrypted',
    'private_key': 'Another private key, pasted here',
    'key_path': 'A key file on this server',
}
LOGIN_FIELDS = ('password', 'private_key', 'key_path')
NEEDED = {'install': 'password', 'private_key': 'private_key', 'key_path': 'key_path'}


class ClientForm:
    """Draws the fields; `fields` gives them by the engine's names, `password_once` the password that is not kept.

    What is chosen holds: stored secrets that it does not need are forgotten.
    """

    def __init__(self, view: View, client: Client | None, others: list[Client]) -> None:
        self._engine, self._client = view.engine, client
        self.form = Form()
        self._draw_address()
        self._draw_login()
        self._draw_more(others)
        view.feed.on(self._clients_changed, 'client')

    @property
    def password_once(self) -> str | None:
        """The password that only installs the key, if that way was chosen."""
        return (self.form['password'] or None) if self.form['login'] == 'install' else None

    def fields(self) -> dict[str, Any]:
        """Return what is to be stored, by the names of the engine. Raise InvalidInput if the login lacks what it needs."""
        entered = self._entered()
        login = entered.pop('login')
        kept = self._keeps(login)
        if login in NEEDED and not entered[NEEDED[login]] and not kept:
            raise InvalidInput({NEEDED[login]: 'is needed for this login'})
        if login == 'install' and self._client:  # until the key is there, the login stays what it was
            return {name: value for name, value in entered.items() if name not in LOGIN_FIELDS}
        entered['auth_method'] = 'password' if login == 'password' else 'key'
        for name in ('password', 'private_key', 'key_path'):
            entered[name] = entered[name] if login == name else None
        entered['forget_secrets'] = bool(entered['password'] or entered['private_key'] or not kept)
        return entered

    def fields_to_test(self) -> dict[str, Any]:
        """Return the same with the password that is not kept."""
        if self.form['login'] != 'install':
            return self.fields()
        return {**self.fields(), 'auth_method': 'password', 'password': self.password_once}

    def _keeps(self, login: str) -> bool:
        client = self._client
        stored = {'password': client.has_password, 'private_key': client.has_private_key} if client else {}
        return stored.get(login, False)

    def _entered(self) -> dict[str, Any]:
        entered = self.form.values()
        return {**entered, 'name': entered['name'] or entered['host']}

    def _draw_address(self) -> None:
        known = self._client
        with box('fields'):
            self.form.text(
                'host',
                'Address',
                known.host if known else '',
                hint='Host name or IP address',
                placeholder='pi.local',
            )
            self.form.text(
                'name',
                'Name',
                known.name if known else '',
                hint='What you call it; the address if left empty',
            )
        with box('fields'):
            self.form.text(
                'username',
                'Login name',
                known.username if known else '',
                hint='A user of that machine',
                placeholder='pi',
                autocapitalize='off',
            )
            self.form.number('port', 'SSH port', known.port if known else 22, low=1, high=65535)

    def _draw_login(self) -> None:
        kept = bool(self._client and (self._client.has_password or self._client.has_private_key))
        self.form.choice('login', 'How to log in', LOGINS, _login_of(self._client))
        self._own_key = box('panel stack near')
        with self._own_key:
            self._command_area = box('stack near')
        hint = 'Leave it empty to keep the stored one.' if kept else ''
        with box() as self._password:
            self.form.text(
                'password', 'Password of that login', '', secret=True, hint=hint, autocomplete='new-password'
            )
        with box() as self._private_key:
            self.form.area(
                'private_key',
                'Private key',
                '',
                hint=hint or 'PEM or OpenSSH text, without a passphrase; kept encrypted.',
            ).classes('patterns')
        with box() as self._key_path:
            self.form.text(
                'key_path',
                'Path of the key file',
                (self._client.key_path if self._client else '') or '',
                placeholder='/home/me/.ssh/id_ed25519',
            )
        self.form.element('login').on_value_change(self._arrange)
        self._arrange()
        ui.timer(0, self._load_command, once=True)

    def _draw_more(self, others: list[Client]) -> None:
        known = self._client
        with box('stack tight'):
            self.form.switch(
                'use_sudo',
                'Use sudo on the client, to read what only root may read',
                bool(known and known.use_sudo),
            )
            Text(
                'Needs a sudo rule without password for rsync; the test says how to get it.', 'sub small', 'p'
            )
        jumps = self._jumps(others)
        with box('fields'):
            self.form.choice('jump_client_id', 'Reach it', jumps, known.jump_client_id if known else None)
            self.form.number(
                'max_parallel',
                'Backups at once',
                known.max_parallel if known else None,
                hint=f'Empty: {self._engine.settings.client_parallel}',
                low=1,
                high=100,
                optional=True,
            )

    def _jumps(self, others: list[Client]) -> dict[int | None, str]:
        own = self._client.id if self._client else None
        return {None: 'Directly', **{one.id: f'Through {one.name}' for one in others if one.id != own}}

    async def _clients_changed(self, _: Batch) -> None:
        select, jumps = self.form.element('jump_client_id'), self._jumps(await ask(memory().clients))
        select.set_options(jumps, value=select.value if select.value in jumps else None)

    def _arrange(self) -> None:
        login = self.form['login']
        self._own_key.visible = login == 'key'
        self._password.visible = login in {'install', 'password'}
        self._private_key.visible, self._key_path.visible = login == 'private_key', login == 'key_path'

    async def _load_command(self) -> None:
        key = await ask(self._engine.system.public_key)
        with self._command_area:
            Text('Run this once on the client, as the login above:', 'small')
            code_to_copy(key.install_command)
            with ui.expansion('Other ways in').classes('near'):
                Text(
                    'All files of the machine: an admin of it runs this. It makes a user “plumbus” for PLUMBUS alone, that may run rsync '
                    'as root and nothing else. Enter plumbus as the login above, and switch on sudo.',
                    'small',
                )
                code_to_copy(key.dedicated_command)
                Text('Rsync and nothing else, with the files that the login above can read:', 'small')
                code_to_copy(key.rsync_command)


def code_to_copy(code: str) -> None:
    """Show a line to be pasted elsewhere, with a button that copies it."""

    def copy() -> None:
        ui.clipboard.write(code)
        praise('Copied.')

    Text(code, 'code mono', 'code')
    with box('actions'):
        button('Copy', 'plain', icon='o_content_copy', on_click=copy)


def _login_of(client: Client | None) -> str:
    if client is None:
        return 'key'
    if client.auth_method == 'password':
        return 'password'
    return 'private_key' if client.has_private_key else 'key_path' if client.key_path else 'key'
