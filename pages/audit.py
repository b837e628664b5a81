"""The audit log: who did what, filtered and paged. It can be read here, and nothing else."""

from nicegui import ui

from pages.audit_words import ACTS
from pages.calls import ask
from pages.frame import View, frame
from pages.live import Batch
from pages.missing import friendly
from pages.widgets.empty import empty
from pages.widgets.listing import Cell, Column, Listing, Query, chip, text, when
from pages.widgets.search import search_field
from pages.widgets.text import box
from pages.wording import Look
from plumbus.engine import Engine
from plumbus.model import AuditEntry, Page

CRUMBS = [('Settings', '/settings')]
KINDS = {
    '': 'Everything', 'login': 'Logins', 'client': 'Clients', 'job': 'Jobs', 'backup': 'Backups', 'restore': 'Restores', 'user': 'Users',
    'token': 'Tokens', 'notification': 'Notifications', 'settings': 'Settings', 'key': 'Keys',
}  # fmt: skip
OUTCOMES = {'': 'Any outcome', 'done': 'Done', 'refused': 'Refused', 'failed': 'Failed'}
LOOKS = {
    'done': Look(word='Done', icon='o_check_circle', tone='ok'),
    'refused': Look(word='Refused', icon='o_block', tone='fa'),
    'failed': Look(word='Failed', icon='o_error', tone='wa'),
}


def register(engine: Engine) -> None:
    """Draw /audit."""

    @ui.page('/audit')
    async def audit() -> None:
        async with (
            friendly(engine, '/settings'),
            frame(engine, 'Audit log', here='/settings', crumbs=CRUMBS, needs='audit.page') as view,
        ):
            with box('card flush', 'section'):
                AuditList(view)


class AuditList:
    """The lines of the log, the newest first."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._filters = {'who': '', 'action': '', 'outcome': '', 'search': ''}
        with box('filters'):
            search_field('Search the audit log', lambda words: self._narrow('search', words))
            self._who = self._choice('who', 'Who', {'': 'Everybody'})
            self._choice('action', 'What', KINDS)
            self._choice('outcome', 'Outcome', OUTCOMES)
        zone = view.zone
        self._listing = Listing[AuditEntry](
            [
                Column(name='time', label='When', kind='when', cell=lambda one: when(one.time, zone)),
                Column(name='who', label='Who', kind='text', cell=_who),
                Column(name='what', label='What', kind='main', cell=_what),
                Column(name='object', label='To what', kind='text', cell=_object),
                Column(name='outcome', label='Outcome', kind='chip', cell=lambda one: chip(LOOKS[one.outcome])),
            ],
            self._load, label='Audit log',
            nothing=lambda: empty('Nothing here', 'Nobody has rubbed the fleeb in a way that fits these filters.'),
        )  # fmt: skip
        ui.timer(0, self._name_actors, once=True)
        view.feed.on_action(self._grown, '')

    async def _grown(self, _: Batch) -> None:
        await self._listing.reload()

    def _choice(self, name: str, label: str, options: dict[str, str]) -> ui.select:
        made = ui.select(
            dict(options), value='', on_change=lambda event: self._narrow(name, event.value or '')
        )
        made.props['aria-label'] = label
        return made

    async def _name_actors(self) -> None:
        actors = await ask(self._view.engine.audit.actors)
        self._who.set_options({'': 'Everybody', **{name: name for name in actors}}, value='')

    async def _narrow(self, name: str, value: str) -> None:
        self._filters[name] = value
        await self._listing.restart()

    async def _load(self, query: Query) -> Page[AuditEntry]:
        chosen = self._filters
        return await ask(
            self._view.engine.audit.page, who=chosen['who'], action=chosen['action'], outcome=chosen['outcome'],
            search=chosen['search'], limit=query.limit, offset=query.offset,
        )  # fmt: skip


def _who(one: AuditEntry) -> Cell:
    kind = '' if one.kind in {'user', 'nobody'} else one.kind
    return text(one.who, ' · '.join(part for part in (kind, one.address) if part))


def _what(one: AuditEntry) -> Cell:
    return text(ACTS.get(one.action, one.action), one.details, one.action)


def _object(one: AuditEntry) -> Cell:
    return text(one.object, one.error)
