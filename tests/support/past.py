"""A small machine with a past: files that change, come and go, and a job whose snapshots lie days apart."""

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from plumbus.engine import Engine
from plumbus.model import Backup, JobView
from tests.support.engines import back_up, job_for, settings
from tests.support.sshd import IS_ROOT, Sshd
from tests.support.zoo import give

HOSTILE = '<img src=x onerror=alert(1)>{{7*7}}'
PNG = base64.b64decode(
    'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGO4lj0HK2IYWhIAQZp2ARTr4pIAAAAASUVORK5CYII='
)
NAMES = [
    HOSTILE.encode(),
    b'new\nline.txt',
    b'inv\xff\xfealid',
    'gpj\u202etxt.exe'.encode(),
    b'tab\there',
    b'-rf',
    b'back\\slash',
]
MANY = 130
PASSWORD = 'grumbo-and-fleeb-juice'


@dataclass(slots=True)
class Clock:
    """Says what it was told, and goes on a little with each look."""

    moment: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(days=12))

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=200)
        return self.moment

    def go_on(self, **distance: float) -> None:
        self.moment += timedelta(**distance)


@dataclass(kw_only=True, slots=True)
class Machine:
    """The files below `folder`, in the hands of the login of the sample sshd."""

    folder: Path
    sshd: Sshd

    @property
    def home(self) -> Path:
        return self.folder / 'home' / 'pi'

    @property
    def config(self) -> Path:
        return self.home / '.homeassistant'

    def furnish(self) -> None:
        """Put everything there that is there from the first day on."""
        for name in ('.homeassistant/custom_components', 'pictures', 'odd', 'empty', 'many'):
            (self.home / name).mkdir(parents=True)
        self.automations('22:30:00')
        (self.config / 'configuration.yaml').write_text(
            'default_config:\nautomation: !include automations.yaml\n'
        )
        (self.config / 'secrets.yaml').write_text('wifi: dinglebop\n')
        (self.config / 'home-assistant.db').write_bytes(b'\0SQLite' * 60_000)
        (self.home / 'notes.txt').write_text('smooth out the dinglebop\n')
        (self.home / 'latest').symlink_to('.homeassistant')
        (self.home / 'pictures' / 'heron.png').write_bytes(PNG)
        for name in NAMES:
            Path(os.fsdecode(os.fsencode(self.home / 'odd') + b'/' + name)).write_text('odd\n')
        for number in range(MANY):
            (self.home / 'many' / f'file-{number:03d}.txt').write_bytes(b'x' * number)
        self.settle()

    def automations(self, moment: str, more: str = '') -> None:
        """Write the file that changes most."""
        lines = [f'  - service: climate.turn_off {number}' for number in range(12)]
        text = f'- alias: Heating off at night\n  trigger:\n    at: "{moment}"\n  action:\n'
        (self.config / 'automations.yaml').write_text(text + '\n'.join(lines) + '\n' + more)

    def settle(self) -> None:
        """Make all of it the login's own."""
        if IS_ROOT:
            give(self.folder, *self.sshd.ids)

    def second_day(self) -> None:
        self.automations('23:15:00')
        (self.home / 'pictures' / 'garden.png').write_bytes(PNG)

    def third_day(self) -> None:
        (self.home / 'notes.txt').unlink()
        (self.home / 'todo.txt').write_text('grumbo\n')

    def fourth_day(self) -> None:
        self.automations('23:15:00', 'mode: single\n')
        (self.home / 'locked.txt').write_text('nobody may read it\n')

    def fifth_day(self) -> None:
        (self.home / 'locked.txt').unlink()
        self.automations('23:45:00', 'mode: single\n')


@dataclass(kw_only=True, slots=True)
class Past:
    """An engine with a job and its snapshots, the oldest first. The fourth one lacks a file."""

    engine: Engine
    machine: Machine
    job: JobView
    clock: Clock
    backups: list[Backup]
    token: str = ''

    def go_on(self, change: Callable[[], None], *, unreadable: bool = False) -> Backup:
        """Two days later, after a change, back up again. With `unreadable` nobody may read the file that is locked."""
        self.clock.go_on(days=2)
        change()
        self.machine.settle()
        if unreadable:
            locked = self.machine.home / 'locked.txt'
            locked.chmod(0)
        self.backups.append(back_up(self.engine, self.job.id))
        return self.backups[-1]


@contextmanager
def past(folder: Path, sshd: Sshd) -> Iterator[Past]:
    """Given an empty folder and a running sshd, make a machine in it and five snapshots of it; the engine runs on."""
    machine = Machine(folder=folder / 'machine', sshd=sshd)
    machine.furnish()
    clock = Clock()
    engine = Engine(settings(folder / 'data'), clock)
    engine.start()
    try:
        job = job_for(engine, sshd, machine.folder, name='config + media', client={'name': 'homeassistant'})
        made = Past(engine=engine, machine=machine, job=job, clock=clock, backups=[back_up(engine, job.id)])
        made.go_on(machine.second_day)
        made.go_on(machine.third_day)
        made.go_on(machine.fourth_day, unreadable=True)
        made.go_on(machine.fifth_day)
        made.token = engine.accounts.create_first_user('', PASSWORD, loopback=True)
        yield made
    finally:
        engine.stop()
