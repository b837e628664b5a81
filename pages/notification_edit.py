"""Adding and changing a target of messages: where to, what of, and a test before it is saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nicegui import ui

from pages.calls import ask, praise
from pages.frame import View, frame
from pages.missing import friendly, number_in
from pages.notification_services import KEEP, SERVICES, url_of
from pages.notification_words import KINDS
from pages.widgets.delivery import draw_outcome
from pages.widgets.fields import Form, field, named
from pages.widgets.meanwhile import Meanwhile
from pages.widgets.text import Text, box, button, button_link, card
from plumbus.engine import Engine
from plumbus.errors import InvalidInput
from plumbus.model import EVENT_KINDS, DeliveryTest, JobView, NotificationTarget

HOME = '/settings/notifications'
CRUMBS = [('Settings', '/settings'), ('Notifications', HOME)]
WHOSE = {'all': 'All jobs', 'some': 'Only these'}


def register(engine: Engine) -> None:
    """Draw /settings/notifications/new and /settings/notifications/ID."""

    @ui.page(f'{HOME}/new')
    async def new_target() -> None:
        async with friendly(engine, '/settings'):
            jobs, needs = await ask(engine.jobs.all), 'notifications.create'
            async with frame(engine, 'Add a target', here='/settings', crumbs=CRUMBS, needs=needs) as view:
                TargetEditor(view, NotificationTarget(name=''), jobs)

    @ui.page(HOME + '/{target_id}')
    async def edit_target(target_id: str) -> None:
        async with friendly(engine, HOME):
            target = await ask(engine.notifications.get, number_in(target_id))
            jobs = await ask(engine.jobs.all)
            async with frame(engine, target.name, here='/settings', crumbs=CRUMBS) as view:
                TargetEditor(view, target, jobs)


class TargetEditor:
    """The whole form. A target with id 0 is a new one."""

    def __init__(self, view: View, target: NotificationTarget, jobs: list[JobView]) -> None:
        self._view, self._target = view, target
        self._meanwhile = Meanwhile(
            view, 'notification', target, view.engine.notifications.get, back=HOME, edited=True
        )
        self._form = Form()
        self._areas: dict[str, ui.element] = {}
        with box('halves'):
            with box('stack'):
                self._draw_where()
            with box('stack'):
                self._draw_kinds()
                self._draw_jobs(jobs)
        with box('actions end save-bar'):
            button_link('Cancel', HOME)
            button('Save', 'primary', icon='o_check', on_click=self._save)

    def _draw_where(self) -> None:
        target = self._target
        with card('Where to', classes='stack'):
            self._form.text('name', 'Name', target.name, placeholder='My phone')
            services = {name: form.name for name, form in SERVICES.items()}
            if target.id:
                services = {KEEP: f'As it is: {target.service} ({target.url_shown})', **services}
            self._form.choice('service', 'Service', services, KEEP if target.id else 'mail')
            for service, form in SERVICES.items():
                with box('stack near') as self._areas[service]:
                    for each in form.asks:
                        self._form.text(
                            f'{service}.{each.name}', each.label, hint=each.hint, secret=each.secret,
                            placeholder=each.placeholder, autocomplete='off',
                        )  # fmt: skip
            self._form.element('service').on_value_change(self._arrange)
            self._form.switch('enabled', 'Messages are sent', target.enabled)
            with box('actions'):
                self._test = button('Send a test message', icon='o_send', on_click=self._try)
            self._outcome = box('stack tight').props('aria-live=polite')
        self._arrange()

    def _draw_kinds(self) -> None:
        with card('What about', classes='stack near'), box('suggestions'):
            self._kinds = {
                kind: ui.checkbox(KINDS[kind], value=kind in self._target.kinds) for kind in EVENT_KINDS
            }

    def _draw_jobs(self, jobs: list[JobView]) -> None:
        chosen = self._target.job_ids
        options = {job.id: f'{job.client_name} · {job.name}' for job in jobs}
        with card('Of which jobs', classes='stack near'):
            self._form.choice('whose', 'Jobs', WHOSE, 'all' if chosen is None else 'some')
            with box() as self._some, field('These jobs'):
                known = [job_id for job_id in chosen or [] if job_id in options]
                made = ui.select(options, value=known, multiple=True, with_input=True).props('use-chips')
                self._jobs = named(made, 'These jobs')
            Text(
                'What concerns no job, like the disk and the weekly report, comes in any case.',
                'sub small',
                'p',
            )
            self._form.element('whose').on_value_change(self._arrange_jobs)
        self._arrange_jobs()

    def _arrange(self) -> None:
        for service, area in self._areas.items():
            area.visible = service == self._form['service']
        self._outcome.clear()

    def _arrange_jobs(self) -> None:
        self._some.visible = self._form['whose'] == 'some'

    def _fields(self) -> dict[str, Any]:
        some = self._form['whose'] == 'some'
        return {
            'name': self._form['name'] or '',
            'url': self._url(),
            'enabled': self._form['enabled'],
            'kinds': [kind for kind, ticked in self._kinds.items() if ticked.value],
            'job_ids': list(self._jobs.value) if some else None,
        }

    def _url(self) -> str | None:
        service = self._form['service']
        if service == KEEP:
            return None
        asks = SERVICES[service].asks
        with self._beside_its_fields(service):
            return url_of(service, {each.name: self._form[f'{service}.{each.name}'] for each in asks})

    @contextmanager
    def _beside_its_fields(self, service: str) -> Iterator[None]:
        """What is wrong with the URL is shown beside the field of the service that it comes from."""
        try:
            yield
        except InvalidInput as error:
            asks = SERVICES[service].asks if service in SERVICES else ()
            last = asks[-1].name if asks else ''
            known = {each.name for each in asks}
            raise InvalidInput(
                {
                    f'{service}.{name}'
                    if name in known
                    else f'{service}.{last}'
                    if name == 'url'
                    else name: why
                    for name, why in error.fields.items()
                }
            ) from None

    async def _try(self) -> None:
        notifications = self._view.engine.notifications
        self._test.enabled = False
        try:
            with self._form.objections(), self._beside_its_fields(self._form['service']):
                fields = self._fields()
                fields['name'] = fields['name'] or 'test'
                kept = fields['url'] is None
                self._show(
                    await (
                        ask(notifications.test, self._target.id)
                        if kept
                        else ask(notifications.try_fields, fields)
                    )
                )
        finally:
            self._test.enabled = True

    def _show(self, tested: DeliveryTest) -> None:
        self._outcome.clear()
        with self._outcome:
            draw_outcome(tested)

    async def _save(self) -> None:
        notifications = self._view.engine.notifications
        with self._form.objections(), self._beside_its_fields(self._form['service']):
            fields = self._fields()
            if self._target.id:
                fields['revision'] = self._target.revision
                self._meanwhile.mine(await ask(notifications.update, self._target.id, fields))
            else:
                await ask(notifications.create, fields)
            praise('Saved.')
            ui.navigate.to(HOME)
