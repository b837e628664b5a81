import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plumbus.errors import InvalidInput, StoreError
from plumbus.transfer.keys import Keys, fingerprint

KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHrBLLYfV2VmLvGJe2GvGJPnsVb/lgNOTHRsLhNQzjbX'
OTHER = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'


def modes(folder: Path) -> dict[str, str]:
    return {path.name: stat.filemode(path.stat().st_mode) for path in [folder, *folder.iterdir()]}


def ssh_keygen(*arguments: str) -> str:
    return subprocess.run(
        ['ssh-keygen', *arguments], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def test_it_makes_an_identity_that_openssh_reads(keys: Keys) -> None:
    told = ssh_keygen('-y', '-f', str(keys.identity_path))
    assert told.split()[:2] == keys.public_key.split()[:2]
    assert keys.public_key.startswith('ssh-ed25519 ')


def test_it_lets_nobody_else_read_it(keys: Keys) -> None:
    keys.pin('client-1', KEY)
    assert keys.public_key
    assert modes(keys.folder) == {
        'keys': 'drwx------', 'id_ed25519': '-rw-------', 'id_ed25519.pub': '-rw-------', 'known_hosts': '-rw-------',
    }  # fmt: skip


def test_it_makes_the_identity_once(keys: Keys, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: keys.public_key, range(8)))
    assert made == {Keys(tmp_path / 'keys').public_key}


def test_it_never_replaces_a_damaged_identity(keys: Keys) -> None:
    keys.identity_path.write_text('half a key')
    with pytest.raises(StoreError, match='cannot be read'):
        _ = keys.public_key
    assert keys.identity_path.read_text() == 'half a key'


def test_it_computes_the_fingerprint_of_openssh(keys: Keys) -> None:
    told = ssh_keygen('-l', '-f', str(keys.identity_path))
    assert fingerprint(' '.join(keys.public_key.split()[:2])) == told.split()[1]


@pytest.mark.parametrize(
    'line',
    ['', 'ssh-ed25519', 'ssh-ed25519 !!!', f'{KEY}\nclient-2 {OTHER}', KEY.replace('ssh-ed25519', 'ssh-rsa'), 'ssh-ed25519 AAAA'],
)  # fmt: skip
def test_it_refuses_what_is_no_key(keys: Keys, line: str) -> None:
    with pytest.raises(InvalidInput):
        keys.pin('client-1', line)
    assert keys.pinned('client-1') is None


def test_it_pins_one_key_for_each_alias(keys: Keys, tmp_path: Path) -> None:
    keys.pin('client-1', KEY)
    keys.pin('client-12', OTHER)
    keys.pin('client-1', OTHER)
    keys.pin('client-1', KEY)
    again = Keys(tmp_path / 'keys')
    assert (again.pinned('client-1'), again.pinned('client-12'), again.pinned('client-2')) == (
        KEY,
        OTHER,
        None,
    )
    assert (
        ssh_keygen('-F', 'client-1', '-f', str(keys.known_hosts_path)).splitlines()[-1] == f'client-1 {KEY}'
    )


def test_it_forgets_a_pin(keys: Keys) -> None:
    keys.pin('client-1', KEY)
    keys.pin('client-2', OTHER)
    keys.forget('client-1')
    keys.forget('client-3')
    assert (keys.pinned('client-1'), keys.pinned('client-2')) == (None, OTHER)


def test_it_loses_no_pin_when_many_are_made_at_once(keys: Keys) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: keys.pin(f'client-{number}', KEY), range(20)))
    assert [number for number in range(20) if keys.pinned(f'client-{number}') != KEY] == []


@pytest.mark.parametrize(
    'alias', ['', '-oProxyCommand=x', 'a b', '*', 'Client', 'a\nb', 'a,b', '!a', '@revoked']
)
def test_it_refuses_an_alias_that_ssh_could_misread(keys: Keys, alias: str) -> None:
    with pytest.raises(InvalidInput):
        keys.pin(alias, KEY)


def test_it_says_when_the_folder_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(StoreError, match='keys folder'):
        Keys(tmp_path / 'file' / 'keys').pin('client-1', KEY)
