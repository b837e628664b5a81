"""What the benchmark writes for others to read is computed rightly, and its files are the same every time."""

import hashlib
import importlib
import sys
from pathlib import Path
from random import Random
from xml.etree import ElementTree as ET

import pytest

import benchmarks
from benchmarks.chart import chart
from benchmarks.figures import Figures, Sample, Stored
from benchmarks.report import BEGIN, END, put_between, tables, times
from benchmarks.rounds import INITIAL, SAME
from benchmarks.targets import Target, targets
from benchmarks.workload import BASE_TIME, CHANGED_BYTES, FILES, BigFiles, Day, Workload, size

MB = 10**6
COMMANDS = Path(benchmarks.__file__).parent


def figures_of(**seconds: dict[str, list[float]]) -> Figures:
    """Figures of three contenders; the keys are phases with _ in place of a space."""
    samples = [
        Sample(
            phase=phase, contender=name, round=number, seconds=taken, cpu_s=taken, own_cpu_s=taken / 4, memory=9 * MB,
            own_memory=150 * MB if name == 'PLUMBUS' else 0, moved=CHANGED_BYTES,
        )
        for key, rounds in seconds.items()
        for phase in [key.replace('_', ' ').replace('one percent', '1 %')]
        for name, all_rounds in rounds.items()
        for number, taken in enumerate(all_rounds)
    ]  # fmt: skip
    versions = {'bare rsync': '3.5.0', 'PLUMBUS': '6.0.0', 'rsnapshot': '1.4.5'}
    return Figures(machine={'processor': '2 × fast'}, versions=versions, samples=samples)


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Content and time of every file."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in folder.rglob('*')
        if path.is_file()
    }


def lived(folder: Path, days: int) -> Workload:
    """Files after so many days."""
    workload = Workload(folder, 1000, 50)
    workload.fill()
    for _ in range(days):
        workload.pass_day()
    return workload


def test_the_files_are_the_same_every_time(tmp_path: Path) -> None:
    for name in ('one', 'other'):
        lived(tmp_path / name, 2)
    assert state(tmp_path / 'one') == state(tmp_path / 'other')


def test_a_day_changes_what_it_says(tmp_path: Path) -> None:
    workload = lived(tmp_path, 0)
    before = state(tmp_path)
    assert workload.pass_day() == Day(modified=10, added=3, deleted=2, renamed=1)
    after = state(tmp_path)
    assert set(workload.paths) == set(after)
    assert len(set(before) - set(after)) == 3, 'deleted and renamed'
    assert len(set(after) - set(before)) == 4, 'added and renamed'
    changed = [path for path in set(before) & set(after) if before[path] != after[path]]
    assert len(changed) == 10
    assert all(before[path][0] != after[path][0] and after[path][1] > BASE_TIME * 10**9 for path in changed)


def test_the_files_together_have_about_607_mb() -> None:
    assert 590 * MB < sum(size(Random(f'file {number}')) for number in range(FILES)) < 630 * MB


def test_a_big_file_changes_in_few_places(tmp_path: Path) -> None:
    big = BigFiles(folder=tmp_path / 'big', count=2, bytes_each=16 * 2**20)
    big.fill()
    before = (tmp_path / 'big' / 'image-0.raw').read_bytes()
    after = big.change(0).read_bytes()
    assert len(before) == len(after)
    assert 0 < sum(one != other for one, other in zip(before, after, strict=True)) <= CHANGED_BYTES


def test_a_ratio_is_that_of_the_same_round() -> None:
    figures = figures_of(initial={'bare rsync': [10, 20, 40], 'PLUMBUS': [5, 20, 10]})
    assert figures.ratio(INITIAL, 'PLUMBUS') == 0.5
    assert figures.median(INITIAL, 'PLUMBUS') == 10
    assert figures.spread(INITIAL, 'bare rsync') == (10, 40)


def test_a_round_that_one_left_out_is_in_no_ratio() -> None:
    figures = figures_of(initial={'bare rsync': [10, 20, 40], 'PLUMBUS': [5]})
    assert figures.ratio(INITIAL, 'PLUMBUS') == 0.5
    assert figures.ratio(INITIAL, 'rsnapshot') is None


@pytest.mark.parametrize(
    ('value', 'mark'), [(0.2, 'reached'), (0.22, 'reached'), (0.23, '**missed**'), (None, 'not measured')]
)
def test_a_missed_target_is_marked(value: float | None, mark: str) -> None:
    assert Target(name='no change', limit=0.22, value=value).mark == mark


def test_the_targets_are_compared_with_the_right_figures() -> None:
    figures = figures_of(
        no_change={'bare rsync': [10], 'PLUMBUS': [2], 'rsnapshot': [1]},
        one_percent_changed={'bare rsync': [10], 'PLUMBUS': [4]},
        one_folder_listed={'PLUMBUS': [0.012]},
        big_file_changed={'PLUMBUS': [1]},
    )
    figures.stored = {
        'PLUMBUS': Stored(bytes=1000, inodes=1, manifest_bytes=10),
        'rsnapshot': Stored(bytes=800, inodes=1),
    }
    found = {target.name: (target.reached, target.mark) for target in targets(figures)}
    assert found['no change, × bare rsync'] == ('0.20', 'reached')
    assert found['no change, × the fastest of the others'] == ('2.00', '**missed**')
    assert found['1 % changed, × bare rsync'] == ('0.40', '**missed**')
    assert found['one folder listed'] == ('12.0 ms', 'reached')
    assert found['disk after the days, × rsnapshot'] == ('1.25', '**missed**')
    assert found['manifests, of the stored data'] == ('1.0 %', 'reached')
    assert found['own CPU, of the whole run: no change'] == ('25.0 %', '**missed**')
    assert found['memory of the process, its peak'] == ('150 MB', 'reached')
    assert found['one big file changed: bytes moved, × bytes changed'] == ('1.00', 'reached')
    assert found['full restore, × bare rsync'] == ('–', 'not measured')


def test_the_table_has_medians_and_ratios() -> None:
    text = times(figures_of(initial={'bare rsync': [5, 6], 'PLUMBUS': [4, 6]}, no_change={'bare rsync': [6]}))
    assert text.splitlines() == [
        '|  | initial | no change |',
        '| --- | --- | --- |',
        '| bare rsync | 5.50 | 6.00 |',
        '| PLUMBUS | 5.00 (0.90) | – |',
        '| rsnapshot | – | – |',
    ]


def test_the_tables_replace_those_of_before() -> None:
    figures = figures_of(initial={'bare rsync': [5], 'PLUMBUS': [4]})
    document = f'before\n{BEGIN}\nOF BEFORE\n{END}\nafter\n'
    once = put_between(document, tables(figures))
    assert (once[:7], once[-6:]) == ('before\n', 'after\n')
    assert 'OF BEFORE' not in once
    assert put_between(once, tables(figures)) == once
    with pytest.raises(ValueError, match='no place'):
        put_between('nothing', 'new')


def test_figures_are_kept(tmp_path: Path) -> None:
    figures = figures_of(initial={'bare rsync': [5]})
    figures.stored = {'bare rsync': Stored(bytes=1, inodes=2)}
    figures.save(tmp_path / 'build' / 'bench.json')
    assert Figures.load(tmp_path / 'build' / 'bench.json') == figures


def test_the_chart_has_a_bar_for_each_who_took_part() -> None:
    figures = figures_of(
        initial={'bare rsync': [10], 'PLUMBUS': [5]},
        no_change={'bare rsync': [10], 'PLUMBUS': [2], 'rsnapshot': [4]},
    )
    root = ET.fromstring(chart(figures, (INITIAL, SAME)))
    widths = [float(bar.get('width', 0)) for bar in root.iter('{http://www.w3.org/2000/svg}rect')][1:]
    assert len(widths) == 5
    assert widths[1] == pytest.approx(widths[0] / 2)
    assert widths[4] == pytest.approx(widths[2] * 0.4, abs=0.1)


@pytest.mark.parametrize(
    'name', sorted(path.stem for path in COMMANDS.glob('*.py') if 'def main()' in path.read_text())
)
def test_each_tells_what_it_does_and_makes_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', [name, '--help'])
    module = importlib.import_module(f'benchmarks.{name}')
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 0
    assert str(module.__doc__).partition(':')[0][:40] in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
