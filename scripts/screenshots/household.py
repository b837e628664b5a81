"""Who lives in the sample: machines with addresses and logins, what lies on them and how that changes, and what is backed up when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DAYS = {'keep_daily': 7, 'keep_weekly': 4, 'keep_monthly': 6}
SHORT = {'keep_last': 4, 'keep_daily': 5, 'keep_weekly': 2}
HOURS = {'keep_last': 4, 'keep_hourly': 12, 'keep_daily': 7, 'keep_weekly': 4}
ALL_PHOTOS = {'keep_daily': 14, 'keep_weekly': 8, 'keep_monthly': 24, 'keep_yearly': 10}


@dataclass(frozen=True, slots=True)
class Files:
    """`count` files of `kib` each, written anew `every` so many days; with {day} in the path a new one comes each time."""

    path: str
    kib: float
    every: int = 0
    count: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A job."""

    name: str
    paths: tuple[str, ...]
    schedule: str | None
    keep: Mapping[str, int] = field(default_factory=lambda: DAYS)
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """`user` is the login, and whose the files are. Folders of the paths' first two parts are this machine's own."""

    name: str
    address: str
    user: str
    files: tuple[Files, ...]
    plans: tuple[Plan, ...]
    more: Mapping[str, Any] = field(default_factory=dict)


USERS = ('pi', 'admin', 'anna', 'tom')
NOT_WANTED = ('.cache/', 'node_modules/', '*.tmp', 'Trash/')

HOUSEHOLD = (
    Machine(
        name='nas',
        address='192.168.10.5',
        user='admin',
        more={'max_parallel': 1},
        files=(
            Files('/srv/photos/2025/Summer at the lake/IMG_{number}.jpg', 2900, count=36),
            Files('/srv/photos/2025/Christmas/IMG_{number}.jpg', 3100, count=18),
            Files('/srv/photos/2026/Balcony/IMG_{number}.jpg', 2700, count=14),
            Files('/srv/photos/2026/Camera uploads/{day}_0914.jpg', 4200, every=1),
            Files('/srv/photos/2026/Camera uploads/{day}_1732.jpg', 3600, every=2),
            Files('/srv/documents/Taxes/2025/Return.pdf', 840),
            Files('/srv/documents/Taxes/2025/Receipt {number}.pdf', 130, count=24),
            Files('/srv/documents/Insurance/Policy {number}.pdf', 310, count=9),
            Files('/srv/documents/Household budget.ods', 92, every=3),
            Files('/srv/documents/Letters/{day} letter.odt', 34, every=4),
            Files('/srv/videos/2024 Wedding.mp4', 96_000),
            Files('/srv/videos/Garden timelapse {day}.mp4', 14_000, every=7),
        ),
        plans=(
            Plan(name='Photos', paths=('/srv/photos',), schedule='0 2 * * *', keep=ALL_PHOTOS),
            Plan(name='Documents', paths=('/srv/documents',), schedule='0 */6 * * *', keep=HOURS),
            Plan(name='Videos', paths=('/srv/videos',), schedule='0 4 * * 0', keep={'keep_last': 3}),
        ),
    ),
    Machine(
        name='web-01',
        address='192.168.10.11',
        user='admin',
        files=(
            Files('/srv/www/shop/index.php', 6, every=5),
            Files('/srv/www/shop/uploads/product-{number}.jpg', 420, count=60),
            Files('/srv/www/shop/uploads/{day}-order.pdf', 160, every=1, count=4),
            Files('/srv/www/blog/wp-content/plugins/plugin-{number}.php', 38, count=40),
            Files('/srv/www/blog/wp-content/cache/page-{number}.html', 22, every=1, count=12),
            Files('/etc/nginx/nginx.conf', 3),
        ),
        plans=(
            Plan(
                name='Websites',
                paths=('/srv/www', '/etc/nginx'),
                schedule='0 */6 * * *',
                keep=HOURS,
                more={'excludes': ['wp-content/cache/', '*.tmp']},
            ),
        ),
    ),
    Machine(
        name='db-01',
        address='192.168.10.12',
        user='admin',
        files=(
            Files('/srv/dumps/shop.sql.zst', 5200, every=1),
            Files('/srv/dumps/forgejo.sql.zst', 2400, every=1),
            Files('/srv/dumps/nextcloud.sql.zst', 3800, every=1),
            Files('/etc/postgresql/16/main/postgresql.conf', 29),
            Files('/etc/postgresql/16/main/pg_hba.conf', 5),
        ),
        plans=(
            Plan(
                name='Databases',
                paths=('/srv/dumps', '/etc/postgresql'),
                schedule='30 2 * * *',
                more={'pre_command': '/srv/bin/dump-all-databases', 'compress': False},
            ),
        ),
    ),
    Machine(
        name='git',
        address='192.168.10.14',
        user='admin',
        files=(
            Files('/srv/git/infra.git/objects/pack/pack-{number}.pack', 900, count=12),
            Files('/srv/git/infra.git/objects/{day}', 45, every=1, count=6),
            Files('/srv/git/website.git/objects/pack/pack-{number}.pack', 1600, count=8),
            Files('/srv/git/website.git/objects/{day}', 60, every=2, count=4),
        ),
        plans=(Plan(name='Repositories', paths=('/srv/git',), schedule='0 2 * * *'),),
    ),
    Machine(
        name='mail',
        address='192.168.10.13',
        user='admin',
        files=(
            Files('/srv/mail/anna/cur/{day}.eml', 44, every=1, count=14),
            Files('/srv/mail/tom/cur/{day}.eml', 52, every=1, count=9),
            Files('/srv/mail/anna/archive/{number}.eml', 70, count=220),
            Files('/srv/mail/tom/archive/{number}.eml', 60, count=180),
            Files('/etc/postfix/main.cf', 4, every=20),
        ),
        plans=(Plan(name='Mailboxes', paths=('/srv/mail', '/etc/postfix'), schedule='30 3 * * *'),),
    ),
    Machine(
        name='jellyfin',
        address='192.168.10.15',
        user='admin',
        files=(
            Files('/srv/jellyfin/config/data/library.db', 9800, every=2),
            Files('/srv/jellyfin/config/metadata/poster-{number}.jpg', 180, count=110),
        ),
        plans=(Plan(name='Configuration', paths=('/srv/jellyfin',), schedule='30 3 * * *', keep=SHORT),),
    ),
    Machine(
        name='unifi',
        address='192.168.10.16',
        user='admin',
        files=(Files('/srv/unifi/backup/autobackup_{day}.unf', 1900, every=7),),
        plans=(Plan(name='Controller', paths=('/srv/unifi',), schedule='0 5 * * 1'),),
    ),
    Machine(
        name='homeassistant',
        address='192.168.20.21',
        user='pi',
        files=(
            Files('/home/pi/homeassistant/home-assistant_v2.db', 5200, every=1),
            Files('/home/pi/homeassistant/.storage/core.entity_registry', 310, every=3),
            Files('/home/pi/homeassistant/.storage/lovelace', 48, every=6),
            Files('/home/pi/homeassistant/custom_components/hacs/part_{number}.py', 14, count=32),
            Files('/home/pi/homeassistant/www/floor-{number}.png', 210, count=3),
            Files('/home/pi/homeassistant/blueprints/motion_light.yaml', 3),
        ),
        plans=(
            Plan(name='Configuration', paths=('/home/pi/homeassistant',), schedule='0 */6 * * *', keep=HOURS),
        ),
    ),
    Machine(
        name='pihole',
        address='192.168.20.22',
        user='pi',
        files=(
            Files('/etc/pihole/gravity.db', 4100, every=7),
            Files('/etc/pihole/custom.list', 2, every=9),
            Files('/etc/pihole/pihole.toml', 31),
        ),
        plans=(Plan(name='Settings', paths=('/etc/pihole',), schedule='0 2 * * *', keep=SHORT),),
    ),
    Machine(
        name='octoprint',
        address='192.168.20.23',
        user='pi',
        files=(
            Files('/home/pi/.octoprint/config.yaml', 9, every=8),
            Files('/home/pi/.octoprint/uploads/part-{number}.gcode', 1400, count=12),
            Files('/home/pi/.octoprint/uploads/{day}-bracket.gcode', 1100, every=6),
        ),
        plans=(Plan(name='Printer', paths=('/home/pi/.octoprint',), schedule='30 3 * * *', keep=SHORT),),
    ),
    Machine(
        name='door-camera',
        address='192.168.20.25',
        user='pi',
        files=(Files('/srv/recordings/{day}-{number}.mp4', 3300, every=1, count=3),),
        plans=(
            Plan(
                name='Recordings',
                paths=('/srv/recordings',),
                schedule='0 2 * * *',
                keep={'keep_daily': 14, 'keep_weekly': 8},
                more={'retry_window_minutes': 0, 'retries': 0},
            ),
        ),
    ),
    Machine(
        name='garden-pi',
        address='192.168.20.24',
        user='pi',
        files=(
            Files('/home/pi/weather/readings.csv', 260, every=1),
            Files('/home/pi/weather/station.py', 7),
        ),
        plans=(
            Plan(
                name='Weather station',
                paths=('/home/pi/weather',),
                schedule='30 3 * * *',
                more={'retry_window_minutes': 0, 'retries': 0},
            ),
        ),
    ),
    Machine(
        name='anna-laptop',
        address='192.168.30.41',
        user='anna',
        files=(
            Files('/home/anna/Documents/Thesis/chapter-{number}.tex', 64, every=2, count=6),
            Files('/home/anna/Documents/Thesis/figures/figure-{number}.pdf', 380, count=22),
            Files('/home/anna/Pictures/Screenshots/{day}.png', 540, every=2),
            Files('/home/anna/Music/album/track-{number}.flac', 5200, count=8),
            Files('/home/anna/.cache/browser/{number}', 90, every=1, count=10),
        ),
        plans=(
            Plan(
                name='Home',
                paths=('/home/anna',),
                schedule='0 12 * * 1-5',
                more={'excludes': list(NOT_WANTED), 'retry_window_minutes': 0, 'retries': 0},
            ),
        ),
    ),
    Machine(
        name='tom-workstation',
        address='192.168.30.42',
        user='tom',
        files=(
            Files('/home/tom/Projects/plumbus/src/module_{number}.py', 18, every=3, count=9),
            Files('/home/tom/Projects/shop/src/view-{number}.ts', 12, every=4, count=14),
            Files('/home/tom/Projects/shop/node_modules/package-{number}/index.js', 30, count=40),
            Files('/home/tom/Documents/Manual {number}.pdf', 2100, count=16),
            Files('/home/tom/.config/settings.json', 5, every=6),
            Files('/srv/vm/debian-12.qcow2', 38_000),
        ),
        plans=(
            Plan(
                name='Home',
                paths=('/home/tom',),
                schedule='0 12 * * *',
                more={'excludes': list(NOT_WANTED)},
            ),
            Plan(name='Virtual machines', paths=('/srv/vm',), schedule=None, keep={'keep_last': 2}),
        ),
    ),
)
