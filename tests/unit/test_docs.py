"""What the documents say of settings, routes, causes and commands is what the program has."""

import re
from argparse import ArgumentParser
from pathlib import Path

import pytest
from pydantic import AliasChoices

from plumbus.api.application import create_api
from plumbus.api.security import Gate
from plumbus.commands.arguments import COMMANDS
from plumbus.config import Settings
from plumbus.engine import Engine
from scripts import troubleshooting

ROOT = Path(__file__).resolve().parents[2]
MAIN_SETTINGS = (
    'PLUMBUS_DATA_DIR',
    'PLUMBUS_HOST',
    'PLUMBUS_PORT',
    'PLUMBUS_ADMIN_PASSWORD',
    'PLUMBUS_API_TOKEN',
    'TZ',
)
DOCUMENTS = sorted([*ROOT.glob('*.md'), *ROOT.glob('docs/*.md')])


def names_of_settings() -> dict[str, list[str]]:
    """Return field name → names in the environment, the preferred one first."""
    found = {}
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        if isinstance(alias, AliasChoices):
            found[field] = [str(choice) for choice in alias.choices]
        else:
            found[field] = [str(alias)] if alias else [f'PLUMBUS_{field.upper()}']
    return found


def rows(text: str) -> dict[str, list[str]]:
    """Given a document, return the cells of its tables by the name that the first cell holds in backticks."""
    lines = [line.strip().strip('|').split(' | ') for line in text.splitlines() if line.startswith('| `')]
    return {cells[0].strip().strip('`'): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_it_documents_every_setting() -> None:
    text = (ROOT / 'docs' / 'configuration.md').read_text(encoding='utf-8')
    documented = rows(text)
    for names in names_of_settings().values():
        assert names[0] in documented, f'{names[0]} has no row in docs/configuration.md'
        assert all(f'`{name}`' in text for name in names)


def test_it_documents_no_setting_that_is_not_there() -> None:
    known = {name for names in names_of_settings().values() for name in names}
    for document in DOCUMENTS:
        mentioned = set(re.findall(r'\bPLUMBUS_[A-Z_]+\b', document.read_text(encoding='utf-8')))
        assert mentioned <= known, f'{document.name} names {mentioned - known}'


@pytest.mark.parametrize('document', ['README.md', 'docs/configuration.md'])
def test_it_documents_the_default_of_a_setting(document: str) -> None:
    documented = rows((ROOT / document).read_text(encoding='utf-8'))
    for field, names in names_of_settings().items():
        default = Settings.model_fields[field].default
        if isinstance(default, str | int) and names[0] in documented:
            assert f'`{default}`' in documented[names[0]][0], f'{names[0]} in {document}'


def test_the_readme_names_the_main_settings() -> None:
    documented = rows((ROOT / 'README.md').read_text(encoding='utf-8'))
    assert set(MAIN_SETTINGS) <= documented.keys()


def test_it_documents_every_route_of_the_api_and_no_other(tmp_path: Path) -> None:
    engine = Engine(Settings(data_dir=tmp_path))
    described = create_api(engine, Gate(engine)).openapi()['paths']
    routes = {f'{method.upper()} {path}' for path, methods in described.items() for method in methods}
    documented = rows((ROOT / 'docs' / 'api.md').read_text(encoding='utf-8')).keys()
    pages = {route for route in routes if '/api/' not in route}
    assert documented == routes - pages


def test_the_table_of_causes_is_the_one_that_is_used() -> None:
    text = troubleshooting.DOCUMENT.read_text(encoding='utf-8')
    assert text == troubleshooting.with_table(text), 'docs/troubleshooting.md is out of date: make docs'


def test_it_documents_the_make_targets_it_has() -> None:
    targets = set(
        re.findall(r'^([a-z0-9-]+):.*## ', (ROOT / 'Makefile').read_text(encoding='utf-8'), re.MULTILINE)
    )
    for document in DOCUMENTS:
        used = set(re.findall(r'^make ([a-z0-9-]+)', document.read_text(encoding='utf-8'), re.MULTILINE))
        assert used <= targets, f'{document.name} names {used - targets}'


def test_it_documents_every_command_with_its_options() -> None:
    text = (ROOT / 'docs' / 'commands.md').read_text(encoding='utf-8')
    assert rows(text).keys() == {command.name for command in COMMANDS}
    for command in COMMANDS:
        parser = ArgumentParser(add_help=False)
        command.add_arguments(parser)
        options = re.findall(r'--[a-z-]+', parser.format_help())
        assert all(option in text for option in options), command.name


def test_it_names_no_command_that_is_not_there() -> None:
    known = {command.name for command in COMMANDS} | {'serve'}
    sources = [*DOCUMENTS, *ROOT.glob('plumbus/**/*.py'), *ROOT.glob('pages/**/*.py')]
    for source in sources:
        named = set(re.findall(r'main\.py ([a-z][a-z0-9-]*)', source.read_text(encoding='utf-8')))
        assert named <= known, f'{source.relative_to(ROOT)} names {named - known}'


def anchors(document: Path) -> set[str]:
    """Return the places in a document that a link can lead to, as GitHub names them."""
    titles = re.findall(r'^#+ (.*)$', document.read_text(encoding='utf-8'), re.MULTILINE)
    return {re.sub(r'[^a-z0-9 _-]', '', title.lower()).replace(' ', '-') for title in titles}


def test_every_link_between_documents_leads_somewhere() -> None:
    for document in DOCUMENTS:
        for link in re.findall(r'\]\(([^)\s]+)\)', document.read_text(encoding='utf-8')):
            path, _, anchor = link.partition('#')
            target = document.parent / path if path else document
            assert '://' in link or target.exists(), f'{document.name} links to {link}'
            assert not anchor or '://' in link or anchor in anchors(target), (
                f'{document.name} links to {link}'
            )


def test_the_locks_hold_hashes_and_no_address() -> None:
    for name in ('requirements.lock', 'requirements-dev.lock'):
        text = (ROOT / name).read_text(encoding='utf-8')
        pinned = re.findall(r'^[a-z0-9][a-z0-9._-]*==\S+', text, re.MULTILINE)
        assert pinned
        assert '://' not in text
        assert not re.search(r'^\s*-', re.sub(r'--hash=sha256:[0-9a-f]{64}', '', text), re.MULTILINE)


def test_no_package_is_locked_twice() -> None:
    first, second = (
        set(re.findall(r'^([a-z0-9][a-z0-9._-]*)==', (ROOT / name).read_text(encoding='utf-8'), re.MULTILINE))
        for name in ('requirements.lock', 'requirements-dev.lock')
    )
    assert not first & second
