"""The field above a list that narrows it down as one types."""

from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.events import ValueChangeEventArguments


def search_field(placeholder: str, on_search: Callable[[str], Awaitable[None]], value: str = '') -> ui.input:
    """Given what to call with the text, draw the field. It waits until one stops typing."""

    async def changed(event: ValueChangeEventArguments[str | None]) -> None:
        await on_search((event.value or '').strip())

    field = ui.input(placeholder=placeholder, value=value, on_change=changed).classes('search')
    field.props('clearable debounce=300 type=search').props['aria-label'] = 'Search'
    with field.add_slot('prepend'):
        ui.icon('o_search')
    return field
