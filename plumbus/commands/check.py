"""`check`: what is wrong with a set-up, and how to mend it."""

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict

from plumbus.commands import data_folder, machine, records
from plumbus.commands.command import DONE, NOT_DONE, Command, add_json, say, show_json
from plumbus.commands.findings import Finding, problem
from plumbus.config import Settings
from plumbus.errors import PlumbusError
from plumbus.services.records import counted
from plumbus.store.disk import explained

DESCRIPTION = """\
Look at the configuration, the programs on this machine, the data folder and its
disk, the database, the stored secrets and the snapshots. Each line says ok,
warning or problem, with the remedy. Nothing is changed. It works while the
server runs, too; run it as the same user as the server.
"""
Check = Callable[[Settings], Iterator[Finding]]
OF_THE_MACHINE: dict[str, Check] = {
    'configuration': machine.check_configuration,
    'user': machine.check_user,
    'time zone': machine.check_time_zone,
    'port': machine.check_port,
    'https': machine.check_certificate,
    'rsync': machine.check_rsync,
    'ssh': machine.check_ssh,
    'programs': machine.check_programs,
    'data folder': data_folder.check_folder,
}
OF_THE_DATA: dict[str, Check] = {
    'permissions': data_folder.check_modes,
    'disk': data_folder.check_disk,
    'file system': data_folder.check_file_system,
    'ssh key': data_folder.check_key,
    'database': records.check_database,
    'login': records.check_login,
    'secrets': records.check_secrets,
    'snapshots': records.check_snapshots,
    'schedules': records.check_schedules,
}


def check(settings: Settings, options: Namespace) -> int:
    """Given the settings and arguments, tell what was found; return 1 if there is a problem."""
    found = list(findings(settings))
    problems = sum(one.level == 'problem' for one in found)
    warnings = sum(one.level == 'warning' for one in found)
    if options.json:
        checks = [asdict(one) for one in found]
        show_json({'success': not problems, 'problems': problems, 'warnings': warnings, 'checks': checks})
    else:
        say(*as_text(found))
        say('', f'{counted(problems, "problem")}, {counted(warnings, "warning")}.')
    return NOT_DONE if problems else DONE


def findings(settings: Settings) -> Iterator[Finding]:
    """Given the settings, yield what every check finds, each thing once; one that cannot be made is a problem of its own."""
    told: set[str] = set()
    for one in _all(settings):
        if one.message not in told:  # a file that cannot be read is in the way of several checks
            told.add(one.message)
            yield one


def as_text(found: Iterable[Finding]) -> Iterator[str]:
    """Given what was found, yield the lines for a person."""
    for one in found:
        yield f'{one.level:<8} {one.topic:<14} {one.message}'
        if one.remedy:
            yield f'{"":<23} -> {one.remedy}'


def _all(settings: Settings) -> Iterator[Finding]:
    yield from _made(OF_THE_MACHINE, settings)
    if data_folder.is_usable(settings):  # else the same would be told again and again
        yield from _made(OF_THE_DATA, settings)


def _made(checks: dict[str, Check], settings: Settings) -> Iterator[Finding]:
    for topic, look in checks.items():
        try:
            yield from look(settings)
        except PlumbusError as error:
            yield problem(topic, error.message, error.remedy)
        except OSError as error:
            told = explained(error, str(error.filename or 'a file'))
            yield problem(topic, told.message, told.remedy)


COMMAND = Command(
    name='check',
    summary='tell what is wrong with this set-up and how to mend it',
    description=DESCRIPTION,
    run=check,
    add_arguments=add_json,
)
