"""Where to restore to, and how: the fields of a restore as a person thinks of them."""

from typing import Any, Literal

from pages.browse.place import last_part
from pages.frame import View
from pages.widgets.choices import OneOf
from pages.widgets.fields import Form
from pages.widgets.text import Text, box
from pages.wording import literal
from plumbus.model import Backup, Client, Scope

Where = Literal['origin', 'folder', 'client', 'server']
WHERE: dict[Where, str] = {
    'origin': 'Its original place',
    'folder': 'Another folder',
    'client': 'Another client',
    'server': 'This server',
}

SAFETY = 'Keep a safety copy of what is overwritten or deleted'
DELETE = 'Delete what is in the folders there but not in the snapshot'


class TargetForm:
    """`fields` returns what the engine wants to know."""

    def __init__(self, view: View, backup: Backup, paths: list[str], clients: list[Client]) -> None:
        self._backup, self._paths = backup, paths
        self._base = view.engine.settings.restore_base
        others = {client.id: client.name for client in clients if client.id != backup.client_id}
        anywhere = view.actor.scope == Scope.ADMIN
        offered = self._offered(clients, others, anywhere=anywhere)
        self.form = Form()
        self._where: OneOf[Where] = OneOf(offered, next(iter(offered), 'origin'), 'Where to', self._arrange)
        self._words = Text('', 'sub wrap-any', 'p')
        with box('fields') as self._client_area:
            self.form.choice('client_id', 'Client', others, next(iter(others), None))
        with box('fields') as self._path_area:
            example = f'{self._base or "/srv"}/restored'
            self.form.text('restore_path', 'Folder', placeholder=example, autocomplete='off')
        with box('stack tight'):
            self.form.switch('safety_copy', SAFETY, value=True)
            self.form.switch('delete', DELETE, value=False).visible = anywhere
        self._arrange()

    def _offered(self, clients: list[Client], others: dict[int, str], *, anywhere: bool) -> dict[Where, str]:
        alive = any(client.id == self._backup.client_id for client in clients)
        possible: dict[Where, bool] = {
            'origin': alive,
            'folder': alive and anywhere,
            'client': bool(others) and anywhere,
            'server': self._base is not None and anywhere,
        }
        return {where: words for where, words in WHERE.items() if possible[where]}

    def fields(self) -> dict[str, Any]:
        """Return the fields of the restore."""
        values, where = self.form.values(), self._where.value
        paths = [] if self._paths == ['/'] else self._paths
        return {
            'paths': paths,
            'restore_path': None if where == 'origin' else values['restore_path'],
            'client_id': values['client_id'] if where == 'client' else None,
            'to_server': where == 'server',
            'delete': values['delete'],
            'safety_copy': values['safety_copy'] and where != 'server',
        }

    def _arrange(self) -> None:
        where = self._where.value
        self._client_area.visible = where == 'client'
        self._path_area.visible = where != 'origin'
        self.form.element('safety_copy').visible = where != 'server'
        self._words.text = self._explained(where)

    def _explained(self, where: Where) -> str:
        name = literal(last_part(self._paths[0]))
        if where == 'origin':
            return f'Everything goes back to where it came from on {self._backup.client_name}.'
        if where == 'client':
            return f'Leave the folder empty for the same paths there; with /srv/new, {name} lands at /srv/new/{name}.'
        if where == 'server':
            return f'For when the client is gone: into a folder below {self._base}.'
        return f'With /srv/new, {name} lands at /srv/new/{name} on {self._backup.client_name}.'
