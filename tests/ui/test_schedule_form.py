"""Between cron expressions and what people pick."""

import pytest

from pages.schedule_form import ScheduleForm, cron_of, form_of


@pytest.mark.parametrize(
    ('cron', 'mode'),
    [
        (None, 'manual'), ('', 'manual'), ('0 2 * * *', 'daily'), ('30 23 * * *', 'daily'), ('5 * * * *', 'hourly'), ('0 2 * * 1', 'weekly'),
        ('30 2 * * 1,3,5', 'weekly'), ('0 4 15 * *', 'monthly'), ('*/5 * * * *', 'custom'), ('0 2 * * 1#2', 'custom'), ('0 2 1 1 *', 'custom'),
        ('0 2,14 * * *', 'custom'), ('@daily', 'custom'), ('nonsense', 'custom'), ('0 2 1 * 1', 'custom'), ('0 0 * * 9', 'custom'),
    ],
)  # fmt: skip
def test_it_recognises_the_mode_and_finds_the_way_back(cron: str | None, mode: str) -> None:
    form = form_of(cron)
    assert form.mode == mode
    assert cron_of(form) == (cron or None)


@pytest.mark.parametrize(
    ('cron', 'days'),
    [
        ('0 2 * * mon-fri', {1, 2, 3, 4, 5}),
        ('0 2 * * 5-7', {5, 6, 0}),
        ('0 2 * * SUN', {0}),
        ('0 2 * * 7', {0}),
    ],
)
def test_it_reads_days_of_the_week_in_every_spelling(cron: str, days: set[int]) -> None:
    form = form_of(cron)
    assert form.mode == 'weekly'
    assert form.days == days


def test_it_keeps_hours_and_minutes() -> None:
    assert form_of('5 9 * * *').time == '09:05'
    assert cron_of(ScheduleForm(mode='daily', time='9:05')) == '5 9 * * *'


@pytest.mark.parametrize('time', ['', '24:00', '12:60', '12', 'noon', '1:2:3'])
def test_it_says_when_a_time_is_none(time: str) -> None:
    with pytest.raises(ValueError, match='02:30'):
        cron_of(ScheduleForm(mode='daily', time=time))


def test_it_wants_a_day_of_the_week() -> None:
    with pytest.raises(ValueError, match='day of the week'):
        cron_of(ScheduleForm(mode='weekly', days=set()))
