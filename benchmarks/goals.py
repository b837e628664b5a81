"""Figures beside their goals: measured in rounds, printed as a table, with a mark where one is missed."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROUNDS = 9
TICKS = os.sysconf('SC_CLK_TCK')


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One line of the table: the median of several rounds, which is what the goal is for, the fastest and the slowest."""

    name: str
    rounds: list[float]
    unit: str
    goal: float

    @property
    def value(self) -> float:
        """What is compared with the goal."""
        return statistics.median(self.rounds)

    @property
    def missed(self) -> bool:
        """Whether it is not below the goal."""
        return self.value >= self.goal

    def __str__(self) -> str:
        figures = f'{min(self.rounds):9.2f} {self.value:9.2f} {max(self.rounds):9.2f}'
        return f'{self.name:48} {figures} {self.unit:3} {self.goal:6g} {"MISSED" if self.missed else "ok"}'


def timed(name: str, goal: float, action: Callable[[int], object], rounds: int = ROUNDS) -> Figure:
    """Run an action some rounds, given the number of each, and return what they took in milliseconds."""
    spent = []
    for number in range(rounds):
        began = time.perf_counter()
        action(number)
        spent.append((time.perf_counter() - began) * 1000)
    return Figure(name=name, rounds=spent, unit='ms', goal=goal)


def cpu_s(pid: int) -> float:
    """CPU seconds of a process itself, which others on the machine change little (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def report(figures: Iterable[Figure]) -> int:
    """Print each figure as soon as it is there. Return 1 if a goal is missed, else 0."""
    missed = 0
    sys.stdout.write(f'{"":48} {"fastest":>9} {"median":>9} {"slowest":>9} {"below":>10}\n')
    for figure in figures:
        sys.stdout.write(f'{figure}\n')
        sys.stdout.flush()
        missed += figure.missed
    sys.stdout.write(f'{missed} goals missed\n' if missed else 'all goals met\n')
    return int(missed > 0)
