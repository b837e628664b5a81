"""Form fields with the label above the box, and a form that puts the engine's objections beside the right field."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from nicegui import ui
from nicegui.elements.mixins.validation_element import ValidationElement

from pages.calls import complain
from pages.widgets.text import Text, box
from plumbus.errors import InvalidInput, PlumbusError

Field = TypeVar('Field', bound=ValidationElement[Any])


@contextmanager
def field(label: str, hint: str = '', classes: str = '') -> Iterator[ui.element]:
    """Draw a label, then whatever field is made inside, then a hint. Use `named` to tie the label to the field."""
    with box(f'field {classes}') as holder:
        title = Text(label, 'field-label', 'label')
        title.props['for'] = identity(label)
        yield holder
        if hint:
            Text(hint, 'hint')


def identity(label: str) -> str:
    """Given a label, return the id of the control below it."""
    return 'field-' + ''.join(char if char.isalnum() else '-' for char in label.lower())


def named(element: Field, label: str) -> Field:
    """Given a Quasar field, give its control the id that the label points to."""
    element.props['for'] = identity(label)
    return element


class Form:
    """Fields by the names of the engine. `values` collects them, `objects` shows what is wrong with each."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._may_be_empty: set[str] = set()

    def text(
        self,
        name: str,
        label: str,
        value: str | None = '',
        *,
        hint: str = '',
        secret: bool = False,
        **props: str,
    ) -> ui.input:
        """Add a line of text."""
        with field(label, hint):
            made = ui.input(value=value or '', password=secret, password_toggle_button=secret)
        made.props.update({key.replace('_', '-'): text for key, text in props.items()})
        return self._add(name, label, made)

    def number(
        self,
        name: str,
        label: str,
        value: int | None,
        *,
        hint: str = '',
        low: int = 0,
        high: int = 10**9,
        optional: bool = False,
    ) -> ui.number:
        """Add a whole number. An empty field is 0, or None if it is `optional`."""
        if optional:
            self._may_be_empty.add(name)
        with field(label, hint):
            made = ui.number(value=value, min=low, max=high, precision=0)
        return self._add(name, label, made)

    def choice(
        self, name: str, label: str, options: Mapping[Any, str], value: Any, *, hint: str = ''
    ) -> ui.select:
        """Add a choice of one of several."""
        with field(label, hint):
            made = ui.select(dict(options), value=value)
        return self._add(name, label, made)

    def switch(self, name: str, label: str, value: bool) -> ui.switch:
        """Add something to turn on or off."""
        made = ui.switch(label, value=value)
        self._fields[name] = made
        return made

    def area(self, name: str, label: str, value: str, *, hint: str = '') -> ui.textarea:
        """Add several lines of text."""
        with field(label, hint):
            made = ui.textarea(value=value)
        return self._add(name, label, made)

    def __getitem__(self, name: str) -> Any:
        return self._fields[name].value

    def element(self, name: str) -> Any:
        """Return the field of that name."""
        return self._fields[name]

    def values(self) -> dict[str, Any]:
        """Return what stands in the fields; whole numbers as such, empty text as None."""
        return {name: self._plain(name, element) for name, element in self._fields.items()}

    @contextmanager
    def objections(self) -> Iterator[None]:
        """Show what the engine finds wrong within: beside its field, or as a notice where there is none."""
        for element in self._fields.values():
            if isinstance(element, ValidationElement):
                element.error = None
        try:
            yield
        except InvalidInput as error:
            self._show(error)
        except PlumbusError as error:
            complain(error)

    def _show(self, error: InvalidInput) -> None:
        elsewhere = {}
        for name, why in error.fields.items():
            element = self._fields.get(name)
            if isinstance(element, ValidationElement):
                element.error = sentence(why)
            else:
                elsewhere[name.replace('_', ' ')] = why
        if elsewhere:
            complain(InvalidInput(elsewhere))

    def _plain(self, name: str, element: Any) -> Any:
        if isinstance(element, ui.number):
            empty = element.value is None and name in self._may_be_empty
            return None if empty else int(element.value or 0)
        return element.value if element.value != '' else None

    def _add(self, name: str, label: str, element: Field) -> Field:
        self._fields[name] = element
        element.on_value_change(lambda: setattr(element, 'error', None))
        return named(element, label)


def sentence(why: str) -> str:
    """Given a reason like 'must be …', return it as a sentence."""
    return why[:1].upper() + why[1:] + ('' if why.endswith(('.', '!', '?')) else '.')
