"""Writes the figures as Markdown tables, between two marks of a document; the text around them stays.

usage: .venv/bin/python -m benchmarks.report    (writes build/bench.json into docs/benchmarks.md and its chart)
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.arguments import no_arguments
from benchmarks.chart import chart
from benchmarks.figures import BASE, Figures
from benchmarks.rounds import DAY, INITIAL, PHASES, RESTORE, SAME
from benchmarks.targets import targets

BEGIN, END = '<!-- figures begin: written by make bench-full -->', '<!-- figures end -->'
RESULT = Path('build/bench.json')
DOCUMENT, CHART = Path('docs/benchmarks.md'), Path('docs/benchmarks.svg')
MB = 10**6
LITTLE_S = 0.1
COSTS = (
    'CPU seconds of all processes on both sides, after a + those that are used in the background when it is done, and the peak of '
    'their resident memory together.'
)


def tables(figures: Figures) -> str:
    """All tables, the one of the targets first."""
    parts = [
        '![Seconds of an initial run, one without changes and one with the changes of a day](benchmarks.svg)',
        '## Machine and versions', _machine(figures),
        '## Targets', target_table(figures),
        '## Seconds', 'Medians; in brackets × bare rsync of the same round, and below the quickest and the slowest round.',
        times(figures), _spreads(figures),
        '## What it costs', COSTS,
        _costs(figures), 'What the store takes after the days.', _stored(figures), *_notes(figures),
    ]  # fmt: skip
    return '\n\n'.join(parts)


def target_table(figures: Figures) -> str:
    """The targets beside what was reached."""
    rows = [[target.name, target.wanted, target.reached, target.mark] for target in targets(figures)]
    return table(['target', 'wanted', 'reached', ''], rows)


def times(figures: Figures) -> str:
    """Medians and ratios, a line a contender."""
    return table(['', *_phases(figures)], [[name, *_cells(figures, name)] for name in figures.versions])


def _cells(figures: Figures, name: str) -> list[str]:
    return [
        _time(figures.median(phase, name), figures.ratio(phase, name), name) for phase in _phases(figures)
    ]


def _time(seconds: float | None, ratio: float | None, name: str) -> str:
    if seconds is None:
        return '–'
    compared = '' if name == BASE or ratio is None else f' ({ratio:.2f})'
    return f'{short(seconds)}{compared}'


def _spreads(figures: Figures) -> str:
    rows = []
    for name in figures.versions:
        spreads = [figures.spread(phase, name) for phase in _phases(figures)]
        rows.append([name, *(f'{short(one[0])} – {short(one[1])}' if one else '–' for one in spreads)])
    counts = [str(figures.rounds(phase, BASE)) for phase in _phases(figures)]
    return table(['', *_phases(figures)], [*rows, ['rounds', *counts]])


def _costs(figures: Figures) -> str:
    phases = (INITIAL, SAME, DAY, RESTORE)
    return table(
        ['', *phases],
        [[name, *(_cost(figures, phase, name) for phase in phases)] for name in figures.versions],
    )


def _cost(figures: Figures, phase: str, name: str) -> str:
    seconds, later = figures.cpu(phase, name), figures.later_cpu(phase, name)
    if seconds is None or later is None:
        return '–'
    background = f' + {short(later)}' if later >= LITTLE_S else ''
    return f'{short(seconds)}{background} s, {figures.memory(phase, name) / MB:.0f} MB'


def _stored(figures: Figures) -> str:
    rows = [[name, f'{one.bytes / MB:,.0f}', f'{one.inodes:,}'] for name, one in figures.stored.items()]
    return table(['', 'MB', 'inodes'], rows)


def _machine(figures: Figures) -> str:
    versions = [f'{name} {version}' for name, version in figures.versions.items()]
    rows = [*([what, told] for what, told in figures.machine.items()), ['versions', ', '.join(versions)]]
    return table(['', ''], rows)


def _notes(figures: Figures) -> list[str]:
    return ['\n'.join(f'- {note}' for note in figures.notes)] if figures.notes else []


def _phases(figures: Figures) -> list[str]:
    return [phase for phase in PHASES if figures.rounds(phase, BASE)]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def short(seconds: float) -> str:
    """Two or three digits that count."""
    digits = 3 if seconds < 0.1 else 2 if seconds < 10 else 1
    return f'{seconds:.{digits}f}'


def put_between(text: str, new: str) -> str:
    """Given a document, put something in place of what is between the marks. Raise ValueError if they are not there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError('The document has no place for the figures.')
    return f'{before}{BEGIN}\n\n{new}\n\n{END}{after}'


def write(figures: Figures) -> None:
    """Write tables and chart."""
    DOCUMENT.write_text(put_between(DOCUMENT.read_text(encoding='utf-8'), tables(figures)), encoding='utf-8')
    CHART.write_text(chart(figures, (INITIAL, SAME, DAY)), encoding='utf-8')


def main() -> None:
    """Write what was kept of the last run."""
    no_arguments(__doc__)
    write(Figures.load(RESULT))


if __name__ == '__main__':
    main()
