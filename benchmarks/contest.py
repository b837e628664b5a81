"""PLUMBUS beside bare rsync and what else is used for backups: rounds in turn, and a table beside the targets.

usage: .venv/bin/python -m benchmarks.contest [--full] [--only NAME,NAME] [--rounds N] [--files N] [--write]
"""

import argparse
import os
import platform
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.contenders.base import Contender
from benchmarks.figures import BASE, Figures
from benchmarks.place import Place, made_place
from benchmarks.report import RESULT, target_table, times, write
from benchmarks.rounds import QUICK, Contest, Plan


def measured(place: Place, plan: Plan, kinds: list[type[Contender]], notes: list[str]) -> Figures:
    """Run the benchmark with these kinds of contenders."""
    contenders = [kind(place) for kind in kinds]
    with ExitStack() as running:
        for contender in contenders:
            running.enter_context(contender.running())
        figures = Figures(
            machine={
                **machine(place),
                'files': f'{plan.files:,} small, {plan.big_files} of {plan.big_bytes >> 20} MiB',
            },
            versions={one.name: one.version() for one in contenders},
            notes=notes,
        )
        Contest(place, contenders, plan, figures, say).run()
    return figures


def machine(place: Place) -> dict[str, str]:
    """What the figures depend on."""
    lines = Path('/proc/cpuinfo').read_text().splitlines()
    model = next((line.partition(':')[2].strip() for line in lines if line.startswith('model name')), '')
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    return {
        'day': time.strftime('%Y-%m-%d'),
        'processor': f'{os.cpu_count()} × {model or platform.machine()}',
        'memory': f'{memory:.0f} GiB',
        'system': f'Linux {platform.release().partition("-")[0]}, Python {platform.python_version()}',
        'store': place.file_system,
        'load before': f'{os.getloadavg()[1]:.1f}',
    }


def say(text: str) -> None:
    """Tell how far it is."""
    print(f'{time.strftime("%H:%M:%S")} {text}', file=sys.stderr, flush=True)


def chosen(names: str) -> tuple[list[type[Contender]], list[str]]:
    """Given names parted by commas, or none for all, return who takes part, and a note on each who cannot."""
    wanted = [kind for kind in CONTENDERS if not names or kind.name in names.split(',') or kind.name == BASE]
    missing = [kind for kind in wanted if not kind.available()]
    return [kind for kind in wanted if kind not in missing], [
        f'{kind.name} is not installed.' for kind in missing
    ]


def plan_of(options: argparse.Namespace) -> Plan:
    """How much is to be done."""
    plan = Plan() if options.full else QUICK
    if options.files:
        plan = replace(plan, files=options.files, folders=max(1, options.files // 20))
    if options.rounds:
        rounds = options.rounds
        plan = replace(plan, initial=rounds, same=rounds, restore=rounds, small=rounds, big_changes=rounds)
    return replace(plan, big_files=0) if options.small_only else plan


def main() -> None:
    """Measure, keep the figures and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    parser.add_argument('--full', action='store_true', help='more rounds, ten days, eight big files')
    parser.add_argument(
        '--only', default='', help='contenders, parted by commas; bare rsync is always among them'
    )
    parser.add_argument('--rounds', type=int, help='how often everything but the days is measured')
    parser.add_argument('--files', type=int, help='how many small files there are')
    parser.add_argument('--write', action='store_true', help='write the tables and the chart into docs/')
    parser.add_argument('--small-only', action='store_true', help='leave out the big files')
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('stopped'))  # what was mounted and started is to go
    kinds, notes = chosen(options.only)
    with made_place() as place:
        figures = measured(place, plan_of(options), kinds, notes)
    figures.save(RESULT)
    print('\n\n'.join(['', times(figures), target_table(figures), *figures.notes]))
    if options.write:
        write(figures)


if __name__ == '__main__':
    main()
