"""Lists of lines as programs write them: what is missing, what went wrong, where."""

from collections.abc import Iterable, Sequence

from nicegui import ui

from pages.widgets.text import Text, box
from pages.wording import literal, plural


def draw_lines(lines: Iterable[str]) -> ui.element:
    """Given lines, draw one below the other, every character of theirs visible."""
    with box('warnings divided mono', 'ul') as drawn:
        for line in lines:
            Text(literal(line), tag='li')
    return drawn


def draw_folded(name: str, lines: Sequence[str]) -> ui.expansion:
    """Given what lines tell of and the lines, draw how many they are; a click shows them."""
    with ui.expansion(f'{name}: {plural(len(lines), "entry", "entries")}').classes('w-full') as folded:
        draw_lines(lines)
    return folded
