"""Link-copies a whole tree: the copy has folders of its own, and shares every file with the tree."""

import os
from pathlib import Path

from plumbus.cancellation import Cancellation
from plumbus.transfer import process, rsync
from plumbus.transfer.process import Outcome

IDLE_S = 3600.0


def link_copy(
    tree: Path,
    copy: Path,
    home: Path,
    cancellation: Cancellation,
    time_limit_s: float | None = None,
    *,
    shared: bool = True,
) -> Outcome:
    """Given a tree and where its copy shall be, make that and return how cp ended: GNU cp follows no link with -a (cp(1)).

    Not `shared`, the copy has files of its own too.
    """
    return process.run(
        ['cp', '-al' if shared else '-a', '--', os.fspath(tree), os.fspath(copy)],
        cancellation=cancellation,
        env=rsync.environment(home),
        idle_timeout_s=IDLE_S,
        time_limit_s=time_limit_s,
    )
