"""What PLUMBUS notices by itself is told by one table, each row with a remedy."""

import re

import pytest

from plumbus.failures import TABLE, Failure, failed


@pytest.mark.parametrize('row', TABLE, ids=lambda row: row.cause)
def test_it_tells_each_cause_with_a_sentence_and_a_remedy(row: Failure) -> None:
    facts = {name: f'<{name}>' for name in re.findall(r'\{(\w+)\}', row.message + row.remedy)}
    error = failed(row.cause, **facts)
    assert error.cause == row.cause
    assert error.transient is row.transient
    assert all(value in str(error) for value in facts.values())
    for text in (error.message, error.remedy):
        assert text[0].isupper()
        assert text.endswith('.')
        assert '{' not in text


def test_it_names_each_cause_once() -> None:
    assert len({row.cause for row in TABLE}) == len(TABLE)


def test_it_keeps_the_exit_code() -> None:
    assert failed('pre_command', exit_code=3, code=3).exit_code == 3
