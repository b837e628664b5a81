"""`make image-test`: the built image serves, backs up and restores a real client, and ends in time, as root and without.

ENGINE and IMAGE as for `make image`. The container shares the network of this machine, to reach the sample client on it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.demo import Demo, must, play, steps
from scripts.demo_server import ROOT, Mismatch, Server, compared, own_folder
from tests.support.processes import command, running
from tests.support.sshd import IS_ROOT, Sshd

NAME = 'plumbus-image-test'
ORDINARY_USER = 'plumbus'
ORDINARY_ID = 1000
# As in docker-compose.yml; tests/unit/test_image.py compares.
CAPABILITIES = ('CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'MKNOD', 'SETFCAP')


class Container(Server):
    """PLUMBUS in a container of the image, by `engine`, as `user` (empty: as the image says)."""

    def __init__(self, engine: str, image: str, user: str) -> None:
        super().__init__()
        self.engine = engine
        self.image = image
        self.user = user

    def command(self, settings: Mapping[str, str]) -> list[str]:
        """Given the settings, return how the container is run."""
        self.data.mkdir(mode=0o700)
        if self.user:
            os.chown(self.data, ORDINARY_ID, ORDINARY_ID)
        return self._buildah(settings) if self.engine == 'buildah' else self._docker(settings)

    def _docker(self, settings: Mapping[str, str]) -> list[str]:
        rights = [argument for name in CAPABILITIES for argument in ('--cap-add', name)]
        return [
            self.engine, 'run', '--rm', '--name', NAME, '--network', 'host', *environment(settings),
            '--volume', f'{self.data}:/data', '--read-only', '--tmpfs', '/tmp', '--security-opt', 'no-new-privileges',
            '--cap-drop', 'ALL', *rights, *(['--user', self.user] if self.user else []), self.image,
        ]  # fmt: skip

    def _buildah(self, settings: Mapping[str, str]) -> list[str]:
        # It runs no image by itself: a container is made of it first, and told what to do. It has no read-only containers,
        # and an anonymous volume of its own in the place that the image names for one.
        run(['buildah', 'rm', NAME], check=False)
        run(['buildah', 'from', '--pull-never', '--name', NAME, self.image])
        return [
            'buildah', 'run', *environment({**settings, 'PLUMBUS_DATA_DIR': '/srv/data'}),
            '--volume', f'{self.data}:/srv/data', *(['--user', self.user] if self.user else []),
            NAME, '--', 'tini', '--', 'python', 'main.py',
        ]  # fmt: skip

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Given what was started, end it as the engine does. buildah passes no signal on: the container's first process gets it."""
        if self.engine != 'buildah':
            process.terminate()
            return
        for pid in running('tini', 'main.py'):
            with contextlib.suppress(OSError, IndexError):  # it has ended meanwhile
                if (
                    command(pid).split()[0].endswith('tini')
                    and self.token.encode() in Path(f'/proc/{pid}/environ').read_bytes()
                ):
                    os.kill(pid, signal.SIGTERM)

    def remove(self) -> None:
        """Leave nothing of it."""
        run(
            ['buildah', 'rm', NAME] if self.engine == 'buildah' else [self.engine, 'rm', '--force', NAME],
            check=False,
        )


def environment(settings: Mapping[str, str]) -> list[str]:
    """Given settings, return the options that put them into the environment of a container."""
    return [argument for name, value in settings.items() for argument in ('--env', f'{name}={value}')]


def run(command: list[str], *, check: bool = True) -> None:
    """Run a command of the engine. Raise Mismatch with what it said if it fails and that matters."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if check and done.returncode:
        raise Mismatch(f'{" ".join(command[:2])} failed: {done.stderr.strip()[-500:]}')


class Story(Demo):
    """What is different in a container."""

    def end(self) -> str:
        """Stop while a backup is under way."""
        backup = self.server.call('POST', f'/api/jobs/{self.job["id"]}/run')
        seconds = self.server.stop()
        return f'SIGTERM ended it in {seconds:.1f} s, with backup {backup["backup_id"]} under way'

    def restore_all(self) -> str:
        """Without root a snapshot is no plain copy: what a restore brings back must be one."""
        target = self.machine / 'all of it'
        target.mkdir()
        if IS_ROOT:
            os.chown(target, *self.sshd.ids)
        wanted = {'paths': [str(self.source)], 'restore_path': str(target)}
        restore = self.server.call(
            'POST', f'/api/backups/{self.backups[0]["id"]}/restore?wait=120', json=wanted
        )
        must(restore['status'] == 'completed', restore.get('error_message') or restore['status'])
        differences = compared(self.source, target / self.source.name)
        must(not differences, f'{len(differences)} differences: {differences[:3]}')
        return f'owners kept by {self.backups[0]["owners"]}; source and what came back are the same'


def as_root(story: Story) -> list[tuple[str, Callable[[], str]]]:
    """The whole demo, and an end."""
    return [*steps(story), ('Stop in the middle', story.end)]


def without_root(story: Story) -> list[tuple[str, Callable[[], str]]]:
    """What is different for an ordinary user."""
    left_out = {
        'Source = first snapshot',
        'Source = second snapshot',
        'Change the source',
        'Secrets stay secret',
    }
    left_out |= {
        'Second backup: only changes',
        'Unchanged files are shared',
        'First snapshot untouched',
        'Restore one file elsewhere',
    }
    return [
        *(step for step in steps(story) if step[0] not in left_out),
        ('Restore it all', story.restore_all),
        ('Stop in the middle', story.end),
    ]


def main() -> int:
    """Return 0 if everything matched."""
    image = os.environ.get('IMAGE') or 'plumbus:local'
    try:
        engine = (
            os.environ.get('ENGINE')
            or subprocess.check_output([ROOT / 'scripts' / 'engine.sh'], text=True).strip()
        )
        for user, story in (('', as_root), (ORDINARY_USER, without_root)):
            print(f'\n{image} with {engine}, as {user or "root"}\n')
            with own_folder(), Sshd() as sshd, Container(engine, image, user) as server:
                try:
                    play_of = Story(sshd, server)
                    if not play(play_of, story(play_of)):
                        return 1
                finally:
                    server.stop()
                    server.remove()
                    shutil.rmtree(server.data, ignore_errors=True)
    except (Mismatch, RuntimeError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    print('\nEverything matched.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
