"""The retention editor: presets, the numbers behind them, and what they mean in a sentence."""

from collections.abc import Callable

from nicegui import ui

from pages.keeping import FIELDS, OWN, PRESETS, at_most, in_words, preset_of
from pages.widgets.choices import OneOf
from pages.widgets.fields import field, named
from pages.widgets.text import Text, box
from pages.wording import plural
from plumbus.model import Retention


class RetentionEditor:
    """`value` is what stands in it."""

    def __init__(self, retention: Retention, on_change: Callable[[], object] = lambda: None) -> None:
        self._on_change = on_change
        self._quiet = False
        names = {name: name for name in [*PRESETS, OWN]}
        self._preset = OneOf(names, preset_of(retention), 'How much to keep', self._preset_chosen)
        with box('fields small-ones'):
            self._numbers = {
                name: self._number(name, label, getattr(retention, name)) for name, label in FIELDS.items()
            }
        with box('panel'):
            self._words = Text('', tag='p')
        self._tell()

    @property
    def value(self) -> dict[str, int]:
        """How many to keep of each kind."""
        return {name: int(element.value or 0) for name, element in self._numbers.items()}

    def _number(self, name: str, label: str, value: int) -> ui.number:
        with field(label):
            made = ui.number(value=value, min=0, max=100_000, precision=0)
        named(made, label)
        made.on_value_change(self._number_changed)
        return made.mark(name)

    def _preset_chosen(self) -> object:
        preset = PRESETS.get(self._preset.value)
        if preset is None:
            return None
        self._quiet = True
        for name, element in self._numbers.items():
            element.value = getattr(preset, name)
        self._quiet = False
        self._tell()
        return self._on_change()

    def _number_changed(self) -> object:
        if self._quiet:
            return None
        self._preset.value = preset_of(Retention(**self.value))
        self._tell()
        return self._on_change()

    def _tell(self) -> None:
        retention = Retention(**self.value)
        most = at_most(retention)
        self._words.text = in_words(retention) + (f' At most {plural(most, "snapshot")}.' if most else '')
