"""What the disk of the snapshots and this machine's rsync can keep, what they lack, and how much room there is."""

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from pages.widgets.text import Text, box
from pages.wording import size

ABILITIES = {
    'hard_links': 'Hard links, which let snapshots share unchanged files',
    'xattrs': 'Extended attributes',
    'acls': 'Access control lists',
    'foreign_owners': 'Owners and devices, as root sees them',
    'case_sensitive': 'Names that differ in case alone',
    'sparse_files': 'Sparse files',
    'reflinks': 'Copies that share their blocks',
    'subvolumes': 'Subvolumes (btrfs), which make a snapshot in an instant',
}


def draw_storage(storage: Mapping[str, Any], stats: Mapping[str, Any], reserve_percent: float) -> None:
    """Given what the engine tells of the disk, its figures and the share of it that stays free, draw that."""
    for warning in storage['warnings']:
        _draw_warning(warning)
    with box('facts', 'dl'):
        for name, value in _facts(storage, stats, reserve_percent).items():
            Text(name, tag='dt')
            Text(value, tag='dd')
    known = {name: there for name, there in storage['file_system'].items() if name in ABILITIES}
    Text('The disk of the snapshots keeps', 'sub small', 'h3')
    with box('abilities', 'ul'):
        for name, words in ABILITIES.items():
            if name in known:
                _draw_ability(words, there=known[name])


def _draw_warning(warning: str) -> None:
    with box('panel notice wa row-line top').props('role=status'):
        ui.icon('o_warning_amber', size='20px').classes('ink-wa')
        Text(warning, 'wrap-any grow', 'p')


def _draw_ability(words: str, *, there: bool) -> None:
    with box(tag='li'):
        ui.icon('o_check' if there else 'o_close').classes('ink-ok' if there else 'ink-no')
        Text('yes:' if there else 'no:', 'hidden-label')
        Text(words, '' if there else 'sub')


def _facts(storage: Mapping[str, Any], stats: Mapping[str, Any], reserve_percent: float) -> dict[str, str]:
    total, free = stats['disk_total_bytes'], stats['disk_free_bytes']
    room = (
        f'{size(free)} of {size(total)} ({100 * free / total:.0f} %)' if total else 'the disk does not tell'
    )
    reserve = f'{reserve_percent:g} %' + (f', {size(total * reserve_percent / 100)}' if total else '')
    return {
        'Free': room,
        'Kept free': f'{reserve}; a backup stops before it uses that up',
        'Snapshots': size(stats['disk_bytes']),
        'rsync here': storage['rsync_version'] or 'not installed',
    }
