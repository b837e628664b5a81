"""Says in plain words why rsync or ssh ended as it did. Pure; one table of causes, each with a remedy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal['ok', 'warning', 'failed']
Stage = Literal['connect', 'scan', 'transfer', 'restore']


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """`cause` is a row of the table ('' when all went well); `files` names up to 100 files that were left out."""

    cause: str
    message: str
    remedy: str
    transient: bool
    severity: Severity
    files: list[str]


def explain(exit_code: int, error_lines: Sequence[bytes], *, stage: Stage = 'transfer') -> Explanation:
    """Given how a child of ours ended and the last lines of its stderr, return what a user is told.

    stderr decides before the exit code, which is racy: a refused connection ends in 255 or 12 (tried).
    """
    raise NotImplementedError
