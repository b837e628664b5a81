"""One client: how to reach it, its jobs, its history; test, edit, delete."""

from contextlib import suppress

from nicegui import ui

from pages.browse.place import Place, address
from pages.calls import ask, told
from pages.frame import View, frame
from pages.jobs import JobList
from pages.live import Batch
from pages.missing import friendly, number_in
from pages.widgets.confirm import confirm, confirm_with
from pages.widgets.history import Filters, history
from pages.widgets.meanwhile import Meanwhile
from pages.widgets.test_result import draw_test
from pages.widgets.text import Text, box, button, button_link, card
from pages.wording import plural, size
from plumbus.engine import Engine
from plumbus.errors import NotFound
from plumbus.model import Client, ConnectionTest


def register(engine: Engine) -> None:
    """Draw /clients/ID."""

    @ui.page('/clients/{client_id}')
    async def client_page(client_id: str) -> None:
        async with friendly(engine, '/clients'):
            client = await ask(engine.clients.get, number_in(client_id))
            async with frame(engine, client.name, here='/clients', crumbs=[('Clients', '/clients')]) as view:
                ClientPage(view, client)


class ClientPage:
    """The page of one client."""

    def __init__(self, view: View, client: Client) -> None:
        self._view, self._client = view, client
        Meanwhile(view, 'client', client, view.engine.clients.get, back='/clients')
        self._draw_head()
        with card('Connection', classes='stack near'):
            self._facts = box('facts', 'dl')
            self._draw_facts()
            self._result = box()
        with box('card flush', 'section'):
            with box('card-head'):
                Text('Jobs', tag='h2')
                ui.space()
                view.offer(
                    'jobs.create', button_link('Add a job', f'/jobs/new?client={client.id}', icon='o_add')
                )
            JobList(view, client.id)
        with box('card flush', 'section'):
            with box('card-head'):
                Text('Backups', tag='h2')
            history(view, Filters(client_id=client.id), whose='client')
        view.feed.on(self._changed, 'client')

    async def _changed(self, batch: Batch) -> None:
        if batch.touches_one('client', self._client.id):
            with suppress(NotFound):  # the notice tells
                self._client = await ask(self._view.engine.clients.get, self._client.id)
                self._view.rename(self._client.name)
                self._draw_facts()

    def _draw_head(self) -> None:
        with self._view.head:
            ui.space()
            offer, target = self._view.offer, f'/clients/{self._client.id}/edit'
            self._test_button = offer('clients.test', button('Test', icon='o_lan', on_click=self._test))
            button_link('Browse & restore', address(Place(client=self._client.id)), icon='o_folder_open')
            offer('clients.update', button_link('Edit', target, icon='o_edit'))
            offer('clients.delete', button('Delete', icon='o_delete', on_click=self._delete))

    def _draw_facts(self) -> None:
        client = self._client
        login = (
            'with a stored password'
            if client.auth_method == 'password'
            else 'with a stored key'
            if client.has_private_key
            else 'with a key file'
            if client.key_path
            else 'with PLUMBUS’s key'
        )
        facts = {
            'Address': f'{client.host}, port {client.port}',
            'Login': f'{client.username}, {login}{", using sudo" if client.use_sudo else ""}',
            'Host key': client.host_key or 'not seen yet; the first test pins it',
        }
        self._facts.clear()
        with self._facts:
            if client.lost_secrets:
                Text('Lost', 'trouble', 'dt')
                lost = ' and '.join(name.replace('_', ' ') for name in client.lost_secrets)
                Text(
                    f'The secret key is another than when the {lost} was stored. Enter it again: Edit.',
                    'trouble',
                    'dd',
                )
            for name, value in facts.items():
                Text(name, tag='dt')
                Text(value, 'mono' if value.startswith('SHA256:') else '', 'dd')

    async def _test(self) -> None:
        self._test_button.props('loading')
        try:
            with told():
                result = await ask(self._view.engine.clients.test, self._client.id)
                self._client = await ask(self._view.engine.clients.get, self._client.id)
                self._show(result)
        finally:
            self._test_button.props(remove='loading')

    def _show(self, result: ConnectionTest) -> None:
        self._draw_facts()
        self._result.clear()
        with self._result:
            draw_test(result, self._client.host_key)
            if result.host_key and result.host_key.status == 'changed':
                fingerprint = result.host_key.fingerprint
                trusting = button(
                    'Trust the new key …', icon='o_key', on_click=lambda: self._trust(fingerprint)
                )
                self._view.offer('clients.trust', trusting)

    async def _trust(self, fingerprint: str) -> None:
        question = f'Trust {fingerprint} from now on?'
        losses = [
            (
                f'The key pinned so far, {self._client.host_key}, is forgotten. Only do this if the machine was set up anew, or its key '
                'was changed on purpose.'
            )
        ]
        if await confirm(question, losses, act='Trust it', keep='No'):
            with told():
                await ask(self._view.engine.clients.trust, self._client.id, fingerprint)
                await self._test()

    async def _delete(self) -> None:
        engine, client = self._view.engine, self._client
        with told():
            jobs = await ask(engine.jobs.all, client.id)
            kept = await ask(engine.backups.page, client_id=client.id, limit=1000)
            stored = sum(backup.disk_bytes for backup in kept.items)
            losses = [
                f'The client {client.name}',
                f'{plural(len(jobs), "job")} and {plural(kept.total, "record")} of backups',
            ]
            with_data = await confirm_with(
                f'Delete {client.name}?',
                losses,
                f'Delete its snapshots on disk too (about {size(stored)}); otherwise they stay',
            )
            if with_data is not None:
                await ask(engine.clients.delete, client.id, cascade=True, delete_data=with_data)
                ui.navigate.to('/clients')
