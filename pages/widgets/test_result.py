"""What a connection test found: fingerprint, rsync, sudo; or what is wrong and how to mend it."""

from nicegui import ui

from pages.widgets.status import StatusChip
from pages.widgets.text import Text, box
from pages.wording import Look
from plumbus.model import ConnectionTest

GOOD = Look(tone='ok', icon='o_check', word='it works')
BAD = Look(tone='fa', icon='o_close', word='no connection')
KEYS = {'new': 'new, not trusted yet', 'trusted': 'as pinned', 'changed': 'CHANGED since it was pinned'}
COMPARE = 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub'


def draw_test(result: ConnectionTest, pinned: str | None = None) -> None:
    """Given the result of a connection test, show it; `pinned` is the fingerprint that was expected."""
    with (
        box(f'panel stack near notice {"ok" if result.success else "fa"}')
        .props('role=status')
        .mark('test-result')
    ):
        with box('row-line wrap'):
            StatusChip(GOOD if result.success else BAD)
            Text(result.message if result.success else result.error or result.message, 'strong wrap-any')
        facts = _facts(result, pinned)
        if facts:
            with box('facts', 'dl'):
                for name, value in facts.items():
                    Text(name, tag='dt')
                    Text(value, 'mono' if value.startswith('SHA256:') else '', 'dd')
        if result.host_key and result.host_key.status in {'new', 'changed'}:
            with box('sub small wrap-any', 'p'):
                Text('To be sure it is your machine, compare the fingerprint with what this prints there: ')
                Text(COMPARE, 'mono')
        if result.sudo_details:
            with ui.expansion('What the machine said about sudo').classes('w-full'):
                Text(result.sudo_details, 'code mono', 'pre')


def _facts(result: ConnectionTest, pinned: str | None) -> dict[str, str]:
    changed = bool(result.host_key and result.host_key.status == 'changed')
    facts = {
        'Machine': result.system_info,
        'Pinned so far': pinned if changed else None,
        'Shown now' if changed else 'Fingerprint': result.host_key.fingerprint if result.host_key else None,
        'Host key': KEYS[result.host_key.status] if result.host_key else None,
        'rsync': result.rsync_version,
        'sudo': result.sudo_message,
        'Answers in': f'{result.latency_ms:.0f} ms' if result.latency_ms is not None else None,
    }
    return {name: value for name, value in facts.items() if value}
