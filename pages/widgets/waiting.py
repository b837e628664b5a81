"""Why a backup has not begun yet, and which number it is in the queue."""

from datetime import tzinfo

from nicegui import ui

from pages.widgets.text import Text, box, card
from pages.widgets.when import When
from plumbus.model import Backup

NO_PLACE = 'It waits for a free place.'
BY_ITSELF = 'It begins by itself; you can close this page.'


def draw_waiting(backup: Backup, zone: tzinfo) -> None:
    """Given a queued backup and the zone of its times, draw a card that tells what it waits for."""
    with card().mark('waiting'), box('row-line wrap'):
        ui.icon('o_schedule', size='32px').classes('sub')
        with box('grow stack tight'):
            Text(backup.queued_reason or NO_PLACE, 'strong wrap-any', 'p').props('role=status')
            with box('sub', 'p'):
                if backup.queue_position:
                    Text(f'Number {backup.queue_position} in the queue. ')
                if backup.next_try:
                    Text('Next try: ')
                    When(backup.next_try, zone)
                    Text('. ')
                Text(BY_ITSELF)
