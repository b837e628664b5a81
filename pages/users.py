"""The users: who may log in, as what; added, changed and deleted by an admin."""

from nicegui import ui

from pages.calls import ask, praise, told
from pages.frame import View, frame
from pages.live import Batch
from pages.missing import friendly
from pages.widgets.confirm import confirm, until_closed
from pages.widgets.empty import empty
from pages.widgets.fields import Form
from pages.widgets.listing import Cell, Column, Listing, Query, acts, slice_of, text, when
from pages.widgets.text import Text, box, button
from plumbus.engine import Engine
from plumbus.model import Page, Role
from plumbus.services.users import User

CRUMBS = [('Settings', '/settings')]
ROLES = {
    'viewer': 'Viewer: looks, reads no files',
    'operator': 'Operator: runs, verifies, restores to the original place',
    'admin': 'Admin: does everything',
}


def register(engine: Engine) -> None:
    """Draw /users."""

    @ui.page('/users')
    async def users() -> None:
        async with (
            friendly(engine, '/settings'),
            frame(engine, 'Users', here='/settings', crumbs=CRUMBS, needs='users.all') as view,
        ):
            with box('card flush', 'section'):
                listing = UserList(view)
            with view.head:
                ui.space()
                button('Add a user', 'primary', icon='o_person_add', on_click=listing.add)


class UserList:
    """Everybody who can log in."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._columns = self._made()
        self._listing = Listing(
            self._columns, self._load, label='Users', sort='name', on_act=self._act,
            nothing=lambda: empty('Nobody can log in', 'Even a plumbus knows its owner.'),
        )  # fmt: skip
        view.feed.on_action(self._changed, 'user.', 'login')

    async def _changed(self, _: Batch) -> None:
        await self._listing.reload()

    def _made(self) -> list[Column[User]]:
        zone = self._view.zone
        return [
            Column(name='name', label='User', kind='main', cell=self._named, key=lambda one: one.username),
            Column(
                name='role', label='Role', kind='text', cell=lambda one: text(one.role.capitalize()), key=lambda one: one.role
            ),
            Column(name='factor', label='Second factor', kind='text', cell=lambda one: text('on' if one.has_second_factor else '')),
            Column(
                name='login', label='Last login', kind='when', cell=lambda one: when(one.last_login, zone, 'never'),
                key=lambda one: str(one.last_login or ''),
            ),
            Column(name='acts', label='', kind='acts', cell=self._acts),
        ]  # fmt: skip

    def _named(self, one: User) -> Cell:
        return text(one.username, 'you' if one.username == self._view.user else '')

    def _acts(self, one: User) -> Cell:
        possible = {
            'edit': ('o_edit', f'Change {one.username}'),
            'factor': ('o_phonelink_erase', f'Reset the second factor of {one.username}'),
            'delete': ('o_delete', f'Delete {one.username}'),
        }
        if not one.has_second_factor:
            del possible['factor']
        return acts(possible)

    async def _load(self, query: Query) -> Page[User]:
        return slice_of(await ask(self._view.engine.users.all), self._columns, query)

    async def _act(self, act: str, number: int) -> None:
        with told():
            user = await ask(self._view.engine.users.get, number)
            await {'edit': self._edit, 'factor': self._reset, 'delete': self._delete}[act](user)
        await self._listing.reload()

    async def add(self) -> None:
        """Ask for name, role and password of a new user."""
        await self._in_dialog(None)

    async def _edit(self, user: User) -> None:
        await self._in_dialog(user)

    async def _in_dialog(self, user: User | None) -> None:
        form, title = Form(), f'Change {user.username}' if user else 'Add a user'
        with ui.context.client.content, ui.dialog() as dialog, box('dialog stack'):
            dialog.props['aria-label'] = title
            Text(title, tag='h2')
            if user is None:
                form.text('username', 'User name', autocomplete='off', autocapitalize='off')
            form.choice('role', 'Role', ROLES, str(user.role if user else Role.VIEWER))
            form.text(
                'password', 'New password' if user else 'Password', secret=True, autocomplete='new-password',
                hint='Empty: it stays. Another one ends the logins of this user.' if user else 'At least 8 characters.',
            )  # fmt: skip
            with box('actions'):
                button('Cancel', on_click=dialog.close)
                button('Save', 'primary', on_click=lambda: self._save(form, user, dialog))
        await until_closed(dialog)

    async def _save(self, form: Form, user: User | None, dialog: ui.dialog) -> None:
        users, fields = self._view.engine.users, form.values()
        with form.objections():
            if user:
                await ask(users.update, user.id, {**fields, 'revision': user.revision})
            else:
                await ask(users.create, {name: value or '' for name, value in fields.items()})
            dialog.submit('saved')
            praise('Saved.')
            await self._listing.reload()

    async def _reset(self, user: User) -> None:
        losses = [
            'What the app shows works no more; the password alone is enough until it is set up anew.',
            'The user is logged out.',
        ]
        if await confirm(
            f'Reset the second factor of {user.username}?', losses, act='Reset it', keep='Leave it'
        ):
            await ask(self._view.engine.accounts.reset_second_factor, user.id)
            praise('The second factor is off.')

    async def _delete(self, user: User) -> None:
        losses = ['The user can log in no more and is logged out.', 'Tokens that the user made stay.']
        if await confirm(f'Delete {user.username}?', losses):
            await ask(self._view.engine.users.delete, user.id)
            praise(f'{user.username} is deleted.')
