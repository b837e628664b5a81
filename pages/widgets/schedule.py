"""The schedule editor: how often, when, and at once the sentence and the next five runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from nicegui import ui

from pages.calls import ask
from pages.schedule_form import MODES, WEEKDAY_NAMES, WEEKDAYS, Mode, cron_of, form_of
from pages.widgets.choices import AnyOf, OneOf
from pages.widgets.fields import Field, field, named, sentence
from pages.widgets.text import Text, box
from plumbus.engine import Engine
from plumbus.errors import InvalidInput

MANUAL = 'Runs only when you press “Run now”'


class ScheduleEditor:
    """`cron` is what stands in it. `timezone` is read from the form's own field when the preview is made."""

    def __init__(self, engine: Engine, cron: str | None) -> None:
        self._engine, self._form = engine, form_of(cron)
        self._asked = 0
        self.timezone: str | None = None
        self._holders: list[tuple[ui.element, set[Mode]]] = []
        form = self._form
        self._mode = OneOf(MODES, form.mode, 'How often', self._changed)
        with box('stack near'):
            self._days = AnyOf(WEEKDAYS, WEEKDAY_NAMES, form.days, self._changed)
            self._draw_times()
        with box('panel stack tight').props('aria-live=polite').mark('schedule-preview'):
            self._words = Text('…', 'strong', 'p')
            self._next = Text('', 'sub small', 'p')
        ui.timer(0, self.refresh, once=True)

    @property
    def cron(self) -> str | None:
        """The cron expression, None for manual. Raise InvalidInput if the form is unfinished."""
        form = self._form
        form.mode, form.time, form.days = self._mode.value, self._time.value or '', self._days.value
        form.minute, form.day, form.cron = (
            int(self._minute.value or 0),
            int(self._day.value or 1),
            self._cron.value or '',
        )
        try:
            return cron_of(form)
        except ValueError as error:
            raise InvalidInput({'schedule': str(error)}) from None

    async def refresh(self) -> None:
        """Show the sentence and the next runs of what stands in the form."""
        self._arrange()
        self._asked += 1
        asked = self._asked
        try:
            cron = self.cron
            preview = await ask(self._engine.jobs.preview_schedule, cron, self.timezone) if cron else None
        except InvalidInput as error:
            self._tell(sentence('; '.join(error.fields.values())), '')
            return
        if asked == self._asked:  # a later change has been shown already otherwise
            self._tell(
                preview.text if preview else MANUAL,
                'Next: ' + ' · '.join(_short(preview.next)) if preview else '',
            )

    async def _changed(self) -> None:
        await self.refresh()

    def _tell(self, words: str, coming: str) -> None:
        self._words.text, self._next.text = words, coming

    def _arrange(self) -> None:
        mode = self._mode.value
        self._days.row.visible = mode == 'weekly'
        for holder, modes in self._holders:
            holder.visible = mode in modes

    def _draw_times(self) -> None:
        form = self._form
        with self._shown('Time of day', {'daily', 'weekly', 'monthly'}):
            self._time = self._live(
                'Time of day', ui.input(value=form.time).props('mask=##:## placeholder=02:30')
            )
        with self._shown('Minute of the hour', {'hourly'}):
            self._minute = self._live(
                'Minute of the hour', ui.number(value=form.minute, min=0, max=59, precision=0)
            )
        with self._shown('Day of the month', {'monthly'}):
            self._day = self._live('Day of the month', ui.number(value=form.day, min=1, max=31, precision=0))
        with self._shown('Cron expression', {'custom'}):
            self._cron = self._live('Cron expression', ui.input(value=form.cron).classes('mono'))

    @contextmanager
    def _shown(self, label: str, modes: set[Mode]) -> Iterator[None]:
        with field(label, classes='short') as holder:
            self._holders.append((holder, modes))
            yield

    def _live(self, label: str, made: Field) -> Field:
        made.props('debounce=300')
        made.on_value_change(self._changed)
        return named(made, label)


def _short(times: list[datetime]) -> list[str]:
    days = [f'{moment:%a} {moment.day} {moment:%b}' for moment in times]
    if len({moment.time() for moment in times}) == 1 and len(set(days)) == len(days):
        return days  # the sentence above tells the time
    return [f'{day}, {moment:%H:%M}' for day, moment in zip(days, times, strict=True)]
