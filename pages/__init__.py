"""The pages of PLUMBUS. They talk to the engine and to nothing else below it."""

from pages import (
    account,
    audit,
    backup,
    backups,
    client,
    client_edit,
    client_new,
    clients,
    dashboard,
    job,
    job_editor,
    jobs,
    login,
    memory,
    missing,
    notification_edit,
    notifications,
    restore,
    restores,
    settings,
    theme,
    tokens,
    users,
    visitors,
)  # fmt: skip
from pages.browse import visit as browse
from plumbus.engine import Engine


def register_all(engine: Engine) -> None:
    """Given the engine, put every page on NiceGUI's app."""
    theme.install()
    visitors.install(engine)
    memory.install(engine)
    missing.register()
    # An address that is spelled out, like /jobs/new, comes before one with a number in the same place.
    pages = (
        login, dashboard, clients, client_new, client_edit, client, jobs, job_editor, job, backups, backup, browse, restores, restore,
        settings, account, users, tokens, audit, notifications, notification_edit,
    )  # fmt: skip
    for page in pages:
        page.register(engine)
