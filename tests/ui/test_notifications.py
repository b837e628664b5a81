"""Settings → Notifications: who is told of what, a test in plain words, the log, and the URL that is never shown."""

from typing import Any

import pytest
from nicegui import ui
from nicegui.testing import User

from pages.notification_services import SERVICES, url_of
from pages.notification_words import kinds_in_words
from plumbus.errors import InvalidInput
from plumbus.model import EVENT_KINDS
from plumbus.notify.attempt import Attempts
from plumbus.notify.services import AppriseSender
from tests.support import page_data
from tests.support.page_engine import PageEngine
from tests.support.visitor import until
from tests.ui.conftest import field, rows

HOME = '/settings/notifications'


async def test_it_lists_targets_without_their_urls(user: User) -> None:
    await user.open(HOME)
    shown = {row['name']['text']: row for row in await rows(user, 'Targets')}
    assert shown['Mail to Ada']['name']['under'] == 'E-Mail · mailtos://…'
    assert shown['Mail to Ada']['kinds']['text'] == 'everything'
    assert shown['Family chat']['kinds']['text'] == 'failed, overdue, disk'
    assert shown['Family chat']['jobs']['text'] == '3 jobs'
    assert shown[page_data.LONG]['on']['text'] == 'off'


async def test_the_log_tells_why_a_message_did_not_arrive(user: User) -> None:
    await user.open(HOME)
    log = await rows(user, 'Deliveries')
    assert 'it refused the login or the token' in log[0]['title']['under']
    assert [row['outcome']['text'] for row in log[:3]] == ['trying again', 'delivered', 'not delivered']


async def act(user: User, name: str, number: int) -> None:
    table = next(e for e in user.find(kind=ui.table).elements if e.props.get('aria-label') == 'Targets')
    for listener in table._event_listeners.values():
        if listener.type == 'act':
            table._handle_event({'listener_id': listener.id, 'args': {'act': name, 'id': number}})


async def test_a_test_message_says_what_became_of_it(user: User) -> None:
    await user.open(HOME)
    await rows(user, 'Targets')
    await act(user, 'test', 1)
    await user.should_see('Mail to Ada: E-Mail took the message. Look whether it arrived.')
    await act(user, 'test', 2)
    await user.should_see('Family chat: The test message could not be delivered.')


async def test_it_asks_before_it_forgets_a_target(user: User, engine: PageEngine) -> None:
    await user.open(HOME)
    await rows(user, 'Targets')
    await act(user, 'delete', 2)
    await user.should_see('The target Family chat, with its URL')
    user.find(marker='confirm').click()
    await until(lambda: [one.id for one in engine.notifications.targets] == [1, 3])


async def test_it_adds_a_target_with_a_form_of_its_service(user: User, engine: PageEngine) -> None:
    await user.open(f'{HOME}/new')
    field(user, 'Name').value = 'My phone'
    field(user, 'Service').value = 'ntfy'
    user.find('Save').click()
    await until(lambda: field(user, 'Topic').error == 'Is needed.')
    field(user, 'ntfy server').value = 'https://ntfy.sh'
    field(user, 'Topic').value = 'fleeb/juice'
    user.find('A job is overdue').click()
    user.find('Send a test message').click()
    await user.should_see('Fake took the message.')
    user.find('Save').click()
    await until(lambda: len(engine.notifications.targets) == 4)
    target = engine.notifications.targets[-1]
    assert engine.notifications.urls[target.id] == 'ntfys://ntfy.sh/fleeb%2Fjuice'
    assert target.kinds == [kind for kind in EVENT_KINDS if kind != 'overdue']
    assert target.job_ids is None


async def test_it_says_beside_the_field_what_is_wrong_with_a_url(user: User) -> None:
    await user.open(f'{HOME}/new')
    field(user, 'Name').value = 'x'
    field(user, 'Service').value = 'other'
    field(user, 'Apprise URL').value = 'nonsense://x'
    user.find('Save').click()
    await until(lambda: bool(field(user, 'Apprise URL').error))


async def test_a_change_leaves_the_url_alone_unless_another_one_is_entered(
    user: User, engine: PageEngine
) -> None:
    await user.open(f'{HOME}/2')
    assert field(user, 'Service').value == 'keep'
    field(user, 'Name').value = 'Chat'
    field(user, 'These jobs').value = [1]
    user.find('Save').click()
    await until(lambda: engine.notifications.get(2).name == 'Chat')
    assert engine.notifications.get(2).job_ids == [1]
    assert engine.notifications.urls == {}


async def test_it_changes_reminders_and_the_day_of_the_report(user: User, engine: PageEngine) -> None:
    await user.open(HOME)
    await user.should_see('Weekly report on')
    field(user, 'Weekly report on').value = 4
    field(user, 'Remind again after … hours').value = 0
    user.find('Save').click()
    await until(lambda: engine.notifications.kept.report_weekday == 4)
    assert engine.notifications.kept.reminder_hours == 0


async def test_settings_lead_there_and_warn_when_nobody_is_told(user: User, engine: PageEngine) -> None:
    await user.open('/settings')
    await user.should_see('2 targets are told when something goes wrong: Mail to Ada, Family chat')
    engine.notifications.targets.clear()
    await user.open('/settings')
    await user.should_see('Nobody is told when a backup fails.')


async def test_a_job_keeps_its_ping_url_until_it_is_told_to_forget(
    user: User, engine: PageEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = list[Any]()
    monkeypatch.setattr(
        engine.jobs, 'update', lambda number, fields: sent.append(fields) or engine.jobs.get(number)
    )
    engine.job_list[0].ping_shown = 'https://hc-ping.com/…'
    await user.open('/jobs/1/edit')
    user.find('Save job').click()
    await until(lambda: len(sent) == 1)
    assert sent[0]['ping_url'] is None
    await user.open('/jobs/1/edit')
    user.find('Forget the stored ping URL').click()
    user.find('Save job').click()
    await until(lambda: len(sent) == 2)
    assert sent[1]['ping_url'] == ''
    assert 'forget_ping_url' not in sent[1]


ENTERED = {
    'mail': {'to': 'a@example.com', 'from': 'p@example.com', 'server': 'smtp.example.com:587', 'user': 'me@x', 'password': 'p/w:d@'},
    'ntfy': {'server': 'http://ntfy.lan:8080', 'topic': 'fleeb'},
    'telegram': {'token': '123456789:abcdefg_hijklmnopqrstuvwxyz0123456789', 'chat': '12345'},
    'discord': {'address': 'https://discord.com/api/webhooks/1234567890/abcdefghijklmnopqrstuvwxyz'},
    'slack': {'address': 'https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ'},
    'gotify': {'server': 'https://gotify.example.com', 'token': 'abcdef'},
    'pushover': {'user': 'u' * 30, 'token': 'a' * 30},
    'hook': {'address': 'https://host.example.com:8443/path?x=1'},
    'other': {'address': 'gotify://host/token'},
}  # fmt: skip


@pytest.mark.parametrize('service', SERVICES)
def test_apprise_knows_what_each_form_makes(service: str) -> None:
    url = url_of(service, ENTERED[service])
    assert AppriseSender(Attempts()).describe(url).url_shown.endswith('://…')


def test_a_form_says_what_it_lacks() -> None:
    with pytest.raises(InvalidInput) as refused:
        url_of('mail', {'to': 'a@example.com'})
    assert refused.value.fields.keys() == {'from', 'server'}
    with pytest.raises(InvalidInput) as refused:
        url_of('ntfy', {'server': 'ftp://x', 'topic': 'x'})
    assert refused.value.fields.keys() == {'server'}


def test_kinds_are_told_in_few_words() -> None:
    assert kinds_in_words(EVENT_KINDS) == 'everything'
    assert (
        kinds_in_words([kind for kind in EVENT_KINDS if kind != 'weekly_report'])
        == 'everything but weekly report'
    )
    assert kinds_in_words([]) == 'nothing'
