"""Brings what was written to the disk, before it gets a name that says that it is whole."""

from pathlib import Path

from plumbus.cancellation import Cancellation
from plumbus.failures import failed
from plumbus.transfer import process, rsync

IDLE_S = 3600.0


def sync(folder: Path, home: Path, cancellation: Cancellation) -> None:
    """Given a folder, bring its whole file system to the disk (sync(1), -f). Raise TransferFailed if that fails, or Cancelled."""
    outcome = process.run(
        ['sync', '-f', str(folder)],
        cancellation=cancellation,
        env=rsync.environment(home),
        idle_timeout_s=IDLE_S,
    )
    cancellation.check()
    if outcome.exit_code:
        raise failed('not_synced')
