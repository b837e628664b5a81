"""What people read in the audit log."""

from pages.audit_words import ACTS
from plumbus.services.rights import RIGHTS


def test_every_action_that_needs_a_right_has_words() -> None:
    actions = {right.action for right in RIGHTS.values()} - {''}
    assert actions - ACTS.keys() == set()
