"""rsnapshot: rotates folders, link-copies the newest with cp -al, and lets rsync change the copy."""

from pathlib import Path
from typing import ClassVar

from benchmarks.contenders.base import Contender, first_line
from benchmarks.place import ALIAS, run

CONFIG = """\
config_version	1.2
snapshot_root	{root}/
cmd_cp	/bin/cp
cmd_rm	/bin/rm
cmd_rsync	{rsync}
cmd_ssh	/usr/bin/ssh
ssh_args	-F {ssh_config}
retain	daily	50
verbose	1
loglevel	1
lockfile	{root}.pid
backup	{source}/	client/
"""


class Rsnapshot(Contender):
    """Its snapshots are daily.0, the newest, daily.1 and so on."""

    name: ClassVar[str] = 'rsnapshot'
    program: ClassVar[str] = 'rsnapshot'
    packages: ClassVar[tuple[str, ...]] = ('rsnapshot',)

    def version(self) -> str:
        """As it tells it."""
        return first_line(run(['rsnapshot', 'version'])).split()[-1]

    def prepare(self, source: Path) -> None:
        """Write a configuration for this source."""
        super().prepare(source)
        self._config.write_text(
            CONFIG.format(
                root=self.folder, rsync=run(['which', 'rsync']).strip(), ssh_config=self.place.ssh_config,
                source=self.remote_source,
            )
        )  # fmt: skip

    def backup(self) -> None:
        """One more day; the older ones are renamed."""
        run(['rsnapshot', '-c', str(self._config), 'daily'])

    def restore(self, target: Path) -> None:
        """It leaves that to rsync."""
        run(['rsync', '-a', '-e', self.place.ssh, f'{self._tree}/', f'{ALIAS}:{target}/'])

    def restore_file(self, path: str, target: Path) -> None:
        """And one file to scp."""
        run(
            [
                'scp',
                '-q',
                '-p',
                '-F',
                str(self.place.ssh_config),
                str(self._tree / path),
                f'{ALIAS}:{target}/',
            ]
        )

    def list_folder(self, path: str) -> int:
        """What ls does."""
        return len(run(['ls', '-lA', str(self._tree / path)]).splitlines()) - 1

    def delete_oldest(self) -> None:
        """What it does itself with those that are not kept."""
        number = max(int(path.suffix[1:]) for path in self.folder.glob('daily.*'))
        run(['rm', '-rf', '--', str(self.folder / f'daily.{number}')])

    @property
    def _config(self) -> Path:
        return self.place.ssh_config.with_name('rsnapshot.conf')

    @property
    def _tree(self) -> Path:
        return self.folder / 'daily.0' / 'client' / str(self.source).lstrip('/')
