"""Who is told of what, how messages repeat, and what became of each of them."""

from typing import Any

from nicegui import ui

from pages.calls import ask, praise, told
from pages.frame import View, frame
from pages.live import Batch
from pages.missing import friendly
from pages.notification_edit import CRUMBS, HOME
from pages.notification_words import OFF, ON, SHORT, WEEKDAYS, kinds_in_words, outcome
from pages.widgets.confirm import confirm
from pages.widgets.delivery import draw_outcome
from pages.widgets.empty import empty
from pages.widgets.fields import Form
from pages.widgets.listing import Cell, Column, Listing, Query, acts, chip, slice_of, text, to, when
from pages.widgets.text import Text, box, button, button_link, card
from pages.wording import plural
from plumbus.engine import Engine
from plumbus.errors import Conflict
from plumbus.model import Delivery, DeliveryTest, NotificationSettingsView, NotificationTarget, Page


def register(engine: Engine) -> None:
    """Draw /settings/notifications."""

    @ui.page(HOME)
    async def notifications() -> None:
        async with (
            friendly(engine, '/settings'),
            frame(
                engine, 'Notifications', here='/settings', crumbs=CRUMBS[:1], needs='notifications.all'
            ) as view,
        ):
            with view.head:
                ui.space()
                button_link('Add a target', f'{HOME}/new', 'primary', icon='o_add')
            with box('card flush', 'section'):
                _heading('Targets')
                TargetList(view)
            with box('card flush', 'section'):
                _heading('Delivery log')
                DeliveryList(view)
            Repetition(view)


def draw_notifications(view: View) -> None:
    """Draw the card that leads here from the settings."""
    with card('Notifications', classes='stack near'):
        words = Text('…', 'sub', 'p')
        with box('actions'):
            button_link('Notifications', HOME, icon='o_notifications')

    async def load() -> None:
        with told():
            targets = [target for target in await ask(view.engine.notifications.all) if target.enabled]
            words.text = (
                f'{plural(len(targets), "target is", "targets are")} told when something goes wrong: '
                f'{", ".join(target.name for target in targets[:5])}'
                if targets
                else 'Nobody is told when a backup fails. Let PLUMBUS send you a mail, or a message to your phone.'
            )

    async def changed(_: Batch) -> None:
        await load()

    ui.timer(0, load, once=True)
    view.feed.on(changed, 'notification')


class TargetList:
    """All targets; each can be tried, changed and removed."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._outcome = box('typed').props('aria-live=polite')
        self._outcome.visible = False
        self._columns = [
            Column[NotificationTarget](name='name', label='Target', kind='main', cell=_named, key=lambda one: one.name.lower()),
            Column[NotificationTarget](name='on', label='Messages', kind='chip', cell=lambda one: chip(ON if one.enabled else OFF)),
            Column[NotificationTarget](name='kinds', label='About', kind='text', cell=lambda one: text(kinds_in_words(one.kinds))),
            Column[NotificationTarget](name='jobs', label='Jobs', kind='text', cell=_whose),
            Column[NotificationTarget](name='acts', label='', kind='acts', cell=_offered),
        ]  # fmt: skip
        self._listing = Listing(
            self._columns, self._load, label='Targets', on_act=self._act, nothing=_nobody, sort='name'
        )
        view.feed.on(self._happened, 'notification')

    async def _load(self, query: Query) -> Page[NotificationTarget]:
        return slice_of(await ask(self._view.engine.notifications.all), self._columns, query)

    async def _happened(self, _: Batch) -> None:
        await self._listing.reload()

    async def _act(self, name: str, target_id: int) -> None:
        notifications = self._view.engine.notifications
        with told():
            target = await ask(notifications.get, target_id)
            if name == 'edit':
                ui.navigate.to(f'{HOME}/{target_id}')
            elif name == 'test':
                self._tell(f'A test message to {target.name} is on its way …', None)
                self._tell(target.name, await ask(notifications.test, target_id))
            elif await confirm(f'Delete {target.name}?', [f'The target {target.name}, with its URL']):
                await ask(notifications.delete, target_id)
                await self._listing.reload()

    def _tell(self, words: str, tested: DeliveryTest | None) -> None:
        self._outcome.clear()
        self._outcome.visible = True
        with self._outcome:
            if tested is None:
                Text(words, 'sub', 'p')
            else:
                draw_outcome(tested, words)


class DeliveryList:
    """What was sent and what waits, newest first."""

    def __init__(self, view: View) -> None:
        self._view = view
        columns = [
            Column[Delivery](name='title', label='Message', kind='main', cell=_message),
            Column[Delivery](name='outcome', label='Outcome', kind='chip', cell=lambda one: chip(outcome(one))),
            Column[Delivery](name='kind', label='Kind', kind='text', cell=lambda one: text(SHORT.get(one.kind, one.kind))),
            Column[Delivery](name='target', label='Target', kind='text', cell=lambda one: text(one.target_name)),
            Column[Delivery](name='when', label='When', kind='when', cell=lambda one: when(one.created_at, view.zone)),
        ]  # fmt: skip
        self._listing = Listing(columns, self._load, label='Deliveries', nothing=_silence)
        view.feed.on(self._happened, 'notification')

    async def _load(self, query: Query) -> Page[Delivery]:
        return await ask(self._view.engine.notifications.deliveries, query.limit, query.offset)

    async def _happened(self, _: Batch) -> None:
        await self._listing.reload()


class Repetition:
    """How messages repeat, when the disk is low, and when the report goes out."""

    def __init__(self, view: View) -> None:
        self._view, self._form = view, Form()
        with card('When', classes='stack form-card'):
            self._area = box('stack')
        self._known = NotificationSettingsView()
        ui.timer(0, self._load, once=True)
        view.feed.on(self._changed, 'notification')

    async def _load(self) -> None:
        with told():
            self._known = await ask(self._view.engine.notifications.settings)
            with self._area:
                self._draw(self._known)

    async def _changed(self, _: Batch) -> None:
        stored = await ask(self._view.engine.notifications.settings)
        if stored != self._known and self._form.values() == _entries(self._known):
            self._show(stored)

    def _show(self, settings: NotificationSettingsView) -> None:
        self._known = settings
        for name, value in _entries(settings).items():
            self._form.element(name).value = value

    def _draw(self, settings: NotificationSettingsView) -> None:
        form, hours = self._form, {hour: f'{hour:02}:00' for hour in range(24)}
        with box('fields'):
            form.number('reminder_hours', 'Remind again after … hours', settings.reminder_hours,
                        hint='as long as something is not well; 0: never', high=10_000)  # fmt: skip
            form.number(
                'disk_low_percent', 'The disk is low below … percent', settings.disk_low_percent, high=90
            )
        with box('fields'):
            form.choice('report_weekday', 'Weekly report on', WEEKDAYS, settings.report_weekday)
            form.choice('report_hour', 'Hour of the report', hours, settings.report_hour)
        with box('actions end'):
            button('Save', 'primary', icon='o_check', on_click=self._save)

    async def _save(self) -> None:
        with self._form.objections():
            notifications, entered = self._view.engine.notifications, self._form.values()
            entered['revision'] = self._known.revision
            try:
                self._known = await ask(notifications.change_settings, entered)
            except Conflict as refused:
                self._show(await ask(notifications.settings))
                raise Conflict(refused.message, 'Theirs are shown now: make your change again.') from None
            praise('Saved.')


def _entries(settings: NotificationSettingsView) -> dict[str, Any]:
    return settings.model_dump(exclude={'revision'})


def _heading(title: str) -> None:
    with box('card-head'):
        Text(title, tag='h2')


def _named(target: NotificationTarget) -> Cell:
    return to(target.name, f'{HOME}/{target.id}', f'{target.service} · {target.url_shown}')


def _whose(target: NotificationTarget) -> Cell:
    return text('all' if target.job_ids is None else plural(len(target.job_ids), 'job'))


def _offered(target: NotificationTarget) -> Cell:
    return acts(
        {
            'test': ('o_send', f'Send {target.name} a test message'),
            'edit': ('o_edit', f'Edit {target.name}'),
            'delete': ('o_delete', f'Delete {target.name}'),
        }
    )


def _message(delivery: Delivery) -> Cell:
    return text(delivery.title, delivery.error or '', delivery.body)


def _nobody() -> object:
    return empty(
        'Nobody is told yet',
        'When a backup fails, somebody should hear of it. Mail, phone, chat: PLUMBUS talks to more than a hundred services.',
        ('Add a target', f'{HOME}/new'),
    )


def _silence() -> object:
    return empty('No message yet', 'All is quiet. Even the hizzards are asleep.')
