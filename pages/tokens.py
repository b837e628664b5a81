"""API tokens: made, shown once, ended."""

from datetime import UTC, datetime

from nicegui import ui

from pages.calls import ask, praise, told
from pages.client_form import code_to_copy
from pages.frame import View, frame
from pages.live import Batch
from pages.missing import friendly
from pages.widgets.confirm import confirm, until_closed
from pages.widgets.empty import empty
from pages.widgets.fields import Form
from pages.widgets.listing import Cell, Column, Listing, Query, acts, slice_of, text, when
from pages.widgets.text import Text, box, button
from pages.wording import ago
from plumbus.engine import Engine
from plumbus.model import Page
from plumbus.services.tokens import Token

CRUMBS = [('Settings', '/settings')]
SCOPES = {
    'read': 'Read: look, as a viewer may',
    'run': 'Run: also run, verify and restore, as an operator may',
    'admin': 'Admin: everything',
}
ENDS: dict[int | None, str] = {30: 'In 30 days', 90: 'In 90 days', 365: 'In a year', None: 'Never'}


def register(engine: Engine) -> None:
    """Draw /tokens."""

    @ui.page('/tokens')
    async def tokens() -> None:
        async with (
            friendly(engine, '/settings'),
            frame(engine, 'API tokens', here='/settings', crumbs=CRUMBS, needs='tokens.all') as view,
        ):
            with box('card flush', 'section'):
                listing = TokenList(view)
            with view.head:
                ui.space()
                button('Make a token', 'primary', icon='o_add', on_click=listing.add)


class TokenList:
    """Every token with its scope, its end and its last use."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._columns = self._made()
        self._listing = Listing(
            self._columns, self._load, label='API tokens', on_act=self._act,
            nothing=lambda: empty('No token yet', 'Programs shake hands with a plumbus by its grumbo. Or with a token.'),
        )  # fmt: skip
        view.feed.on_action(self._changed, 'token.')
        view.feed.on(self._changed, 'token')  # one was used

    async def _changed(self, _: Batch) -> None:
        await self._listing.reload()

    def _made(self) -> list[Column[Token]]:
        zone = self._view.zone
        return [
            Column(name='name', label='Token', kind='main', cell=_named, key=lambda one: one.name.lower()),
            Column(name='scope', label='Scope', kind='text', cell=lambda one: text(one.scope), key=lambda one: one.scope),
            Column(name='ends', label='End', kind='when', cell=lambda one: _ends(one, self._view)),
            Column(name='used', label='Last used', kind='when', cell=lambda one: when(one.used_at, zone, 'never')),
            Column(name='made', label='Made', kind='when', cell=lambda one: when(one.created_at, zone)),
            Column(
                name='acts', label='', kind='acts', cell=lambda one: acts({'delete': ('o_delete', f'End {one.name}')})
            ),
        ]  # fmt: skip

    async def _load(self, query: Query) -> Page[Token]:
        return slice_of(await ask(self._view.engine.tokens.all), self._columns, query)

    async def _act(self, _act: str, number: int) -> None:
        with told():
            token = await ask(self._view.engine.tokens.get, number)
            if await confirm(
                f'End the token {token.name}?',
                ['Programs that use it are refused from now on.'],
                act='End it',
            ):
                await ask(self._view.engine.tokens.delete, number)
                praise('The token has ended.')
        await self._listing.reload()

    async def add(self) -> None:
        """Ask for name, scope and end of a new token, then show it."""
        form = Form()
        with (
            ui.context.client.content,
            ui.dialog().props('persistent') as dialog,
            box('dialog stack') as area,
        ):
            dialog.props['aria-label'] = 'Make a token'
            Text('Make a token', tag='h2')
            form.text('name', 'Name', hint='What it is for, like “home automation”.')
            form.choice('scope', 'Scope', SCOPES, 'read')
            form.choice('expires_days', 'Ends', ENDS, 365)
            with box('actions'):
                button('Cancel', on_click=dialog.close)
                button('Make it', 'primary', on_click=lambda: self._make(form, area, dialog))
        await until_closed(dialog)

    async def _make(self, form: Form, area: ui.element, dialog: ui.dialog) -> None:
        fields = form.values()
        with form.objections():
            made = await ask(self._view.engine.tokens.create, {**fields, 'name': fields['name'] or ''})
            area.clear()
            with area:
                Text(f'The token {made.token.name}', tag='h2')
                Text(
                    'Copy it now: it is shown this once, and PLUMBUS itself cannot tell it again.', 'sub', 'p'
                )
                code_to_copy(made.text)
                with box('actions'):
                    button('I have it', 'primary', on_click=dialog.close)
            await self._listing.reload()


def _named(one: Token) -> Cell:
    return text(one.name, f'made by {one.created_by}' if one.created_by else '')


def _ends(one: Token, view: View) -> Cell:
    if one.expires_at and one.expires_at <= datetime.now(UTC):
        return text(f'ended {ago(one.expires_at)}')
    return when(one.expires_at, view.zone, 'never')
