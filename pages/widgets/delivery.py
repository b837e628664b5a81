"""What became of a test message."""

from nicegui import ui

from pages.widgets.text import Text, box
from plumbus.model import DeliveryTest


def draw_outcome(tested: DeliveryTest, name: str = '') -> None:
    """Given what became of a test message, and to whom, say it."""
    tone = 'ok' if tested.success else 'fa'
    with box(f'panel notice {tone} row-line top'):
        ui.icon('o_check_circle' if tested.success else 'o_error', size='20px').classes(f'ink-{tone}')
        with box('grow'):
            Text(f'{name}: {tested.message}' if name else tested.message, 'strong', 'p')
            if tested.error:
                Text(tested.error, 'wrap-any', 'p')
