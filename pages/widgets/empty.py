"""What a list shows while it is empty, and while it loads."""

from nicegui import ui

from pages.widgets.text import Text, box, button_link


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


def skeleton(lines: int = 4) -> ui.element:
    """Return grey lines in the place of what is being loaded."""
    area = box('skeletons')
    area.props['aria-hidden'] = 'true'
    with area:
        for _ in range(lines):
            ui.skeleton(height='20px', width='100%')
    return area
