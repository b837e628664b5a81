"""What docker-compose.yml leaves to the container is enough: with so few capabilities owners, devices and the like are kept."""

import re
from pathlib import Path

from scripts.image_test import CAPABILITIES
from tests.support.engines import differences
from tests.support.marks import needs_root
from tests.support.served import ROOT, Served
from tests.support.sshd import Sshd
from tests.support.zoo import make_zoo


class Confined(Served):
    """Run as root with these capabilities alone (setpriv(1)), for itself and whatever it starts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        kept = ','.join(['-all', *(f'+{name.lower()}' for name in CAPABILITIES)])
        self._command = [
            'setpriv',
            '--inh-caps',
            kept,
            '--bounding-set',
            kept,
            '--no-new-privs',
            *self._command,
        ]


def test_it_is_what_compose_gives_it() -> None:
    compose = (ROOT / 'docker-compose.yml').read_text()
    given = re.search(r'cap_add: \[(.*)\]', compose)
    assert given
    assert 'cap_drop: [ALL]' in compose
    assert tuple(given[1].split(', ')) == CAPABILITIES


@needs_root
def test_few_capabilities_keep_what_the_files_have(sshd: Sshd, tmp_path: Path) -> None:
    source = sshd.folder / f'zoo-{tmp_path.name}'
    make_zoo(source, root=True, unreadable=False)
    with Confined(tmp_path) as served, served.api as api, sshd.sudo_allowed():
        sshd.authorize(api.get('/api/system/public-key').json()['public_key'])
        fields = {'name': 'pi', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user, 'use_sudo': True}
        client = api.post('/api/clients', json=fields).json()['id']
        job = api.post(
            '/api/jobs', json={'client_id': client, 'name': 'zoo', 'source_path': str(source)}
        ).json()['id']
        for _ in range(2):  # the second shares with the first
            backup = api.post(f'/api/jobs/{job}/run', params={'wait': 60}).json()
            assert backup['status'] == 'completed', (backup['error_message'], backup['warnings'])
            tree = served.data / backup['backup_path'] / 'tree'
            assert differences(source, tree / str(source).lstrip('/')) == ''
