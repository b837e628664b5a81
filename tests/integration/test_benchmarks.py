"""The benchmark with a few hundred files: every phase is measured, and what comes out of it is what went in."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.contenders.bare_rsync import BareRsync
from benchmarks.contenders.base import Contender
from benchmarks.contenders.plumbus import Plumbus
from benchmarks.figures import Figures
from benchmarks.place import Place, made_place
from benchmarks.rounds import PHASES, Contest, Plan, owner_of
from benchmarks.workload import Workload
from tests.support.engines import differences

SMALL = Plan(
    files=300, folders=15, initial=1, days=2, same=1, restore=1, small=1, big_files=1, big_bytes=2**22, big_changes=1
)  # fmt: skip


class Broken(BareRsync):
    """Makes one snapshot and no other."""

    name = 'broken'

    def backup(self) -> None:
        if self._snapshots():
            raise RuntimeError('no more')
        super().backup()


@pytest.fixture(scope='module')
def place() -> Iterator[Place]:
    """A store in a plain folder."""
    with made_place(loop=False) as made:
        yield made


@pytest.fixture(scope='module')
def contenders(place: Place) -> Iterator[list[Contender]]:
    """Bare rsync, and a server of PLUMBUS."""
    found: list[Contender] = [BareRsync(place), Plumbus(place)]
    with ExitStack() as running:
        for contender in found:
            running.enter_context(contender.running())
        yield found


def restored(place: Place, contender: Contender) -> Path:
    """What is there after a full restore: below the folder, or below its full path in it."""
    target = place.emptied_arrivals()
    contender.restore(target)
    whole = target / str(contender.source).lstrip('/')
    return whole if whole.exists() else target


def test_it_measures_every_phase_of_both(place: Place, contenders: list[Contender]) -> None:
    figures = Figures(machine={}, versions={one.name: one.version() for one in contenders})
    Contest(place, contenders, SMALL, figures, lambda _: None).run()
    for phase in PHASES:
        assert {sample.contender for sample in figures.samples if sample.phase == phase} == set(
            figures.versions
        )
    assert all(sample.seconds > 0 for sample in figures.samples)
    assert figures.own_memory() > 0
    assert figures.stored['PLUMBUS'].manifest_bytes > 0


def test_one_that_fails_is_left_out_and_named(place: Place) -> None:
    figures = Figures(machine={}, versions={})
    plan = replace(SMALL, days=1, big_files=0)
    Contest(place, [BareRsync(place), Broken(place)], plan, figures, lambda _: None).run()
    assert figures.notes == ['broken failed in the phase "1 % changed": no more']
    assert {sample.phase for sample in figures.samples if sample.contender == 'broken'} == {'initial'}
    assert {sample.phase for sample in figures.samples} == set(PHASES[:-2])


def test_both_give_back_what_was_there(place: Place, contenders: list[Contender]) -> None:
    workload = Workload(place.source / 'others', 200, 10, owner=owner_of(place))
    workload.fill()
    for contender in contenders:
        contender.prepare(workload.folder)
        contender.backup()
    workload.pass_day()
    folder = workload.paths[0].rpartition('/')[0]
    for contender in contenders:
        contender.backup()
        assert differences(workload.folder, restored(place, contender)) == ''
        assert contender.list_folder(folder) == len(os.listdir(workload.folder / folder))
