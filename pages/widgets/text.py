"""Boxes and texts with the right HTML tag, buttons in the few kinds there are."""

from collections.abc import Iterable

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import ClickEventArguments, Handler

Click = Handler[ClickEventArguments] | None


class Text(TextElement):
    """Literal text in any tag: a heading, a term, a table cell."""

    def __init__(self, text: str, classes: str = '', tag: str = 'span') -> None:
        super().__init__(tag=tag, text=text)
        self.classes(classes)


def box(classes: str = '', tag: str = 'div') -> ui.element:
    """Return an empty element to fill with `with`."""
    return ui.element(tag).classes(classes)


def card(title: str = '', note: str = '', *, classes: str = '') -> ui.element:
    """Return a card, with a heading and a note at its right if given."""
    frame = box(f'card {classes}', 'section')
    if title:
        frame.props['aria-label'] = title
        with frame, box('card-head'):
            Text(title, tag='h2')
            if note:
                Text(note, 'sub')
    return frame


def draw_tiles(tiles: Iterable[tuple[str, str, str]], classes: str = 'tiles') -> None:
    """Given names, figures and a note on each, draw them as tiles side by side."""
    with box(classes):
        for name, figure, note in tiles:
            with box('card tile'):
                Text(name, 'sub small', 'div')
                Text(figure, 'num', 'div')
                Text(note, 'sub small', 'div')


def link(text: str, target: str, classes: str = '') -> ui.link:
    """Return a link inside PLUMBUS. The target is ours, never a user's text."""
    return ui.link(text, target).classes(classes)


def button(text: str, kind: str = 'plain', *, icon: str | None = None, on_click: Click = None) -> ui.button:
    """Return a button; kinds are primary, plain, quiet and danger."""
    return ui.button(text, icon=icon, color=None, on_click=on_click).classes(f'btn {kind}')


def button_link(text: str, target: str, kind: str = 'plain', *, icon: str | None = None) -> ui.button:
    """Return a link that looks like a button; `target` is ours, never a user's text."""
    made = button(text, kind, icon=icon)
    made.props['href'] = target
    return made


def icon_button(icon: str, name: str, *, on_click: Click = None) -> ui.button:
    """Return a round-about 36 px button that screen readers call `name`."""
    made = ui.button(icon=icon, color=None, on_click=on_click).classes('btn plain icon')
    made.props['aria-label'] = made.props['title'] = name
    return made


def titled(element: Text, title: str) -> Text:
    """Given an element, show `title` when the pointer rests on it."""
    element.props['title'] = title
    return element


def focus(element: ui.element) -> None:
    """Let the keyboard go on from here, because what had the focus is gone."""
    ui.run_javascript(f'getHtmlElement({element.id})?.focus()')
