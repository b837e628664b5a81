"""Puts together who may come in, what they leave in the audit log, and the secrets, for the engine."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from plumbus.config import Settings
from plumbus.events import EventBus
from plumbus.model import NotificationTarget
from plumbus.services.accounts import Accounts
from plumbus.services.audit import Audit
from plumbus.services.secrets import Secrets
from plumbus.services.tokens import Tokens
from plumbus.services.users import Users
from plumbus.store.audit_file import AuditFile
from plumbus.store.documents import Documents
from plumbus.store.opened import Store


def made_people(
    store: Store, settings: Settings, clock: Callable[[], datetime], events: EventBus
) -> tuple[Accounts, Users, Tokens, Audit, Secrets]:
    """Given what they stand on, return the logins, the users, the tokens, the audit log and the stored secrets."""
    accounts = Accounts(store.database, settings, clock, vault=store.vault, events=events)
    owners: dict[str, Documents[Any]] = {
        'client': store.clients,
        'job': store.jobs,
        'target': Documents(store.database, 'targets', NotificationTarget, clock),
        'user': accounts.users.accounts,
    }
    return (
        accounts,
        accounts.users,
        Tokens(store.database, settings, clock, events),
        Audit(file=AuditFile(settings.data_dir.resolve() / 'logs'), now=clock, events=events),
        Secrets(vault=store.vault, owners=owners),
    )
