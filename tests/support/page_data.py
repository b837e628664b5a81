"""Sample clients, jobs and history for looking at pages: long names, hostile names, every status, 500 backups."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from plumbus.model import Backup, Client, JobView, Progress, Retention, Status, Trigger

HOSTILE = '<img src=x onerror=alert(1)>{{7*7}}'
LONG = 'the-old-tower-in-the-cellar-that-nobody-dares-to-switch-off-because-the-heating-depends-on-it'
NAMES = [
    'raspberrypi-zero', 'pihole', 'homeassistant', 'nas-mirror', 'web-01', 'web-02', 'db-01', 'octoprint', 'garden-pi',
    'vpn-gw', LONG, HOSTILE,
]  # fmt: skip
JOBS = [
    ('home', ['/home', '/etc'], '0 2 * * *', 'Every day at 02:00'),
    ('config + media', ['/home/pi'], '30 2 * * 1,3,5', 'Every Monday, Wednesday and Friday at 02:30'),
    ('nightly dump', ['/var/backups/db'], '15 3 * * *', 'Every day at 03:15'),
    ('everything', ['/'], None, 'Manual'),
]
NO_ANSWER = 'No answer from 192.168.30.17 on port 22.'
NO_ANSWER_REMEDY = 'Is the machine switched on and reachable? Then test the connection.'


def clients(now: datetime) -> list[Client]:
    """Return twelve machines, one of them without a job."""
    return [
        Client(
            id=index,
            name=name,
            host=f'192.168.30.{9 + index}',
            username='root' if index % 4 == 0 else 'pi',
            use_sudo=index % 3 == 0,
            host_key='SHA256:' + 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V'[:43],
            created_at=now - timedelta(days=90),
            updated_at=now - timedelta(days=index),
        )
        for index, name in enumerate(NAMES, 1)
    ]


def jobs(owners: list[Client], now: datetime) -> list[JobView]:
    """Return one job for each client but the hostile one, and a second for every third."""
    made: list[JobView] = []
    for client in [one for one in owners if one.name != HOSTILE]:
        for _ in range(2 if client.id % 3 == 0 else 1):
            name, paths, cron, words = JOBS[len(made) % len(JOBS)]
            made.append(
                JobView(
                    id=len(made) + 1,
                    client_id=client.id,
                    client_name=client.name,
                    name=name,
                    source_paths=paths,
                    source_path=paths[0],
                    excludes=['*.tmp', '/home/pi/.cache'],
                    schedule=cron,
                    schedule_text=words,
                    retention=Retention(keep_last=3, keep_daily=7, keep_weekly=5, keep_monthly=12),
                    next_run=now + timedelta(minutes=24 * (len(made) + 1)) if cron else None,
                )
            )
    return made


def history(made: list[JobView], now: datetime, count: int = 500) -> list[Backup]:
    """Return `count` finished backups, oldest first, mostly good; garden-pi has failed for three days."""
    dice = random.Random(4)
    records = []
    for index in range(count):
        job = made[index % len(made)]
        begun = now - timedelta(hours=(count - index) * 30 * 24 / count)
        records.append(Backup(**_outcome(job, begun, index + 1, now, dice)))
    return records


def _outcome(
    job: JobView, begun: datetime, number: int, now: datetime, dice: random.Random
) -> dict[str, Any]:
    dead = job.client_name == 'garden-pi' and now - begun < timedelta(days=3)
    status = (
        'failed' if dead else dice.choices(['completed', 'warning', 'failed', 'cancelled'], [92, 4, 3, 1])[0]
    )
    size = dice.randint(2 * 10**8, 9 * 10**10)
    seconds = dice.randint(2, 4000)
    return {
        'id': number, 'job_id': job.id, 'job_name': job.name, 'client_id': job.client_id, 'client_name': job.client_name,
        'status': Status(status), 'trigger': Trigger.SCHEDULE if number % 9 else Trigger.MANUAL,
        'created_at': begun, 'start_time': begun, 'end_time': begun + timedelta(seconds=seconds), 'duration_s': float(seconds),
        **(_failure() if status == 'failed' else _numbers(dice, size)),
        'warnings': [f'/var/www/private/{i}: permission denied' for i in range(3)] if status == 'warning' else [],
    }  # fmt: skip


def _failure() -> dict[str, Any]:
    return {'error_message': f'{NO_ANSWER} {NO_ANSWER_REMEDY}', 'cause': 'timeout', 'exit_code': 255}


def _numbers(dice: random.Random, size: int) -> dict[str, Any]:
    return {
        'size_bytes': size, 'transferred_bytes': size // 40, 'disk_bytes': size // 38, 'file_count': dice.randint(900, 90_000),
        'new_files': dice.randint(0, 600), 'changed_files': dice.randint(0, 90), 'deleted_files': dice.randint(0, 9),
        'exit_code': 0, 'backup_path': 'backups/sample',
    }  # fmt: skip


def running(job: JobView, number: int, now: datetime, percent: float) -> Backup:
    """Return a backup under way at `percent`."""
    total = 3_010_000_000
    return Backup(
        id=number,
        job_id=job.id,
        job_name=job.name,
        client_id=job.client_id,
        client_name=job.client_name,
        status=Status.RUNNING,
        trigger=Trigger.SCHEDULE,
        created_at=now,
        start_time=now - timedelta(seconds=46),
        progress=Progress(
            phase='fetching',
            percent=percent,
            bytes=int(total * percent / 100),
            bytes_total=total,
            files=412,
            files_total=655,
            rate_bps=41e6,
            eta_s=(100 - percent) * 0.73,
            current_file='/home/pi/media/2026/11/VID_20261122_101512.mp4',
        ),
    )


def now() -> datetime:
    """Return the present, UTC."""
    return datetime.now(UTC)


FORECAST = 'If it goes on like this (about 8.0 GB a day), the disk will be full in about 211 days.'


def trend() -> list[dict[str, Any]]:
    """What the snapshots took on each of the last 90 days: growing, with what retention took away on Sundays."""
    today = now().date()
    days = [today - timedelta(days=89 - index) for index in range(90)]
    return [
        {'day': day.isoformat(), 'bytes': int(1.6e12 + index * 7.9e9 - day.weekday() * 3e9 + 9e9)}
        for index, day in enumerate(days)
    ]
