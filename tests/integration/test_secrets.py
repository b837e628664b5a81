"""A password goes into the vault and to ssh, and is seen nowhere else."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

from plumbus.engine import Engine
from plumbus.model import Status
from tests.support.engines import add_client, back_up, write
from tests.support.marks import needs_root
from tests.support.sshd import Sshd

pytestmark = needs_root


def seen_in_processes() -> Iterator[bytes]:
    """Command lines and environments of every process, as `ps axe` shows them."""
    for folder in Path('/proc').iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            for name in ('cmdline', 'environ'):
                try:
                    yield (folder / name).read_bytes()
                except OSError:
                    continue


class Watcher(Thread):
    """Looks at all processes again and again until it is told to stop."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(daemon=True)
        self.secret = secret
        self.leaks: list[bytes] = []
        self.saw_ssh = False
        self.ended = Event()

    def run(self) -> None:
        while not self.ended.is_set():
            for text in seen_in_processes():
                self.saw_ssh = self.saw_ssh or text.startswith(b'ssh\0')
                if self.secret in text:
                    self.leaks.append(text)


def test_it_shows_the_password_nowhere(engine: Engine, sshd: Sshd, source: Path) -> None:
    for number in range(300):
        write(source / f'{number}', 'x' * 1000, sshd)
    password = str(sshd.password)
    watcher = Watcher(password.encode())
    watcher.start()
    client = add_client(engine, sshd, auth_method='password', password=password)
    job = engine.jobs.create(
        {'client_id': client.id, 'name': 'job', 'source_paths': [str(source)], 'bandwidth_limit_kib': 300}
    )
    test = engine.clients.test(client.id)
    listing = engine.clients.browse(client.id, str(source))
    backup = back_up(engine, job.id)
    watcher.ended.set()
    watcher.join()

    assert (test.success, len(listing), backup.status) == (True, 300, Status.COMPLETED)
    assert watcher.saw_ssh
    assert watcher.leaks == []
    answers = [test, client, engine.clients.get(client.id), job, backup]
    assert not any(password in answer.model_dump_json() for answer in answers)
    assert files_that_hold(password, engine.settings.data_dir) == []


def files_that_hold(secret: str, folder: Path) -> list[Path]:
    """Every file below the data dir with the secret in it, as it is or as JSON writes it."""
    pattern = re.compile(b'|'.join(re.escape(form.encode()) for form in (secret, secret.replace('"', '\\"'))))
    return [path for path in folder.rglob('*') if path.is_file() and pattern.search(path.read_bytes())]
