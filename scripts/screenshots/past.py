"""Six weeks of the sample, lived in minutes: the engine's own backups, restores and pruning, under a clock that jumps from one due
time to the next and runs fast in between."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from plumbus.engine import Engine
from plumbus.model import Actor, Backup, Scope, Trigger
from plumbus.model.actor import acting
from plumbus.scheduling.timing import next_runs
from scripts.screenshots.household import HOUSEHOLD, Plan
from scripts.screenshots.machines import KEYS, Running
from scripts.screenshots.world import run
from tests.support.engines import settings

DATA = Path('/data')
ZONE = 'Europe/Berlin'
DAYS = 45
SPARSE_DAYS = 15  # so many at the beginning have but one day in four: retention has thinned them out by now
DENSE_DAYS = 2  # so many at the end have all runs of a job, those before one a day
LAPTOP_AWAY_DAYS = 3.2
SPEED = 40
LIMIT_S = 120.0
PASSWORD = 'grumbo-and-fleeb-juice'
ADMIN = Actor(name='admin', kind='user', scope=Scope.ADMIN, address='192.168.30.42')
ANNA = Actor(name='anna', kind='user', scope=Scope.RUN, address='192.168.30.41')


@dataclass(slots=True)
class Clock:
    """Runs `SPEED` times as fast as others from where it was set, and never beyond the present."""

    moment: datetime
    _set_at: float = field(default_factory=time.monotonic)

    def __call__(self) -> datetime:
        gone = timedelta(seconds=(time.monotonic() - self._set_at) * SPEED)
        return min(self.moment + gone, datetime.now(UTC))

    def go_on_to(self, moment: datetime) -> None:
        """Jump there, if it is not over yet."""
        self.moment = max(moment, self())
        self._set_at = time.monotonic()


class Asleep(Engine):
    """An engine whose scheduler, notifier and watchman sleep: the past itself says what is due."""

    def _start(self) -> None:
        self._store_guard.prepare(holds_snapshots=False)
        self.accounts.prepare()
        self._admission.load()
        self._queue.start()
        self.search.keeper.start()
        self._housekeeping.start()


@dataclass(kw_only=True, slots=True)
class Past:
    """Lived once, with `live`. Afterwards `jobs` has the number of each job by the names of its machine and itself."""

    machines: Mapping[str, Running]
    now: datetime
    clock: Clock = field(init=False)
    engine: Engine = field(init=False)
    jobs: dict[tuple[str, str], int] = field(default_factory=dict)
    plans: dict[int, tuple[str, Plan]] = field(default_factory=dict)
    _day: int = -1

    def __post_init__(self) -> None:
        self.clock = Clock(self.now - timedelta(days=DAYS))
        self.engine = Asleep(settings(DATA, timezone=ZONE), self.clock)

    def live(self) -> None:
        """Move in, live all days, and leave the engine stopped."""
        self.engine.start()
        try:
            with acting(ADMIN):
                self._move_in()
            for due, group in groupby(self._due(), key=lambda one: one[0]):
                self._live_until(due)
                self._back_up([job for _, job in group])
        finally:
            self.engine.stop()

    def _move_in(self) -> None:
        door = self.engine.door
        self.engine.accounts.create_first_user('', PASSWORD, loopback=True)
        KEYS.write_text(self.engine.system.public_key().public_key + '\n')
        for machine in HOUSEHOLD:
            self.machines[machine.name].furnish(self.clock())
            self.machines[machine.name].live_on(0, self.clock())
            self.machines[machine.name].start()
            where = {'name': machine.name, 'host': machine.address, 'username': machine.user}
            client = door.clients.create({**where, **machine.more})
            door.clients.test(client.id)
            for plan in machine.plans:
                self._plan(client.id, machine.name, plan)
        self._day = 0
        self._back_up(list(self.jobs.values()))

    def _plan(self, client_id: int, machine: str, plan: Plan) -> None:
        given = {'client_id': client_id, 'name': plan.name, 'source_paths': list(plan.paths)}
        made = {**given, 'schedule': plan.schedule, 'retention': dict(plan.keep), **plan.more}
        job = self.engine.door.jobs.create(made)
        self.jobs[machine, plan.name] = job.id
        self.plans[job.id] = (machine, plan)

    def _due(self) -> list[tuple[datetime, int]]:
        """All runs up to now, the earliest first."""
        begin, zone = self.clock() + timedelta(hours=1), ZoneInfo(ZONE)
        return sorted(
            (due, job)
            for job, (machine, plan) in self.plans.items()
            if plan.schedule
            for due in next_runs(plan.schedule, zone, begin, DAYS * 24)
            if due < self.now and self._worth_it(machine, plan, due.astimezone(zone))
        )

    def _worth_it(self, machine: str, plan: Plan, local: datetime) -> bool:
        ago = (self.now - local) / timedelta(days=1)
        if plan.schedule == '0 */6 * * *' and local.hour and ago > DENSE_DAYS:
            return False
        if machine == 'anna-laptop' and ago < LAPTOP_AWAY_DAYS:
            return False
        return ago < DAYS - SPARSE_DAYS or local.toordinal() % 4 == 0

    def _live_until(self, due: datetime) -> None:
        day = DAYS - int((self.now - due) / timedelta(days=1)) - 1
        for passed in range(self._day + 1, day + 1):
            began = self.now - timedelta(days=DAYS - passed)
            self.clock.go_on_to(began)
            for machine in self.machines.values():
                machine.live_on(passed, began)
            for act in DEEDS.get(passed, ()):
                act(self)
            self._day = passed
        self.clock.go_on_to(due)

    def _back_up(self, jobs: list[int]) -> list[Backup]:
        for machine in {self.plans[job][0] for job in jobs}:
            self.machines[machine].work(self.clock())
        begun = self.engine.jobs.starting.run_all(dict.fromkeys(jobs, Trigger.SCHEDULE))
        return [self.engine.backups.wait(backup.id, LIMIT_S) for backup in begun]

    def newest(self, machine: str, job: str) -> Backup:
        """Return the newest backup of a job that left a snapshot."""
        history = self.engine.jobs.history(self.jobs[machine, job]).items
        return next(one for one in history if one.status.good and one.backup_path)

    def restore(self, machine: str, job: str, **wanted: Any) -> None:
        """Restore from the newest snapshot of a job, and wait for the end."""
        made = self.engine.door.restores.start(self.newest(machine, job).id, wanted)
        self.engine.restores.wait(made.id, LIMIT_S)


def _lost_letter(past: Past) -> None:
    with acting(ANNA):
        thesis = '/home/anna/Documents/Thesis/chapter-3.tex'
        past.machines['anna-laptop'].there(thesis).write_text('\\chapter{}\n')
        past.restore('anna-laptop', 'Home', paths=[thesis])


def _photos_on_another_machine(past: Past) -> None:
    with acting(ADMIN):
        target = past.engine.clients.all()[-1].id
        folder = '/srv/photos/2025/Christmas'
        past.restore('nas', 'Photos', paths=[folder], restore_path='/home/tom/Pictures', client_id=target)


def _family(past: Past) -> None:
    door = past.engine.door
    with acting(ADMIN):
        for name, role in (('anna', 'operator'), ('tom', 'admin'), ('grandpa', 'viewer')):
            door.users.create({'username': name, 'role': role, 'password': f'{name}-{PASSWORD}'})
        door.tokens.create({'name': 'Grafana', 'scope': 'read'})
        door.tokens.create({'name': 'Home Assistant', 'scope': 'run', 'expires_days': 365})
        door.tokens.create({'name': 'deploy of web-01', 'scope': 'run', 'expires_days': 30})


def _camera_off(past: Past) -> None:
    past.machines['door-camera'].stop()


def _camera_on(past: Past) -> None:
    past.machines['door-camera'].start()


def _database_down(past: Past) -> None:
    past.machines['db-01'].there('/srv/dumps/.postgres-is-down').touch()


def _database_up(past: Past) -> None:
    past.machines['db-01'].there('/srv/dumps/.postgres-is-down').unlink()


def _gone(past: Past, machine: str) -> None:
    past.machines[machine].stop()
    run('ip', 'route', 'add', 'unreachable', past.machines[machine].machine.address)


def _garden_gone(past: Past) -> None:
    _gone(past, 'garden-pi')


def _laptop_gone(past: Past) -> None:
    _gone(past, 'anna-laptop')
    with acting(ADMIN):
        past.engine.door.jobs.update(past.jobs['anna-laptop', 'Home'], {'retry_window_minutes': 720})


def _secret_key(past: Past) -> None:
    key = past.machines['tom-workstation'].put('/home/tom/.config/vpn/client.key', 'secret\n', past.clock())
    key.chmod(0o600)


def _verified(past: Past) -> None:
    with acting(ADMIN):
        for machine, job in (('nas', 'Photos'), ('homeassistant', 'Configuration'), ('db-01', 'Databases')):
            made = past.engine.door.verifications.start(past.newest(machine, job).id)
            past.engine.verifications.wait(made.id, LIMIT_S)


def _pinned(past: Past) -> None:
    with acting(ADMIN):
        words = {'pinned': True, 'note': 'Before the move to 2026.11: the last state that is known to work.'}
        past.engine.door.backups.edit(past.newest('homeassistant', 'Configuration').id, words)
        changed = {'retention': {'keep_last': 3, 'keep_weekly': 4}}
        past.engine.door.jobs.update(past.jobs['nas', 'Videos'], changed)


DEEDS: dict[int, tuple[Callable[[Past], None], ...]] = {
    1: (_family,),
    12: (_lost_letter,),
    22: (_camera_off,),
    25: (_camera_on,),
    28: (_database_down,),
    30: (_database_up, _photos_on_another_machine),
    36: (_verified,),
    38: (_garden_gone, _secret_key),
    42: (_pinned, _verified),
    44: (_database_down, _laptop_gone),
}
