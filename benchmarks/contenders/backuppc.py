"""BackupPC: a pool of compressed files on the server, filled by its own rsync. Unpacked into a folder, so that no web server is
installed for it; its daemon, which its commands ask, runs only while it takes part."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from benchmarks.contenders.base import Contender, remove
from benchmarks.measuring import Stopwatch
from benchmarks.place import ALIAS, run

UNPACKED = Path('build/backuppc').absolute()
PROGRAMS = UNPACKED / 'usr/share/backuppc/bin'
LIBRARY_FILE = UNPACKED / 'usr/share/backuppc/lib/BackupPC/Lib.pm'
CONFIG = UNPACKED / 'etc/backuppc/config.pl'
LIBRARY = UNPACKED / 'usr/share/perl5'
START_S = 20.0
SETTINGS = """
$Conf{{TopDir}} = '{folder}'; $Conf{{LogDir}} = '{folder}/log'; $Conf{{RunDir}} = '{folder}/log';
$Conf{{BackupPCUserVerify}} = 0; $Conf{{WakeupSchedule}} = [3]; $Conf{{DfCmd}} = undef;
$Conf{{FullKeepCnt}} = 50; $Conf{{IncrKeepCnt}} = 50;
$Conf{{XferMethod}} = 'rsync'; $Conf{{RsyncShareName}} = '{source}'; $Conf{{ClientNameAlias}} = 'localhost';
$Conf{{RsyncBackupPCPath}} = '{unpacked}/usr/libexec/backuppc-rsync/rsync_bpc';
$Conf{{RsyncSshArgs}} = ['-e', '{ssh}'];
for my $name (qw(SmbClientPath NmbLookupPath PingPath Ping6Path ParPath Bzip2Path SendmailPath RrdToolPath)) {{
    $Conf{{$name}} = '/bin/true';
}}
$Conf{{PingCmd}} = '/bin/true';
1;
"""


class BackupPC(Contender):
    """The first backup is a full one, those after it are incremental, as on its ordinary days."""

    name: ClassVar[str] = 'BackupPC'
    program: ClassVar[str] = 'perl'
    packages: ClassVar[tuple[str, ...]] = (
        'backuppc', 'backuppc-rsync', 'libbackuppc-xs-perl', 'libfile-listing-perl', 'libhttp-date-perl', 'libtimedate-perl',
        'libtime-parsedate-perl', 'libarchive-zip-perl',
    )  # fmt: skip
    slow: ClassVar[bool] = True
    big: ClassVar[bool] = False  # it compresses them for minutes

    _daemon: subprocess.Popen[bytes] | None = None

    @classmethod
    def available(cls) -> bool:
        """Whether it was unpacked, and for this folder."""
        known = LIBRARY_FILE.exists() and str(UNPACKED) in LIBRARY_FILE.read_text(encoding='latin-1')
        return super().available() and known and os.geteuid() == 0

    @classmethod
    def install(cls) -> None:
        """Fetch the packages, unpack them and let their texts name the folder they are in."""
        remove(UNPACKED)
        UNPACKED.mkdir(parents=True)
        run(['apt-get', 'download', '-q', *cls.packages], cwd=UNPACKED)
        for package in UNPACKED.glob('*.deb'):
            run(['dpkg-deb', '-x', str(package), str(UNPACKED)])
        places = re.compile(r'/(etc|usr/share|usr/lib|var/lib|var/log|var/run|run)/(backuppc|BackupPC)\b')
        for folder in ('bin', 'lib', 'conf'):
            for file in (UNPACKED / 'usr/share/backuppc' / folder).rglob('*'):
                if file.is_file():
                    text = file.read_text(encoding='latin-1')
                    file.write_text(places.sub(rf'{UNPACKED}/\1/\2', text), encoding='latin-1')

    def version(self) -> str:
        """That of its library."""
        found = re.search(r'Version (\d+\.\d+\.\d+)', LIBRARY_FILE.read_text(encoding='latin-1'))
        return found[1] if found else 'unknown'

    @contextmanager
    def running(self) -> Iterator[None]:
        """Its daemon is started by `prepare`, which knows the source."""
        try:
            yield
        finally:
            self._stop()

    def prepare(self, source: Path) -> None:
        """Write a configuration for this source and start the daemon."""
        self._stop()
        super().prepare(source)
        for name in ('pc', 'pool', 'cpool', 'log'):
            (self.folder / name).mkdir()
        sample = UNPACKED / 'usr/share/backuppc/conf/config.pl'
        fields = {'folder': self.folder, 'source': source, 'unpacked': UNPACKED, 'ssh': self.place.ssh}
        CONFIG.write_bytes(sample.read_bytes() + SETTINGS.format(**fields).encode())
        CONFIG.with_name('hosts').write_text(f'host dhcp user moreUsers\n{ALIAS} 0 root\n')
        self._start()

    def backup(self) -> None:
        """Incremental, if there is one already."""
        said = self._run('BackupPC_dump', '-i', ALIAS)
        if 'backup complete' not in said:
            raise RuntimeError(f'BackupPC: {said[-500:]}')

    def restore(self, target: Path) -> None:
        """A tar archive of the newest, unpacked on the client."""
        self._unpacked('.', target, 0)

    def restore_file(self, path: str, target: Path) -> None:
        """The same with one file."""
        self._unpacked(f'/{path}', target, path.count('/') + 1)

    def list_folder(self, path: str) -> int:
        """A headline comes before the entries."""
        return len(self._run('BackupPC_ls', *self._newest, f'/{path}').splitlines()) - 1

    def delete_oldest(self) -> None:
        """The pool gets its room back in a job of the night."""
        known = (self.folder / 'pc' / ALIAS / 'backups').read_text().splitlines()
        oldest = min(int(line.split()[0]) for line in known)
        self._run('BackupPC_backupDelete', '-h', ALIAS, '-n', str(oldest), '-r')

    def finish(self) -> None:
        """The daemon ends too."""
        self._stop()
        super().finish()

    def stopwatch(self) -> Stopwatch:
        """With the daemon, though it does next to nothing."""
        daemon = [self._daemon.pid] if self._daemon else []
        return Stopwatch(self.place.account, [self.place.sshd_pid, *daemon])

    @property
    def _newest(self) -> list[str]:
        return ['-h', ALIAS, '-n', '-1', '-s', str(self.source)]

    @property
    def _environment(self) -> dict[str, str]:
        compiled = [str(path.parents[1]) for path in UNPACKED.glob('usr/lib/*/perl5/*/BackupPC/XS.pm')]
        return {**os.environ, 'PERL5LIB': ':'.join([str(LIBRARY), *compiled])}

    def _unpacked(self, path: str, target: Path, levels: int) -> None:
        """Without so many folders at the beginning of the names."""
        archive = shlex.join(['perl', str(PROGRAMS / 'BackupPC_tarCreate'), *self._newest, path])
        unpack = f'{self.place.ssh} {ALIAS} tar -x --strip-components={levels} -C {shlex.quote(str(target))}'
        run(['bash', '-o', 'pipefail', '-c', f'{archive} | {unpack}'], env=self._environment)

    def _run(self, program: str, *arguments: str) -> str:
        return run(['perl', str(PROGRAMS / program), *arguments], env=self._environment)

    def _start(self) -> None:
        self._daemon = subprocess.Popen(
            ['perl', str(PROGRAMS / 'BackupPC')], env=self._environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + START_S
        while not (self.folder / 'log' / 'BackupPC.sock').exists():
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError('BackupPC: its daemon does not start.')
            time.sleep(0.05)

    def _stop(self) -> None:
        if self._daemon:
            self._daemon.terminate()
            self._daemon.wait(START_S)
            self._daemon = None
