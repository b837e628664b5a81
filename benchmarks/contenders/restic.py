"""restic: the client pushes chunks, always encrypted, into a repository of the server, over sftp."""

import json
import os
from pathlib import Path
from typing import ClassVar

from benchmarks.contenders.base import Contender, first_line, give_to_client, remove
from benchmarks.place import ALIAS, run


class Restic(Contender):
    """Compressed as it does by itself since repositories have version 2."""

    name: ClassVar[str] = 'restic'
    program: ClassVar[str] = 'restic'
    packages: ClassVar[tuple[str, ...]] = ('restic',)
    slow: ClassVar[bool] = True

    def version(self) -> str:
        """As it tells it."""
        return first_line(run(['restic', 'version'])).split()[1]

    def prepare(self, source: Path) -> None:
        """Make an empty repository."""
        super().prepare(source)
        give_to_client(self.place, self.folder)
        remove(self._cache)
        self._snapshots: list[str] = []
        self._run('init')

    def backup(self) -> None:
        """One more snapshot."""
        summary = self._run('backup', '--json', str(self.source)).splitlines()[-1]
        self._snapshots.append(json.loads(summary)['snapshot_id'])

    def restore(self, target: Path) -> None:
        """All of the newest."""
        self._run('restore', self._snapshots[-1], '--target', str(target))

    def restore_file(self, path: str, target: Path) -> None:
        """One path of it."""
        self._run(
            'restore', self._snapshots[-1], '--target', str(target), '--include', str(self.source / path)
        )

    def list_folder(self, path: str) -> int:
        """A headline, the folder itself, and what is in it."""
        return len(self._run('-q', 'ls', self._snapshots[-1], str(self.source / path)).splitlines()) - 1

    def delete_oldest(self) -> None:
        """Forget it, and free what only it used."""
        self._run('forget', '--prune', self._snapshots.pop(0))

    def finish(self) -> None:
        """The client's cache goes too."""
        super().finish()
        remove(self._cache)

    @property
    def _cache(self) -> Path:
        return self.place.sshd.folder / 'restic'

    def _run(self, *arguments: str) -> str:
        told = {'RESTIC_PASSWORD': 'benchmark', 'RESTIC_CACHE_DIR': str(self._cache)}
        ssh = f'sftp.command={self.place.ssh} {ALIAS} -s sftp'
        repository = f'sftp:{ALIAS}:{self.folder}/repository'
        return run(['restic', '-o', ssh, '-r', repository, *arguments], env={**os.environ, **told})
