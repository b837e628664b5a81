"""Adding a client in three steps: address and login, test and trust, a first job."""

import asyncio
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from pages.calls import ask
from pages.client_form import ClientForm
from pages.frame import View, frame
from pages.missing import friendly
from pages.widgets.test_result import draw_test
from pages.widgets.text import Text, box, button, button_link, card, focus
from plumbus.engine import Engine
from plumbus.errors import ClientError
from plumbus.model import Client, ConnectionTest

STEPS = ('Address and login', 'Test and trust', 'First job')
WORTH_SAVING = {
    '/etc': 'the configuration of the machine',
    '/home': 'everyone’s files',
    '/root': 'the files of root',
    '/srv': 'data of services',
    '/opt': 'programs installed by hand',
    '/var/www': 'websites',
    '/var/lib/docker/volumes': 'the data of Docker containers',
}
SUGGESTED = {'/etc', '/home'}


def register(engine: Engine) -> None:
    """Draw /clients/new."""

    @ui.page('/clients/new')
    async def add_client() -> None:
        async with friendly(engine, '/clients'):
            others, crumbs = await ask(engine.clients.all), [('Clients', '/clients')]
            async with frame(
                engine, 'Add a client', here='/clients', crumbs=crumbs, needs='clients.create'
            ) as view:
                Wizard(view, others)


class Wizard:
    """The three steps; only the present one is seen, what was entered stays."""

    def __init__(self, view: View, others: list[Client]) -> None:
        self._view = view
        self._saved: Client | None = None
        self._steps = box('steps', 'ol')
        self._panes = [_pane(words) for words in STEPS]
        with self._panes[0]:
            self._form = ClientForm(view, None, others)
            with box('actions end'):
                button_link('Cancel', '/clients')
                self._test_button = button(
                    'Test the connection', 'primary', icon='o_lan', on_click=self._test
                )
        self._go(0)

    def _go(self, step: int) -> None:
        for index, pane in enumerate(self._panes):
            pane.visible = index == step
        if self._steps.slots[
            'default'
        ].children:  # not when the page is opened: the keyboard begins at its top
            focus(self._panes[step])
        self._steps.clear()
        with self._steps:
            for index, words in enumerate(STEPS):
                self._mark(index, words, step)

    def _mark(self, index: int, words: str, step: int) -> None:
        with box('done' if index < step else '', 'li') as item:
            if index == step:
                item.props['aria-current'] = 'step'
            Text('✓' if index < step else str(index + 1), 'mark')
            Text(words)

    async def _test(self) -> None:
        self._test_button.props('loading')
        try:
            with self._form.form.objections():
                fields = self._form.fields()
                result = await ask(self._view.engine.clients.try_fields, self._form.fields_to_test())
                self._show_result(result, fields)
        finally:
            self._test_button.props(remove='loading')

    def _show_result(self, result: ConnectionTest, fields: dict[str, Any]) -> None:
        self._go(1)
        self._panes[1].clear()
        with self._panes[1]:
            Text(f'{fields["username"]}@{fields["host"]}', 'strong wrap-any', 'h2')
            draw_test(result)
            with box('actions end'):
                button('Back', icon='o_arrow_back', on_click=lambda: self._go(0))
                if result.success:
                    button(
                        'Trust and save',
                        'primary',
                        icon='o_check',
                        on_click=lambda: self._save(fields, result),
                    )
                else:
                    button('Save anyway', on_click=lambda: self._save(fields, None))
                    button('Test again', 'primary', icon='o_refresh', on_click=self._test)

    async def _save(self, fields: dict[str, Any], tested: ConnectionTest | None) -> None:
        engine = self._view.engine
        with self._form.form.objections():
            client = await self._keep(fields)
            if tested and tested.host_key:
                await ask(engine.clients.trust, client.id, tested.host_key.fingerprint)
                if self._form.password_once:
                    await ask(engine.clients.install_key, client.id, self._form.password_once)
                await self._suggest(client)
            else:
                ui.navigate.to(f'/clients/{client.id}')

    async def _keep(self, fields: dict[str, Any]) -> Client:
        # When what follows fails, the client is there already: the next try changes it.
        clients = self._view.engine.clients
        if self._saved is None:
            self._saved = await ask(clients.create, fields)
        else:
            self._saved = await ask(clients.update, self._saved.id, fields)
        return self._saved

    async def _suggest(self, client: Client) -> None:
        self._go(2)
        with self._panes[2]:
            Text(f'{client.name} is saved. What should be backed up from it?', 'strong wrap-any', 'p')
            waiting = Text('Having a look around …', 'sub', 'p')
            area = box('stack')
        found = await worth_saving(self._view.engine, client)
        waiting.delete()
        with area:
            FirstJob(client, found)


def _pane(words: str) -> ui.element:
    pane = card(classes='stack form-card')
    pane.props['aria-label'], pane.props['tabindex'] = words, '-1'
    return pane


class FirstJob:
    """Tick boxes for what was found; the job editor does the rest."""

    def __init__(self, client: Client, found: list[str]) -> None:
        self._client, self._ticks = client, dict[str, ui.checkbox]()
        with box('suggestions'):
            for path in found:
                self._ticks[path] = ui.checkbox(f'{path}: {WORTH_SAVING[path]}', value=path in SUGGESTED)
        if not found:
            Text('Choose the folders yourself in the next step.', 'sub', 'p')
        with box('actions end'):
            button_link('Later', f'/clients/{client.id}')
            button('Set up the job', 'primary', icon='o_arrow_forward', on_click=self._go_on)

    def _go_on(self) -> None:
        paths = [path for path, tick in self._ticks.items() if tick.value]
        ui.navigate.to(f'/jobs/new?{urlencode({"client": self._client.id, "path": paths}, doseq=True)}')


async def worth_saving(engine: Engine, client: Client) -> list[str]:
    """Given a client, return those well-known folders that it has and that can be read."""
    parents = ('/', '/var', '/var/lib/docker') if client.use_sudo else ('/', '/var')
    listings = await asyncio.gather(*[_folders(engine, client, parent) for parent in parents])
    there = {path for listing in listings for path in listing}
    return [path for path in WORTH_SAVING if path in there]


async def _folders(engine: Engine, client: Client, path: str) -> list[str]:
    try:
        files = await ask(engine.clients.browse, client.id, path)
    except ClientError:  # a folder that is not there is no suggestion
        return []
    return [file.path for file in files if file.is_dir and file.readable]
