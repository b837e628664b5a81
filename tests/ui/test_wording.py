"""Sizes, times and numbers as people read them; retention in words; contrast of the colours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pages import keeping, theme
from pages.wording import ago, day, duration, exact, listed, look, plural, size
from plumbus.model import Retention, Status

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BERLIN = ZoneInfo('Europe/Berlin')


@pytest.mark.parametrize(
    ('bytes_', 'words'),
    [(0, '0 B'), (1, '1 B'), (999, '999 B'), (3_010_000_000, '3.0 GB'), (None, '–'), (2**63, '9.2 EB')],
)
def test_it_tells_sizes(bytes_: int | None, words: str) -> None:
    assert size(bytes_) == words


@pytest.mark.parametrize(
    ('seconds', 'words'),
    [
        (0, '0 s'),
        (0.4, '0 s'),
        (26, '26 s'),
        (78, '1 min 18 s'),
        (120, '2 min'),
        (3600, '1 h'),
        (3605, '1 h'),
        (90_000, '1 d 1 h'),
        (None, '–'),
    ],
)
def test_it_tells_durations(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ('distance', 'words'),
    [(timedelta(seconds=3), 'just now'), (timedelta(minutes=22), '22 min ago'), (timedelta(hours=3), '3 h ago'), (timedelta(days=400), '400 d ago'),
     (timedelta(minutes=-24), 'in 24 min')],
)  # fmt: skip
def test_it_tells_times_relative_to_now(distance: timedelta, words: str) -> None:
    assert ago(NOW - distance, NOW) == words


def test_it_tells_exact_times_with_their_zone() -> None:
    assert exact(NOW, BERLIN) == 'Mon 23 Nov 2026, 13:00:00 CET'
    assert ago(None) == 'never'
    assert exact(None, BERLIN) == ''


def test_it_tells_the_day_only_of_what_is_not_soon() -> None:
    assert day(NOW + timedelta(hours=1), BERLIN, NOW) == '14:00'
    assert day(NOW + timedelta(days=2), BERLIN, NOW) == 'Wed 25 Nov, 13:00'


def test_it_counts() -> None:
    assert plural(1, 'client') == '1 client'
    assert plural(1200, 'entry', 'entries') == '1,200 entries'
    assert listed(['a', 'b', 'c', 'd', 'e']) == 'a, b, c and 2 more'
    assert listed(['a', 'b']) == 'a and b'
    assert listed([]) == ''


def test_it_shows_every_status_with_icon_and_word() -> None:
    for status in Status:
        assert look(status).icon
        assert look(status).word
    assert look(None).word == 'no backup yet'


def test_it_knows_its_retention_presets() -> None:
    for name, preset in keeping.PRESETS.items():
        assert keeping.preset_of(preset) == name
    assert keeping.preset_of(Retention(keep_last=99)) == 'Own'
    assert keeping.in_words(Retention()) == 'Keeps every snapshot for ever.'
    assert keeping.in_words(Retention(keep_last=3, keep_daily=1)) == 'Keeps the last 3, one a day for 1 day.'
    assert keeping.at_most(Retention(keep_last=3, keep_daily=7)) == 10


PAIRS = [
    ('text', 'ground'), ('text', 'card'), ('muted', 'ground'), ('muted', 'card'), ('muted', 'soft'), ('link', 'card'), ('link', 'ground'),
    ('on-primary', 'primary'), ('primary-text', 'primary-soft'), ('primary-text', 'card'),
    *[(f'{tone}-text', ground) for tone in ('ok', 'wa', 'fa', 'ru', 'no') for ground in (f'{tone}-soft', 'card')],
]  # fmt: skip


@pytest.mark.parametrize('pair', PAIRS, ids='-on-'.join)
@pytest.mark.parametrize('tokens', [theme.LIGHT, theme.DARK], ids=['light', 'dark'])
def test_it_can_be_read(tokens: dict[str, str], pair: tuple[str, str]) -> None:
    """WCAG 2.2 AA wants 4.5:1 for text."""
    assert contrast(tokens[pair[0]], tokens[pair[1]]) >= 4.5


@pytest.mark.parametrize('tokens', [theme.LIGHT, theme.DARK], ids=['light', 'dark'])
def test_it_shows_where_a_field_is(tokens: dict[str, str]) -> None:
    """WCAG 2.2 AA wants 3:1 for the edge of a field."""
    assert contrast(tokens['field'], tokens['card']) >= 3


def contrast(first: str, second: str) -> float:
    bright, dim = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
