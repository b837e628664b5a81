"""The part of a job's editor that says when it waits: quiet hours, clients that are off, what was missed."""

from pages.widgets.fields import Form
from pages.widgets.text import Text, box
from plumbus.config import Settings
from plumbus.model import Job

ACTIONS = {
    'continue': 'goes on',
    'pause': 'is paused until they are over',
    'limit': 'goes on with less bandwidth',
}


def draw_waiting(form: Form, job: Job, settings: Settings) -> None:
    """Given a form, add the fields to it."""
    everywhere = f' Besides those of the server: {settings.quiet_hours}.' if settings.quiet_hours else ''
    with box('fields'):
        form.text(
            'quiet_hours',
            'Quiet hours',
            job.quiet_hours,
            hint=f'Nothing planned begins then; “Run now” does.{everywhere}',
            placeholder='22:00-06:00',
        )
        form.choice('quiet_action', 'What has begun before', ACTIONS, job.quiet_action)
        form.number(
            'quiet_limit_kib',
            'Bandwidth in quiet hours, KiB/s',
            job.quiet_limit_kib,
            hint='with “less bandwidth”',
            high=100_000_000,
        )
        form.number(
            'retry_window_minutes',
            'Wait for a client that is off, minutes',
            job.retry_window_minutes,
            hint=f'Empty: {settings.retry_window_minutes}. 0: fail at once',
            high=20_160,
            optional=True,
        )
    form.number(
        'overdue_grace_minutes',
        'Overdue without a good backup after, minutes',
        job.overdue_grace_minutes,
        hint=f'counted from when its run should have begun. Empty: {settings.overdue_grace_minutes}',
        high=525_600,
        optional=True,
    )
    limit, action = form.element('quiet_limit_kib'), form.element('quiet_action')
    limit.bind_enabled_from(action, 'value', lambda chosen: chosen == 'limit')
    form.switch('catch_up', 'Catch up a run that was missed while PLUMBUS was off', job.catch_up)
    Text('Ten missed runs are caught up by one.', 'sub small', 'p')
