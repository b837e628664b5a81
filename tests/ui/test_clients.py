"""Adding, testing, changing and deleting clients."""

from typing import Any

import pytest
from nicegui import ui
from nicegui.testing import User

from plumbus.errors import ClientError
from plumbus.model import ConnectionTest, HostKey
from tests.support.page_engine import FINGERPRINT, PageEngine
from tests.support.visitor import until
from tests.ui.conftest import field

REFUSED = ClientError(
    '192.168.30.99 refuses connections on port 22.', 'Start sshd there, or check the port.', 'refused'
)


async def fill(user: User, **values: Any) -> None:
    await user.open('/clients/new')
    for label, value in values.items():
        field(user, label.replace('_', ' ')).value = value


async def test_it_adds_a_client_in_three_steps(user: User, engine: PageEngine) -> None:
    await fill(user, Address='192.168.30.99', Name='attic-pi', Login_name='pi')
    user.find('Test the connection').click()
    await user.should_see(FINGERPRINT)
    await user.should_see('3.4.1')
    user.find('Trust and save').click()
    await user.should_see('attic-pi is saved')
    await user.should_see('/home: everyone’s files')
    assert engine.client_list[-1].host_key == FINGERPRINT
    user.find('Set up the job').click()
    await until(lambda: user.back_history[-1] == '/jobs/new?client=13&path=%2Fetc&path=%2Fhome')


async def test_it_takes_the_address_for_a_name(user: User, engine: PageEngine) -> None:
    await fill(user, Address='pi.local', Login_name='pi')
    user.find('Test the connection').click()
    await user.should_see('Trust and save')
    user.find('Trust and save').click()
    await until(lambda: engine.client_list[-1].name == 'pi.local')


async def test_it_tells_what_is_wrong_with_the_connection_and_how_to_mend_it(
    user: User, engine: PageEngine
) -> None:
    engine.clients.trouble = REFUSED
    await fill(user, Address='192.168.30.99', Login_name='pi')
    user.find('Test the connection').click()
    await user.should_see(REFUSED.message)
    await user.should_see(REFUSED.remedy)
    await user.should_see('Save anyway')
    await user.should_not_see('Trust and save')


async def test_it_says_beside_the_field_what_is_wrong(user: User) -> None:
    await fill(user, Address='-oProxyCommand=sh', Login_name='')
    user.find('Test the connection').click()
    await until(lambda: bool(field(user, 'Address').error))
    assert 'host name or an IP address' in field(user, 'Address').error
    assert field(user, 'Login name').error


async def test_it_installs_the_key_with_a_password_that_is_not_kept(
    user: User, engine: PageEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = list[tuple[int, str]]()
    monkeypatch.setattr(
        engine.clients, 'install_key', lambda number, password: used.append((number, password))
    )
    await fill(user, Address='192.168.30.99', Login_name='pi')
    field(user, 'How to log in').value = 'install'
    field(user, 'Password of that login').value = 'juice'
    user.find('Test the connection').click()
    await user.should_see('Trust and save')
    user.find('Trust and save').click()
    await until(lambda: used == [(13, 'juice')])


async def test_it_asks_before_it_trusts_a_changed_key(
    user: User, engine: PageEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = ConnectionTest(
        success=False,
        message='failed',
        error='It shows another key than before.',
        host_key=HostKey(fingerprint=FINGERPRINT, status='changed'),
    )
    monkeypatch.setattr(engine.clients, 'test', lambda number: changed)
    await user.open('/clients/3')
    user.find('Test').click()
    await user.should_see('It shows another key than before.')
    user.find('Trust the new key …').click()
    await user.should_see('is forgotten')
    assert engine.clients.get(3).host_key != FINGERPRINT
    user.find('Trust it').click()
    await until(lambda: engine.clients.get(3).host_key == FINGERPRINT)


async def test_it_names_what_is_lost_before_it_deletes(user: User, engine: PageEngine) -> None:
    await user.open('/clients/9')
    user.find('Delete').click()
    await user.should_see('Delete garden-pi?')
    await user.should_see('2 jobs')
    user.find('Keep it').click()
    assert engine.clients.get(9)
    await user.should_not_see('Delete garden-pi?')


async def test_it_deletes_when_told_so(user: User, engine: PageEngine) -> None:
    await user.open('/clients/9')
    user.find('Delete').click()
    await user.should_see('Delete garden-pi?')
    user.find(marker='confirm').click()
    await until(lambda: 9 not in {client.id for client in engine.client_list})
    await until(lambda: user.back_history[-1] == '/clients')


async def test_it_saves_what_was_changed(user: User, engine: PageEngine) -> None:
    await user.open('/clients/3/edit')
    field(user, 'Name').value = 'home-assistant'
    user.find('Save').click()
    await until(lambda: engine.clients.get(3).name == 'home-assistant')


async def test_it_says_when_somebody_else_was_faster(user: User, engine: PageEngine) -> None:
    await user.open('/clients/3/edit')
    engine.clients.update(3, {'name': 'theirs'})
    field(user, 'Name').value = 'mine'
    user.find('Save').click()
    await user.should_see('Someone changed this client in the meantime.')
    assert engine.clients.get(3).name == 'theirs'


async def test_it_makes_no_second_client_when_something_fails_after_the_first_was_saved(
    user: User, engine: PageEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = list[str]()

    def refuse_once(number: int, password: str) -> None:
        tries.append(password)
        if len(tries) == 1:
            raise REFUSED

    monkeypatch.setattr(engine.clients, 'install_key', refuse_once)
    before = len(engine.client_list)
    await fill(user, Address='192.168.30.99', Name='attic', Login_name='pi')
    field(user, 'How to log in').value = 'install'
    field(user, 'Password of that login').value = 'wrong'
    user.find('Test the connection').click()
    await user.should_see('Trust and save')
    user.find('Trust and save').click()
    await user.should_see(REFUSED.message)
    assert len(engine.client_list) == before + 1
    user.find(kind=ui.button, content='Back').click()
    await user.should_see('Test the connection')
    field(user, 'Name').value = 'attic-pi'
    field(user, 'Password of that login').value = 'right'
    user.find('Test the connection').click()
    await user.should_see('Trust and save')
    user.find('Trust and save').click()
    await user.should_see('attic-pi is saved')
    assert tries == ['wrong', 'right']
    assert [client.name for client in engine.client_list[before:]] == ['attic-pi']
    assert not engine.client_list[-1].has_password


async def test_it_goes_back_to_its_own_key(user: User, engine: PageEngine) -> None:
    engine.client_list[2].has_private_key = True
    await user.open('/clients/3/edit')
    assert field(user, 'How to log in').value == 'private_key'
    user.find('Save').click()
    await until(lambda: engine.clients.get(3).revision == 2)
    assert engine.clients.get(3).has_private_key
    await user.open('/clients/3/edit')
    field(user, 'How to log in').value = 'key'
    user.find('Save').click()
    await until(lambda: not engine.clients.get(3).has_private_key)


async def test_it_lets_go_of_a_password_when_a_key_takes_its_place(user: User, engine: PageEngine) -> None:
    client = engine.client_list[2]
    client.has_password, client.auth_method = True, 'password'
    await user.open('/clients/3/edit')
    field(user, 'How to log in').value = 'private_key'
    user.find('Save').click()
    await until(lambda: field(user, 'Private key').error == 'Is needed for this login.')
    field(user, 'Private key').value = 'the text of a key'
    user.find('Save').click()
    await until(lambda: engine.clients.get(3).has_private_key)
    assert not engine.clients.get(3).has_password


async def test_it_saves_again_after_installing_the_key_failed(
    user: User, engine: PageEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = engine.client_list[2]
    client.has_password, client.auth_method = True, 'password'

    def refuse(number: int, password: str) -> None:
        raise REFUSED

    monkeypatch.setattr(engine.clients, 'install_key', refuse)
    await user.open('/clients/3/edit')
    field(user, 'How to log in').value = 'install'
    field(user, 'Password of that login').value = 'juice'
    user.find('Save').click()
    await user.should_see(REFUSED.message)
    stored = engine.clients.get(3)
    assert (stored.auth_method, stored.has_password, stored.revision) == ('password', True, 2)
    user.find('Save').click()
    await until(lambda: engine.clients.get(3).revision == 3)


async def test_a_changed_host_key_is_shown_beside_the_old_one(
    user: User, engine: PageEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = 'SHA256:' + 'o' * 43, 'SHA256:' + 'n' * 43
    engine.client_list[0].host_key = old
    changed = ConnectionTest(
        success=False, message='The connection test failed.', error='It shows another host key than before.',
        host_key=HostKey(fingerprint=new, status='changed'),
    )  # fmt: skip
    monkeypatch.setattr(engine.clients, 'test', lambda _: changed)
    await user.open(f'/clients/{engine.client_list[0].id}')
    user.find(content='Test', kind=ui.button).click()
    await user.should_see('Pinned so far')
    await user.should_see('Shown now')
    await user.should_see(new)
    await user.should_see('ssh-keygen -lf')
    user.find('Trust the new key').click()
    await user.should_see(f'Trust {new} from now on?')
    await user.should_see(f'The key pinned so far, {old}, is forgotten.')
    user.find('Trust it').click()
    await until(lambda: engine.client_list[0].host_key == new)
