"""One line of the audit log."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel

Outcome = Literal['done', 'refused', 'failed']


class AuditEntry(BaseModel):
    """Who did what to what, from where, when, and how it ended. No field ever holds a secret.

    `kind` is user, token, command, or nobody for somebody who is not logged in.
    """

    time: AwareDatetime
    who: str
    kind: str
    address: str = ''
    action: str
    object: str = ''
    details: str = ''
    outcome: Outcome = 'done'
    error: str = ''
