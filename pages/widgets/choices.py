"""Buttons of which one, or any, can be pressed; they tell screen readers their state."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from nicegui import ui

from pages.widgets.text import box

Key = TypeVar('Key')


class OneOf(Generic[Key]):
    """A row of joined buttons; `value` is the pressed one."""

    def __init__(
        self, options: Mapping[Key, str], value: Key, label: str, on_change: Callable[[], object]
    ) -> None:
        self._on_change = on_change
        group = ui.button_group().classes('choices').props('unelevated')
        group.props['role'], group.props['aria-label'] = 'group', label
        with group:
            self._buttons = {key: self._button(key, words) for key, words in options.items()}
        self.value = value

    @property
    def value(self) -> Key:
        """The key of the pressed button."""
        return self._value

    @value.setter
    def value(self, value: Key) -> None:
        self._value = value
        for key, button in self._buttons.items():
            button.props['aria-pressed'] = 'true' if key == value else 'false'

    def label(self, key: Key, words: str) -> None:
        """Given a key, let its button say something else."""
        self._buttons[key].text = words

    def _button(self, key: Key, words: str) -> ui.button:
        return ui.button(words, color=None, on_click=lambda: self._press(key))

    def _press(self, key: Key) -> object:
        self.value = key
        return self._on_change()


class AnyOf(Generic[Key]):
    """A row of round buttons; `value` is the set of the pressed ones."""

    def __init__(
        self,
        options: Mapping[Key, str],
        names: Mapping[Key, str],
        value: set[Key],
        on_change: Callable[[], object],
    ) -> None:
        self._value, self._on_change = set(value), on_change
        self.row = box('days')
        with self.row:
            self._buttons = {key: self._button(key, words, names[key]) for key, words in options.items()}
        self._show()

    @property
    def value(self) -> set[Key]:
        """The keys of the pressed buttons."""
        return set(self._value)

    def _button(self, key: Key, words: str, name: str) -> ui.button:
        button = ui.button(words, color=None, on_click=lambda: self._press(key))
        button.props['aria-label'] = name
        return button

    def _press(self, key: Key) -> object:
        self._value ^= {key}
        self._show()
        return self._on_change()

    def _show(self) -> None:
        for key, button in self._buttons.items():
            button.props['aria-pressed'] = 'true' if key in self._value else 'false'
