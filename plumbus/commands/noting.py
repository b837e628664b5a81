"""What a command does is told in the audit log too: by which login of this machine."""

import os
from pathlib import Path

from plumbus.commands.ownership import name_of
from plumbus.model import Actor, Scope
from plumbus.services.audit import Audit
from plumbus.store.audit_file import AuditFile


def shell_user() -> Actor:
    """Return whoever runs this command: by the name that sudo left, if it did."""
    return Actor(name=os.environ.get('SUDO_USER') or name_of(os.getuid()), kind='command', scope=Scope.ADMIN)


def note(data_dir: Path, action: str, what: str = '', details: str = '') -> None:
    """Given the data folder and what was done to what, tell its audit log."""
    Audit(file=AuditFile(data_dir / 'logs')).record(action, shell_user(), object=what, details=details)
