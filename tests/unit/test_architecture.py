"""Who may import whom. The table here is the one of docs/architecture.md, and any import that breaks it fails."""

import ast
from collections.abc import Container, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Each room may import the rooms of the lines above its own, and itself; never one of its own line.
LAYERS = (
    {'plumbus.store', 'plumbus.transfer'},
    {'plumbus.backup'},
    {'plumbus.scheduling', 'plumbus.notify'},
    {'plumbus.services'},
    {'plumbus.engine'},
    {'plumbus.api', 'plumbus.commands', 'pages'},
    {'main'},
)
# What every room may import, and what imports nothing but its like.
GROUND = {
    'plumbus',
    'plumbus.errors',
    'plumbus.failures',
    'plumbus.model',
    'plumbus.config',
    'plumbus.events',
    'plumbus.cancellation',
    'plumbus.healthcheck',
}

ONLY_IN = {
    'sqlite3': ('plumbus/store/search_index.py', 'plumbus/store/version5.py'),
    'tinydb': ('plumbus/store/*.py',),
    'subprocess': ('plumbus/transfer/process.py',),
    'paramiko': ('plumbus/transfer/ssh*.py', 'plumbus/transfer/connection.py', 'plumbus/transfer/keys.py'),
    'croniter': ('plumbus/scheduling/timing.py',),
    'cron_descriptor': ('plumbus/scheduling/timing.py',),
    'schedule': ('plumbus/scheduling/scheduler.py',),
    'prometheus_client': ('plumbus/services/metrics.py',),
    'apprise': ('plumbus/notify/services.py',),
    'nicegui': ('pages/*.py', 'main.py'),
    'fastapi': ('plumbus/api/*.py', 'pages/*.py', 'main.py'),  # a page function takes FastAPI's Request
}
# Ways to start a child that go around plumbus/transfer/process.py.
FORBIDDEN_CALLS = {
    'os.system', 'os.popen', 'os.fork', 'os.forkpty', 'os.posix_spawn', 'os.posix_spawnp', 'os.startfile', 'pty.spawn',
    *(f'os.{family}{kind}' for family in ('exec', 'spawn') for kind in ('l', 'le', 'lp', 'lpe', 'v', 've', 'vp', 'vpe')),
    'asyncio.create_subprocess_exec', 'asyncio.create_subprocess_shell',
}  # fmt: skip

LONGEST_FILE = 300
LONGEST_FUNCTION = 60


@dataclass(kw_only=True, slots=True)
class Module:
    """One source file of the program."""

    name: str
    path: str
    tree: ast.Module
    lines: int
    is_package: bool

    @property
    def room(self) -> str:
        """The line of the table it belongs to: `plumbus.store` for `plumbus.store.database`."""
        return room_of(self.name)


def room_of(name: str) -> str:
    parts = name.split('.')
    return '.'.join(parts[:2]) if parts[0] == 'plumbus' else parts[0]


def read(path: Path) -> Module:
    relative = path.relative_to(ROOT)
    parts = relative.with_suffix('').parts
    is_package = parts[-1] == '__init__'
    text = path.read_text(encoding='utf-8')
    return Module(
        name='.'.join(parts[:-1] if is_package else parts),
        path=relative.as_posix(),
        tree=ast.parse(text, filename=str(relative)),
        lines=len(text.splitlines()),
        is_package=is_package,
    )


@pytest.fixture(scope='module')
def modules() -> list[Module]:
    """Every Python file of the program, not of its tests."""
    paths = [*(ROOT / 'plumbus').rglob('*.py'), *(ROOT / 'pages').rglob('*.py'), *ROOT.glob('main.py')]
    return [read(path) for path in sorted(paths)]


def imports(module: Module, known: Container[str] = ()) -> Iterator[tuple[str, int]]:
    """Given a module, yield (imported name, line); of `from a import b` it is `a.b` where that is a known module."""
    for node in ast.walk(module.tree):
        yield from ((name, getattr(node, 'lineno', 0)) for name in imported(node, module, known))


def imported(node: ast.AST, module: Module, known: Container[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(module, node)
        for alias in node.names:
            inner = f'{base}.{alias.name}'
            yield inner if inner in known else base


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ''
    package = module.name.split('.') if module.is_package else module.name.split('.')[:-1]
    kept = package[: len(package) - node.level + 1]
    return '.'.join([*kept, *([node.module] if node.module else [])])


def may_import(importer: str, imported: str) -> bool:
    """Given two rooms, tell whether the first may import the second."""
    if importer == imported or imported in GROUND:
        return True
    if importer in GROUND:
        return False
    level = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
    return level[imported] < level[importer]


def test_it_knows_every_room(modules: list[Module]) -> None:
    known = GROUND.union(*LAYERS)
    unknown = sorted({module.path for module in modules if module.room not in known})
    assert not unknown, f'In no line of the layer table: {unknown}'


def test_it_imports_downwards_only(modules: list[Module]) -> None:
    ours = {module.name for module in modules}
    breaches = {
        f'{module.path}:{line} ({module.room}) imports {name}'
        for module in modules
        for name, line in imports(module, ours)
        if name in ours and not may_import(module.room, room_of(name))
    }
    assert not breaches, '\n'.join(['These imports break the layer table:', *sorted(breaches)])


def test_it_has_no_import_cycle(modules: list[Module]) -> None:
    ours = {module.name: module for module in modules}
    # What a function imports is imported later, and what stands below `if TYPE_CHECKING:` never.
    left = {
        name: {
            other
            for node in module.tree.body
            for other in imported(node, module, ours)
            if other in ours and other != name
        }
        for name, module in ours.items()
    }
    while ready := [name for name, wanted in left.items() if not wanted & left.keys()]:
        for name in ready:
            del left[name]
    assert not left, f'These modules import each other in a circle: {sorted(left)}'


@pytest.mark.parametrize('library', sorted(ONLY_IN))
def test_it_keeps_a_library_in_its_place(modules: list[Module], library: str) -> None:
    places = ONLY_IN[library]
    breaches = {
        f'{module.path}:{line}'
        for module in modules
        for name, line in imports(module)
        if name.split('.')[0] == library and not any(fnmatch(module.path, place) for place in places)
    }
    assert not breaches, f'{library} belongs to {" and ".join(places)} alone, but: {sorted(breaches)}'


def test_it_starts_children_in_one_place(modules: list[Module]) -> None:
    breaches = {
        f'{module.path}:{node.lineno} calls {name}'
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and (name := ast.unparse(node)) in FORBIDDEN_CALLS
    }
    assert not breaches, f'Children are started in plumbus/transfer/process.py alone, but: {sorted(breaches)}'


def test_it_has_no_very_long_file(modules: list[Module]) -> None:
    long = {module.path: module.lines for module in modules if module.lines > LONGEST_FILE}
    assert not long, f'Split by what they are about (over {LONGEST_FILE} lines): {long}'


def test_it_has_no_very_long_function(modules: list[Module]) -> None:
    long = {
        f'{module.path}:{node.lineno} {node.name}': length
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert not long, f'Over {LONGEST_FUNCTION} lines: {long}'


@pytest.mark.parametrize(
    ('importer', 'imported', 'allowed'),
    [
        ('plumbus.backup', 'plumbus.store', True),
        ('plumbus.backup', 'plumbus.errors', True),
        ('plumbus.store', 'plumbus.store', True),
        ('plumbus.store', 'plumbus.transfer', False),
        ('plumbus.transfer', 'plumbus.backup', False),
        ('plumbus.model', 'plumbus.store', False),
        ('plumbus.api', 'pages', False),
        ('main', 'pages', True),
    ],
)
def test_the_table_is_read_downwards(importer: str, imported: str, *, allowed: bool) -> None:
    assert may_import(importer, imported) is allowed


def test_it_sees_relative_and_inner_imports() -> None:
    source = 'def later():\n    from ..store import database\n    import tinydb.table\n'
    module = Module(
        name='plumbus.transfer.ssh',
        path='plumbus/transfer/ssh.py',
        tree=ast.parse(source),
        lines=3,
        is_package=False,
    )
    assert {name for name, _ in imports(module)} == {'plumbus.store', 'tinydb.table'}
    inner = 'plumbus.store.database'
    assert {name for name, _ in imports(module, {inner})} == {inner, 'tinydb.table'}
