"""A client whose rsync waits at a gate: a run stands still before a file comes, with nothing open for writing."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.support.engines import until

SCRIPT = """\
#!/bin/sh
if [ "$1" = --server ] && [ -e {folder}/closed ] && ! mkdir {folder}/scanned 2>/dev/null; then
    : >{folder}/reached
    while [ -e {folder}/closed ]; do sleep 0.05; done
fi
exec {rsync} "$@"
"""


@dataclass(frozen=True, slots=True)
class Gate:
    """`folder` is one that the client's login may write to. It lets scans through and holds what comes after."""

    folder: Path

    @property
    def script(self) -> str:
        """What stands in for rsync over there."""
        return SCRIPT.format(folder=self.folder, rsync=shutil.which('rsync'))

    def close(self) -> None:
        """Hold the transfer of the next run."""
        (self.folder / 'closed').touch()

    def until_reached(self) -> None:
        """Return once a transfer waits."""
        until((self.folder / 'reached').exists, 'the arrival at the gate')

    def open(self) -> None:
        """Let it go on."""
        (self.folder / 'closed').unlink()
        (self.folder / 'reached').unlink()
        (self.folder / 'scanned').rmdir()
