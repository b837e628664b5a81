"""`rsync -a --link-dest` by hand, the measure of all others; one file comes back by scp, and a snapshot goes by rm -rf."""

import os
from pathlib import Path
from typing import ClassVar

from benchmarks.contenders.base import Contender, first_line
from benchmarks.place import ALIAS, run


class BareRsync(Contender):
    """A folder a run, numbered."""

    name: ClassVar[str] = 'bare rsync'
    program: ClassVar[str] = 'rsync'

    def version(self) -> str:
        """As rsync tells it."""
        return first_line(run(['rsync', '--version'])).split()[2]

    def backup(self) -> None:
        """Link what is as it was in the run before."""
        before = self._snapshots()
        linked = [f'--link-dest={before[-1]}'] if before else []
        new = self.folder / f'{len(os.listdir(self.folder)) + self._deleted():04}'
        run(['rsync', '-a', *linked, '-e', self.place.ssh, f'{self.remote_source}/', f'{new}/'])

    def restore(self, target: Path) -> None:
        """Push the newest folder back."""
        run(['rsync', '-a', '-e', self.place.ssh, f'{self._snapshots()[-1]}/', f'{ALIAS}:{target}/'])

    def restore_file(self, path: str, target: Path) -> None:
        """Push one file with scp."""
        file = self._snapshots()[-1] / path
        run(['scp', '-q', '-p', '-F', str(self.place.ssh_config), str(file), f'{ALIAS}:{target}/'])

    def list_folder(self, path: str) -> int:
        """What ls does."""
        return len(run(['ls', '-lA', str(self._snapshots()[-1] / path)]).splitlines()) - 1

    def delete_oldest(self) -> None:
        """rm -rf."""
        run(['rm', '-rf', '--', str(self._snapshots()[0])])

    def _snapshots(self) -> list[Path]:
        return sorted(self.folder.iterdir())

    def _deleted(self) -> int:
        snapshots = self._snapshots()
        return int(snapshots[0].name) if snapshots else 0
