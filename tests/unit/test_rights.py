"""The table of rights: whoever lets a page or a route ask the engine for something new must say who may."""

import re
from pathlib import Path

from plumbus.model import Scope
from plumbus.services.rights import RIGHTS, allowed, right_to

ROOT = Path(__file__).resolve().parents[2]
NOT_BY_THE_DOOR = {'tokens.actor'}  # the gate asks it, before anybody is known
PASSED_ON = {'settings', 'events'}


def operations() -> set[str]:
    """What pages and API ask the engine for, as their source says."""
    sources = [*ROOT.glob('pages/**/*.py'), *ROOT.glob('plumbus/api/*.py')]
    found = (re.findall(r'\bengine\.([a-z_]+\.[a-z_]+)', path.read_text('utf-8')) for path in sources)
    return {one for names in found for one in names if one.partition('.')[0] not in PASSED_ON}


def test_it_is_decided_who_may_ask_for_what() -> None:
    used = operations()
    assert len(used) > 60
    undecided = used - RIGHTS.keys() - NOT_BY_THE_DOOR
    assert not undecided, f'Say in plumbus/services/rights.py who may: {sorted(undecided)}'


def test_without_a_decision_it_is_for_admins_and_noted() -> None:
    right = right_to('clients.new_thing')
    assert (right.scope, right.action) == (Scope.ADMIN, 'clients.new_thing')
    assert not allowed(Scope.RUN, 'clients.new_thing')


def test_what_changes_something_is_noted() -> None:
    quiet = {name for name, right in RIGHTS.items() if not right.action and right.scope is Scope.RUN}
    assert quiet <= {'clients.browse'}
