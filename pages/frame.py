"""The frame around every page: header, drawer, theme, what runs now. Pages fill it with `async with frame(...)`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import tzinfo
from typing import TypeVar

from nicegui import ui

from pages import theme
from pages.calls import ask, told
from pages.finder import FinderButton
from pages.live import Batch, Feed
from pages.memory import memory
from pages.running import RunningPill
from pages.visitors import token_of
from pages.widgets.text import Text, box, button, button_link, icon_button
from pages.widgets.when import keep_fresh
from plumbus.engine import Engine
from plumbus.errors import NotLoggedIn, NotPermitted
from plumbus.model import Actor, present_actor
from plumbus.services.rights import allowed

Shown = TypeVar('Shown', bound=ui.element)
Crumbs = Sequence[tuple[str, str]]
NAVIGATION = (
    ('Dashboard', '/', 'o_home'),
    ('Clients', '/clients', 'o_dns'),
    ('Jobs', '/jobs', 'o_notes'),
    ('Backups', '/backups', 'o_history'),
    ('Browse & restore', '/browse', 'o_folder_open'),
    ('Settings', '/settings', 'o_settings'),
)
THEMES: dict[theme.Theme, tuple[str, str]] = {
    'auto': ('As the system', 'o_brightness_auto'),
    'light': ('Light', 'o_light_mode'),
    'dark': ('Dark', 'o_dark_mode'),
}


@dataclass(kw_only=True, slots=True)
class View:
    """What a page is given by its frame: the engine, the live feed, who looks, and the head to put buttons into."""

    engine: Engine
    feed: Feed
    actor: Actor
    head: ui.element
    pill: RunningPill
    titles: list[Text]

    def rename(self, title: str) -> None:
        """Given what the page is about is called otherwise by now, say so."""
        for text in self.titles:
            text.text = title
        self.pill.rename(title)

    @property
    def user(self) -> str:
        """The name of who looks."""
        return self.actor.name

    def may(self, operation: str) -> bool:
        """Given an operation of the engine, like `jobs.run`, return whether who looks may have it done: else hide it."""
        return allowed(self.actor.scope, operation)

    def offer(self, operation: str, element: Shown) -> Shown:
        """Given what a button or link is for, hide it from who may not have that done."""
        element.visible = self.may(operation)
        return element

    @property
    def zone(self) -> tzinfo:
        """The time zone in which exact times are told."""
        return self.engine.settings.zone

    @property
    def token(self) -> str:
        """The token of this browser's session; empty in a window of our own."""
        return token_of(ui.context.client)


@asynccontextmanager
async def frame(
    engine: Engine, title: str, *, here: str, crumbs: Crumbs = (), needs: str = ''
) -> AsyncIterator[View]:
    """Given the page's title and its place in the navigation, draw everything around it and yield the view.

    `needs` names an operation of the engine that the page is for; raise NotPermitted if it is not for who looks.

    Await nothing inside: timers begin then, and what is not drawn yet would miss the first answer to the browser.
    """
    actor = await ask(present_actor)
    if actor is None:
        raise NotLoggedIn('You are not logged in.', 'Log in and try again.')
    if needs and not allowed(actor.scope, needs):
        raise NotPermitted('Your role does not allow this.', 'Ask an admin to do it, or for another role.')
    user = actor.name
    chosen: theme.Theme = await ask(engine.accounts.theme, user)
    switch = theme.apply(chosen)
    ui.page_title(f'{title} · PLUMBUS')
    ui.on_exception(_stumbled)
    feed = Feed(engine.events, ui.context.client)
    drawer = _drawer(engine, feed, here)
    pill, titles = RunningPill(engine, feed, title), list[Text]()
    _header(engine, drawer, pill, ThemeSwitch(engine, user, chosen, switch), user)
    keep_fresh()
    with box('page') as main:
        ui.skip_link('Skip to the content', target=main)
        if crumbs:
            titles.append(_crumbs(crumbs, title))
        with box('page-head') as head:
            titles.append(Text(title, tag='h1'))
        yield View(engine=engine, feed=feed, actor=actor, head=head, pill=pill, titles=titles)


class ThemeSwitch:
    """Changes the theme of this page at once and remembers it for the user."""

    def __init__(self, engine: Engine, user: str, chosen: theme.Theme, switch: ui.dark_mode) -> None:
        self._engine, self._user, self._chosen, self._switch = engine, user, chosen, switch
        self._items: dict[theme.Theme, ui.menu_item] = {}

    def draw(self) -> None:
        """Draw the button with its menu."""
        self._button = icon_button(THEMES[self._chosen][1], 'Theme').classes('pill')
        with self._button, ui.menu().props('aria-label=Theme'):
            for name, (words, icon) in THEMES.items():
                item = ui.menu_item(on_click=lambda name=name: self._choose(name)).mark(name)
                self._items[name] = item.props('role=menuitemradio')
                with item, box('row-line'):
                    ui.icon(icon, size='20px')
                    Text(words)
        self._mark()

    def _mark(self) -> None:
        for name, item in self._items.items():
            item.props['aria-checked'] = 'true' if name == self._chosen else 'false'

    async def _choose(self, name: theme.Theme) -> None:
        self._switch.value = theme.dark(name)
        self._button.icon, self._chosen = THEMES[name][1], name
        self._mark()
        with told():
            await ask(self._engine.accounts.set_theme, self._user, name)


def _header(
    engine: Engine, drawer: ui.left_drawer, running: RunningPill, themes: ThemeSwitch, user: str
) -> None:
    with ui.header().props('height-hint=60'):
        icon_button('o_menu', 'Menu', on_click=drawer.toggle).classes('phone-only')
        _brand()
        ui.space().classes('phone-only')
        FinderButton(engine).draw()
        ui.space().classes('desk-only')
        running.draw()
        themes.draw()
        _user_menu(user)


def _brand(classes: str = 'phone-only') -> ui.link:
    brand = ui.link('', '/').classes(f'brand {classes}')
    with brand:
        box(tag='img').props('src=/static/logo.svg alt=""')
        Text('PLUMBUS')
    return brand


def _user_menu(who: str) -> None:
    with ui.button(color=None).classes('pill') as pill:
        pill.props['aria-label'] = f'Account of {who}'
        Text(who, 'desk-only cut')
        ui.icon('o_person', size='20px').classes('phone-only')
        ui.icon('o_expand_more', size='18px').classes('desk-only')
        with ui.menu().props('role=dialog aria-label=Account'), box('menu-panel'):
            Text(f'Logged in as {who}', 'sub')
            button_link('Your account', '/account', icon='o_manage_accounts')
            with box('menu-form', 'form').props('method=post action=/logout'):
                button('Log out', icon='o_logout').props('type=submit')


def _drawer(engine: Engine, feed: Feed, here: str) -> ui.left_drawer:
    # With the value None NiceGUI would ask the browser how wide it is, and complain if the answer is late.
    drawer = ui.left_drawer(value=False, top_corner=True, bottom_corner=True, bordered=True)
    drawer.props('width=224 breakpoint=767 show-if-above')
    with drawer:
        _brand('')
        with box('stack', 'nav').style('gap:2px') as entries:
            entries.props['aria-label'] = 'Main navigation'
            badges = {target: _entry(words, target, icon, here) for words, target, icon in NAVIGATION}
        Text(f'v{engine.system.version} · all systems fleeb', 'drawer-foot')
    _count(feed, badges)
    return drawer


def _entry(words: str, target: str, icon: str, here: str) -> Text:
    with ui.link('', target).classes('nav') as entry:
        if target == here:
            entry.props['aria-current'] = 'page'
        ui.icon(icon)
        Text(words)
        badge = Text('', 'badge')
    badge.visible = False
    return badge


def _count(feed: Feed, badges: dict[str, Text]) -> None:
    async def count() -> None:
        clients, jobs = await ask(memory().clients), await ask(memory().jobs)
        failing = sum(job.last_status in {'failed', 'interrupted'} for job in jobs)
        for target, number in (('/clients', len(clients)), ('/jobs', len(jobs)), ('/backups', failing)):
            badges[target].text, badges[target].visible = str(number), number > 0
        badges['/backups'].classes('bad').props['title'] = 'jobs whose last backup failed'

    async def recount(_: Batch) -> None:
        await count()

    ui.timer(0, count, once=True)
    feed.on(recount, 'client', 'job', 'backup')


def _crumbs(crumbs: Crumbs, title: str) -> Text:
    with box('crumbs', 'nav') as area:
        area.props['aria-label'] = 'Breadcrumbs'
        for words, target in crumbs:
            ui.link(words, target)
            ui.icon('o_chevron_right')
        return Text(title)


def _stumbled() -> None:
    ui.notify(
        'PLUMBUS stumbled over something it did not expect.',
        caption='Reload the page and try again. The log of PLUMBUS says more.',
        type='negative', close_button='Close', timeout=0,
    )  # fmt: skip
