"""Changing a client, with a test before or after saving."""

from nicegui import ui

from pages.calls import ask, praise
from pages.client_form import ClientForm
from pages.frame import View, frame
from pages.missing import friendly, number_in
from pages.widgets.meanwhile import Meanwhile
from pages.widgets.text import box, button, button_link, card
from plumbus.engine import Engine
from plumbus.model import Client


def register(engine: Engine) -> None:
    """Draw /clients/ID/edit."""

    @ui.page('/clients/{client_id}/edit')
    async def edit_client(client_id: str) -> None:
        async with friendly(engine, '/clients'):
            client = await ask(engine.clients.get, number_in(client_id))
            others = await ask(engine.clients.all)
            crumbs = [('Clients', '/clients'), (client.name, f'/clients/{client.id}')]
            async with frame(
                engine, f'Edit {client.name}', here='/clients', crumbs=crumbs, needs='clients.update'
            ) as view:
                ClientEditor(view, client, others)


class ClientEditor:
    """The form, and saving it with the revision it was opened with."""

    def __init__(self, view: View, client: Client, others: list[Client]) -> None:
        self._view, self._client = view, client
        self._meanwhile = Meanwhile(
            view, 'client', client, view.engine.clients.get, back='/clients', edited=True
        )
        with card(classes='stack form-card'):
            self._form = ClientForm(view, client, others)
            with box('actions end'):
                button_link('Cancel', f'/clients/{client.id}')
                button('Save', 'primary', icon='o_check', on_click=self._save)

    async def _save(self) -> None:
        engine = self._view.engine
        with self._form.form.objections():
            fields = {**self._form.fields(), 'revision': self._client.revision}
            self._client = await ask(engine.clients.update, self._client.id, fields)
            self._meanwhile.mine(self._client)
            if self._form.password_once:
                await ask(engine.clients.install_key, self._client.id, self._form.password_once)
            praise('Saved.')
            ui.navigate.to(f'/clients/{self._client.id}')
