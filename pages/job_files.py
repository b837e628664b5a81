"""The part of the job editor that says what to back up: the machine's files as a tree, paths by hand, excludes."""

from nicegui import ui

from pages.calls import ask
from pages.selection import Selection
from pages.widgets.fields import field, named
from pages.widgets.file_tree import FileTree
from pages.widgets.text import Text, box, button, card
from pages.wording import listed
from plumbus.engine import Engine
from plumbus.errors import InvalidInput
from plumbus.model import Client, RemoteFile

PRESETS = {
    'Caches': ['.cache/', 'Cache/', 'CachedData/'],
    'Temporary files': ['*.tmp', '*.swp', '*~', '/tmp', '/var/tmp'],  # noqa: S108 # nosec B108 -- patterns, no files of ours
    'Trash': ['.Trash-*/', '.local/share/Trash/'],
    'Build folders': ['node_modules/', '__pycache__/', '.venv/', 'target/'],
    'System mounts': ['/proc', '/sys', '/dev', '/run', '/mnt', '/media', 'lost+found/'],
}


class JobFiles:
    """Keeps the tree, the list of paths and the selection behind both in step."""

    def __init__(self, engine: Engine, selection: Selection) -> None:
        self._engine, self._selection = engine, selection
        self._client: Client | None = None
        self._tree: FileTree | None = None
        with card(classes='flush tree-card'):
            self._draw_head()
            self._place = box()
            with box('card-foot').props('aria-live=polite'):
                self._summary = Text('', 'strong wrap-any', 'p').mark('selection')
                self._left_out = Text('', 'sub small wrap-any', 'p')
        with card('Leave out', 'patterns as rsync knows them, one a line', classes='stack near'):
            self._draw_excludes()
        self._show()

    @property
    def source_paths(self) -> list[str]:
        """The ticked paths. Raise InvalidInput if there is none."""
        if not self._selection.sources:
            raise InvalidInput({'source_paths': 'tick at least one folder or file'})
        return sorted(self._selection.sources)

    @property
    def excludes(self) -> list[str]:
        """The patterns and the unticked paths."""
        self._selection.patterns = _lines(self._patterns.value)
        return self._selection.excludes

    async def open(self, client: Client | None) -> None:
        """Given a client, show its files."""
        self._client = client
        self._title.text = f'Files on {client.name}' if client else 'Files'
        self._place.clear()
        with self._place:
            if client is None:
                Text('Choose a client first.', 'empty sub', 'p')
                return
            self._tree = FileTree(self._browse, self._selection, self._show)
        await self._tree.load()

    def _draw_head(self) -> None:
        with box('card-head').style('margin-bottom:12px'):
            self._title = Text('Files', tag='h2')
            ui.space()
            self._hidden = ui.switch('Hidden files', value=True, on_change=self._reload)
            button('Reload', 'quiet', icon='o_refresh', on_click=self._reload)
        with box('typed'), field('Add a path by hand'):
            row = box('row-line top')
        with row:
            self._typed = (
                ui.input(placeholder='/var/lib/something').classes('grow').props('autocapitalize=off')
            )
            named(self._typed, 'Add a path by hand').on('keydown.enter', self._add_typed)
            button('Add', icon='o_add', on_click=self._add_typed)

    def _draw_excludes(self) -> None:
        with box('actions'):
            for name, patterns in PRESETS.items():
                button(
                    name,
                    'plain',
                    icon='o_add',
                    on_click=lambda patterns=patterns: self._add_patterns(patterns),
                )
        with field('Patterns'):
            self._patterns = (
                ui.textarea(value='\n'.join(self._selection.patterns)).classes('patterns').props('autogrow')
            )
        named(self._patterns, 'Patterns').on_value_change(self._show)

    async def _browse(self, path: str) -> list[RemoteFile]:
        client_id = self._client.id if self._client else 0
        return await ask(self._engine.clients.browse, client_id, path, show_hidden=self._hidden.value)

    async def _reload(self) -> None:
        if self._tree:
            await self._tree.load()

    def _add_typed(self) -> None:
        path = '/' + '/'.join(
            part for part in (self._typed.value or '').strip().split('/') if part not in {'', '.'}
        )
        if not (self._typed.value or '').startswith('/') or '..' in path.split('/'):
            self._typed.error = 'Give an absolute path, like /home/pi.'
            return
        self._typed.error, self._typed.value = None, ''
        if self._selection.mark(path) != 'on':
            self._selection.toggle(path)
        if self._tree:
            self._tree.show()
        self._show()

    def _add_patterns(self, patterns: list[str]) -> None:
        known = _lines(self._patterns.value)
        self._patterns.value = '\n'.join([*known, *(pattern for pattern in patterns if pattern not in known)])

    def _show(self) -> None:
        sources = sorted(self._selection.sources)
        self._summary.text = listed(sources, 6) if sources else 'Nothing is ticked yet.'
        out = [
            *sorted(self._selection.holes),
            *_lines(self._patterns.value if hasattr(self, '_patterns') else ''),
        ]
        self._left_out.text = f'without {listed(out, 6)}' if out else ''


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or '').splitlines() if line.strip()]
