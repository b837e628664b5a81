"""The search of the header: a dialog over clients, jobs and files that the keyboard leads through."""

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from pages.calls import ask
from pages.finding import LONGEST_WORDS, Group, Hit, in_snapshots, named
from pages.memory import memory
from pages.widgets.text import Text, box
from plumbus.engine import Engine
from plumbus.errors import PlumbusError

ASK = 'Type a part of a name, or a pattern like *.conf. Every file in every snapshot is looked through.'


class FinderButton:
    """Opens the dialog; it looks like a field, and on a phone like a magnifier."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def draw(self) -> None:
        """Draw the button; `shortcuts.js` presses it for Ctrl+K and /."""
        with (
            ui.button(color=None, on_click=self._open)
            .classes('opener')
            .props('id=search-opener')
            .mark('search') as opener
        ):
            opener.props['aria-label'] = 'Search clients, jobs and files'
            opener.props['aria-keyshortcuts'] = 'Control+K /'
            ui.icon('o_search')
            Text('Search clients, jobs, files …', 'desk-only')
            Text('Ctrl K', 'key desk-only')

    def _open(self) -> None:
        Finder(self._engine).open()


class Finder:
    """The dialog. It is made when it is opened and gone when it is closed, so that it costs an idle page nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._hits: list[tuple[Hit, ui.link]] = []
        self._chosen = 0
        self._asked = ''

    def open(self) -> None:
        """Draw it and let one type."""
        with ui.context.client.content, ui.dialog() as self._dialog, box('dialog finder'):
            self._dialog.props['aria-label'] = 'Search'
            self._dialog.on('hide', self._dialog.delete).props('transition-duration=80')
            self._draw_field()
            self._area = box('hits')
            self._area.props['id'] = 'found-hits'
            with box('told').props('role=status'):
                self._spinner = ui.spinner(size='18px', color=None)
                self._told = Text(ASK)
        self._spinner.visible = False
        self._dialog.open()

    def _draw_field(self) -> None:
        with box('field'):
            field = ui.input(placeholder='Search clients, jobs, files …', on_change=self._typed)
            field.props(f'autofocus debounce=200 maxlength={LONGEST_WORDS} role=combobox')
            field.props('aria-autocomplete=list aria-expanded=false autocomplete=off spellcheck=false')
            field.props['aria-label'] = 'Search'
            with field.add_slot('prepend'):
                ui.icon('o_search')
            field.on('keydown.down.prevent', lambda: self._move(1))
            field.on('keydown.up.prevent', lambda: self._move(-1))
            field.on('keydown.enter.prevent', self._go)
        self._field = field.mark('search-field')

    async def _typed(self, event: ValueChangeEventArguments[str | None]) -> None:
        words = self._asked = (event.value or '').strip()
        if not words:
            self._show([], ASK)
            return
        try:
            clients, jobs = await ask(self._engine.clients.all), await ask(memory().jobs)
            if words != self._asked:  # meanwhile one has typed on
                return
            groups = named(words, clients, jobs)
            self._show(groups, 'Looking through the snapshots …', busy=True)
            groups = groups + await ask(in_snapshots, self._engine, words)
            told = '' if groups else 'Nothing goes by that name.'
        except PlumbusError as error:
            told = str(error)
        if words == self._asked:
            self._show(groups, told or 'Arrow keys choose, Enter opens, Esc closes.')

    def _show(self, groups: list[Group], told: str, *, busy: bool = False) -> None:
        if self._dialog.is_deleted:
            return
        self._told.text, self._spinner.visible = told, busy
        kept = self._hits[self._chosen][0] if self._hits and self._chosen else None
        self._hits.clear()
        self._area.clear()
        with self._area:
            for title, hits in groups:
                self._draw_group(title, hits)
        self._name_list()
        chosen = [index for index, (hit, _) in enumerate(self._hits) if hit == kept]
        self._choose(chosen[0] if chosen else 0)

    def _draw_group(self, title: str, hits: list[Hit]) -> None:
        with box().props('role=group') as group:
            group.props['aria-label'] = title
            Text(title, tag='h3').props('role=presentation')
            for hit in hits:
                with ui.link('', hit.target).classes('hit').props('role=option tabindex=-1') as line:
                    ui.icon(hit.icon)
                    with box('grow stack'), box('cut'):
                        Text(hit.words, 'strong')
                        Text(f'  {hit.note}', 'sub small')
                self._hits.append((hit, line))

    def _name_list(self) -> None:
        # A list box without anything in it is none.
        there = bool(self._hits)
        self._area.props['role'] = 'listbox' if there else 'presentation'
        self._area.props['aria-label'] = 'Found' if there else None
        self._field.props['aria-expanded'] = 'true' if there else 'false'
        self._field.props['aria-controls'] = 'found-hits' if there else None
        self._field.props['aria-activedescendant'] = None

    def _move(self, step: int) -> None:
        if self._hits:
            self._choose((self._chosen + step) % len(self._hits))

    def _choose(self, index: int) -> None:
        self._chosen = index
        for number, (_hit, line) in enumerate(self._hits):
            chosen = number == index
            line.props['aria-selected'] = 'true' if chosen else 'false'
            line.classes(add='on' if chosen else None, remove=None if chosen else 'on')
            if chosen:
                self._field.props['aria-activedescendant'] = line.html_id
                ui.run_javascript(f'getHtmlElement({line.id})?.scrollIntoView({{block: "nearest"}})')

    def _go(self) -> None:
        if self._hits:
            ui.navigate.to(self._hits[self._chosen][0].target)
