"""Retention in words and presets. Pure."""

from plumbus.model import Retention

FIELDS = {
    'keep_last': 'Last', 'keep_hourly': 'Hourly', 'keep_daily': 'Daily', 'keep_weekly': 'Weekly', 'keep_monthly': 'Monthly',
    'keep_yearly': 'Yearly',
}  # fmt: skip
PRESETS = {
    'Lean': Retention(keep_last=2, keep_daily=7),
    'Standard': Retention(keep_last=3, keep_daily=7, keep_weekly=5, keep_monthly=12, keep_yearly=2),
    'Generous': Retention(
        keep_last=7, keep_hourly=24, keep_daily=31, keep_weekly=12, keep_monthly=36, keep_yearly=10
    ),
    'Everything': Retention(),
}
OWN = 'Own'
PERIODS = (
    ('keep_hourly', 'hour'),
    ('keep_daily', 'day'),
    ('keep_weekly', 'week'),
    ('keep_monthly', 'month'),
    ('keep_yearly', 'year'),
)


def preset_of(retention: Retention) -> str:
    """Given a retention, return the name of the preset it is, or 'Own'."""
    return next((name for name, preset in PRESETS.items() if preset == retention), OWN)


def in_words(retention: Retention) -> str:
    """Given a retention, return it as a sentence."""
    parts = [f'the last {retention.keep_last}'] if retention.keep_last else []
    for name, period in PERIODS:
        number = getattr(retention, name)
        if number:
            parts.append(
                f'one {"an" if period == "hour" else "a"} {period} for {number} {period if number == 1 else period + "s"}'
            )
    if not parts:
        return 'Keeps every snapshot for ever.'
    return f'Keeps {", ".join(parts)}.'


def at_most(retention: Retention) -> int:
    """Given a retention, return how many snapshots it keeps at the most; 0 means without limit."""
    return sum(getattr(retention, name) for name in FIELDS)
