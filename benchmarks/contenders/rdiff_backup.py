"""rdiff-backup: a mirror of the newest state, and differences that lead back to the older ones."""

import time
from pathlib import Path
from typing import ClassVar

from benchmarks.contenders.base import Contender, first_line
from benchmarks.place import ALIAS, run

API = ('--api-version', '201')


class RdiffBackup(Contender):
    """Runs on both machines."""

    name: ClassVar[str] = 'rdiff-backup'
    program: ClassVar[str] = 'rdiff-backup'
    packages: ClassVar[tuple[str, ...]] = ('rdiff-backup',)
    slow: ClassVar[bool] = True

    _made = 0

    def version(self) -> str:
        """As it tells it."""
        return first_line(run(['rdiff-backup', '--version'])).split()[-1]

    def prepare(self, source: Path) -> None:
        """An empty folder is a repository."""
        super().prepare(source)
        self._made = 0

    def backup(self) -> None:
        """Bring the mirror up to date, and keep the differences."""
        self._run('backup', f'{ALIAS}::{self.source}', str(self.folder))
        self._made += 1

    def restore(self, target: Path) -> None:
        """The state of now."""
        self._run('restore', '--at', 'now', str(self.folder), f'{ALIAS}::{target}')

    def restore_file(self, path: str, target: Path) -> None:
        """That of one file."""
        name = path.rpartition('/')[2]
        self._run('restore', '--at', 'now', str(self.folder / path), f'{ALIAS}::{target}/{name}')

    def list_folder(self, path: str) -> int:
        """The newest state is there as files."""
        return len(run(['ls', '-lA', str(self.folder / path)]).splitlines()) - 1

    def delete_oldest(self) -> None:
        """Keep one less."""
        self._made -= 1
        self._run('--force', 'remove', 'increments', '--older-than', f'{self._made}B', str(self.folder))

    def rest(self) -> None:
        """It makes no two states in one second."""
        super().rest()
        time.sleep(1.1)

    def _run(self, *arguments: str) -> str:
        schema = f'{self.place.ssh} {{h}} rdiff-backup {" ".join(API)} server'
        force = [word for word in arguments[:1] if word == '--force']
        return run(
            ['rdiff-backup', *API, *force, '--remote-schema', schema, *arguments[len(force) :]], accept=(0, 2)
        )
