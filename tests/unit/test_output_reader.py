"""Lines of rsync's output: each goes where it belongs, and none of an item is lost without a word."""

import pytest

from plumbus.backup.listing import OutputReader
from plumbus.errors import TransferFailed
from plumbus.transfer.items import Item

GOOD = b'>f+++++++++|2|2026/11/23-04:59:11|rw-r--r--|0|0|                                |a//'


def test_it_takes_the_items() -> None:
    taken: list[Item] = []
    reader = OutputReader(taken.append, lambda progress, items: None)
    reader(
        [
            GOOD,
            b'skipping non-regular file "a|b"',
            b'Number of files: 7',
            GOOD.replace(b'|0|0|', b'|0|DEFAULT|'),
        ]
    )
    reader.check()
    assert [item.path for item in taken] == [b'a', b'a']
    assert reader.stats == {'files': 7}


@pytest.mark.parametrize(
    'line',
    [
        GOOD.replace(b'|0|0|', b'|0|NEW|'),
        GOOD.replace(b'|2|', b'|-2|'),
        GOOD.replace(b'a//', b'//'),
        GOOD[:40],
        b'*deleting  |?|',
        b'.x         |2|2026/11/23-04:59:11|rw-r--r--|0|0||\xff//',
    ],
)
def test_it_fails_for_an_item_that_cannot_be_read(line: bytes) -> None:
    reader = OutputReader(lambda item: None, lambda progress, items: None)
    reader([GOOD, line] * 1000)
    with pytest.raises(TransferFailed) as failure:
        reader.check()
    assert failure.value.cause == 'unreadable_item'
    assert len(reader.unread) < 100
