"""BorgBackup: the client pushes chunks into a repository of the server, over ssh; without encryption, compressed by lz4."""

import os
from pathlib import Path
from typing import ClassVar

from benchmarks.contenders.base import Contender, first_line, give_to_client, remove
from benchmarks.place import ALIAS, run


class Borg(Contender):
    """Its archives are numbered."""

    name: ClassVar[str] = 'borg'
    program: ClassVar[str] = 'borg'
    packages: ClassVar[tuple[str, ...]] = ('borgbackup',)
    slow: ClassVar[bool] = True

    _first, _next = 0, 0

    def version(self) -> str:
        """As it tells it."""
        return first_line(run(['borg', '--version'])).split()[-1]

    def prepare(self, source: Path) -> None:
        """Make an empty repository."""
        super().prepare(source)
        give_to_client(self.place, self.folder)
        remove(self._base)
        self._first = self._next = 0
        self._run('init', '--encryption', 'none', self._repository)

    def backup(self) -> None:
        """One more archive."""
        self._run('create', f'{self._repository}::{self._next}', '.', cwd=self.source)
        self._next += 1

    def restore(self, target: Path) -> None:
        """All of the newest archive."""
        self._run('extract', self._newest, cwd=target)

    def restore_file(self, path: str, target: Path) -> None:
        """One path of it."""
        self._run('extract', self._newest, path, cwd=target)

    def list_folder(self, path: str) -> int:
        """Those below the folder, without itself."""
        return len(self._run('list', '--short', self._newest, path).splitlines()) - 1

    def delete_oldest(self) -> None:
        """Delete it, and free what only it used."""
        self._run('delete', f'{self._repository}::{self._first}')
        self._run('compact', self._repository)
        self._first += 1

    def finish(self) -> None:
        """The client's cache goes too."""
        super().finish()
        remove(self._base)

    @property
    def _base(self) -> Path:
        return self.place.sshd.folder / 'borg'

    @property
    def _repository(self) -> str:
        return f'ssh://{ALIAS}{self.folder}/repository'

    @property
    def _newest(self) -> str:
        return f'{self._repository}::{self._next - 1}'

    def _run(self, *arguments: str, cwd: Path | None = None) -> str:
        told = {
            'BORG_BASE_DIR': str(self._base),
            'BORG_RSH': self.place.ssh,
            'BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK': 'yes',
        }
        return run(['borg', *arguments], env={**os.environ, **told}, cwd=cwd)
