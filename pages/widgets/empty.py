"""What a list shows while it is empty, and while it loads."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from pages.widgets.text import Text, box, button, button_link
from plumbus.errors import PlumbusError


def empty(title: str, joke: str, action: tuple[str, str] | None = None) -> ui.element:
    """Given a title, a line to smile about and (text, target) of what to do next, say that nothing is here yet."""
    area = box('empty')
    with area:
        box(tag='img').props('src=/static/logo.svg alt=""')
        Text(title, 'strong', 'h2')
        Text(joke, 'joke', 'p')
        if action:
            button_link(*action, 'primary', icon='o_add' if '/new' in action[1] else 'o_arrow_forward')
    return area


def trouble(error: PlumbusError, again: Callable[[], Awaitable[None]]) -> ui.element:
    """Given why something could not be loaded, say so in its place, with a button that tries it again."""
    area = box('empty').props('role=alert')
    with area:
        Text(error.message, 'strong wrap-any', 'p')
        if error.remedy:
            Text(error.remedy, 'sub wrap-any', 'p')
        button('Try again', icon='o_refresh', on_click=again)
    return area


def skeleton(lines: int = 4) -> ui.element:
    """Return grey lines in the place of what is being loaded."""
    area = box('skeletons')
    area.props['aria-hidden'] = 'true'
    with area:
        for _ in range(lines):
            ui.skeleton(height='20px', width='100%')
    return area
