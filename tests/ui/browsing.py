"""What a person does on the page Browse & restore, for its tests."""

from typing import Any
from urllib.parse import urlencode

from nicegui.events import GenericEventArguments, handle_event
from nicegui.testing import User

from tests.support.past import Past
from tests.support.visitor import until
from tests.ui.conftest import rows


def at(lived: Past, **query: object) -> str:
    """The address of a place; `path` and `file` are below the home of the machine, `snapshot` counts from 0."""
    home = str(lived.machine.home)
    for name in ('path', 'file'):
        if name in query:
            query[name] = f'{home}/{query[name]}'.rstrip('/')
    for name in ('snapshot', 'against'):
        if name in query:
            query[name] = lived.backups[int(str(query[name]))].id
    return f'/browse?{urlencode({"job": lived.job.id, **query})}'


def names(shown: list[dict[str, Any]]) -> list[str]:
    return [row['name']['text'] for row in shown]


def by_label(user: User, label: str) -> Any:
    """The one element that screen readers call so."""
    assert user.client
    found = [e for e in user.client.elements.values() if e.props.get('aria-label') == label and e.visible]
    assert len(found) == 1, f'{len(found)} elements are called {label}'
    return found[0]


async def labelled(user: User, label: str) -> Any:
    assert user.client
    client = user.client
    await until(
        lambda: any(e.props.get('aria-label') == label and e.visible for e in list(client.elements.values()))
    )
    return by_label(user, label)


async def act(user: User, table: str, act: str, name: str) -> None:
    """Do what a click on the row of that name does."""
    shown = await rows(user, table)
    row = next(row for row in shown if row['name']['text'] == name)
    listing = by_label(user, table)
    user_click(listing, 'act', {'act': act, 'id': row['id']})


def user_click(element: Any, event: str, args: Any) -> None:
    for listener in element._event_listeners.values():
        if listener.type == event:
            handle_event(
                listener.handler, GenericEventArguments(sender=element, client=element.client, args=args)
            )


def bars(user: User) -> list[Any]:
    strip = by_label(user, 'Snapshots')
    return [item.default_slot.children[0] for item in strip.default_slot.children]
