"""Ticking and unticking files: what becomes a source path and what an exclude."""

import pytest

from pages.selection import Selection, ancestors, path_of, pattern_of


def test_it_takes_a_folder_and_leaves_out_a_child() -> None:
    selection = Selection()
    selection.toggle('/home/pi')
    selection.toggle('/home/pi/.cache')
    assert selection.sources == {'/home/pi'}
    assert selection.excludes == ['/home/pi/.cache']
    assert selection.mark('/home/pi') == 'part'
    assert selection.mark('/home/pi/.cache') == 'off'
    assert selection.mark('/home/pi/.cache/deep') == 'off'
    assert selection.mark('/home/pi/notes.txt') == 'on'
    assert selection.mark('/home') == 'part'
    assert selection.mark('/') == 'part'
    assert selection.excluded('/home/pi/.cache')


def test_it_takes_a_child_back_in() -> None:
    selection = Selection(['/home/pi'], ['/home/pi/.cache'])
    selection.toggle('/home/pi/.cache')
    assert selection.excludes == []
    assert selection.mark('/home/pi') == 'on'


def test_it_takes_something_below_what_is_left_out() -> None:
    selection = Selection(['/home'], ['/home/pi'])
    selection.toggle('/home/pi/photos')
    assert selection.mark('/home/pi/photos') == 'on'
    assert selection.mark('/home/pi/music') == 'off'
    assert selection.sources == {'/home', '/home/pi/photos'}


def test_it_makes_one_of_many_when_the_folder_above_is_ticked() -> None:
    selection = Selection(['/home/ada', '/home/pi'])
    selection.toggle('/home')
    assert selection.sources == {'/home'}
    selection.toggle('/home')
    assert selection.sources == set()
    assert selection.mark('/home') == 'off'


def test_it_completes_a_folder_that_is_taken_in_part() -> None:
    selection = Selection(['/home/pi'], ['/home/pi/.cache', '*.tmp'])
    selection.toggle('/home/pi')
    assert selection.mark('/home/pi') == 'on'
    assert selection.excludes == ['*.tmp']


def test_it_takes_the_whole_machine() -> None:
    selection = Selection(['/home'])
    selection.toggle('/')
    assert selection.sources == {'/'}
    assert selection.mark('/etc/fstab') == 'on'
    selection.toggle('/proc')
    assert selection.excludes == ['/proc']


def test_it_is_not_fooled_by_names_that_begin_alike() -> None:
    selection = Selection(['/home/pi'])
    assert selection.mark('/home/pi2') == 'off'


def test_it_leaves_patterns_alone() -> None:
    selection = Selection(['/home'], ['*.tmp', '/home/*/cache', '/elsewhere'])
    assert selection.patterns == ['*.tmp', '/home/*/cache', '/elsewhere']
    assert selection.holes == set()


@pytest.mark.parametrize(
    'path', ['/a/b', '/a/[x]', '/a/*', '/a/?', '/a/b\\c', '/a/[x\\]*', '/with space/…', '/a/\\*']
)
def test_it_finds_the_path_behind_its_own_pattern(path: str) -> None:
    assert path_of(pattern_of(path)) == path


@pytest.mark.parametrize('pattern', ['*.tmp', 'cache/', '/home/*', '/home/[ab]', '/a?'])
def test_it_takes_patterns_for_no_path(pattern: str) -> None:
    assert path_of(pattern) is None


def test_it_knows_what_lies_above() -> None:
    assert ancestors('/a/b/c') == ['/a/b', '/a', '/']
    assert ancestors('/a') == ['/']
    assert ancestors('/') == []
