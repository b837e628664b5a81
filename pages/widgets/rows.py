"""The rows of a table, kept as they are."""

from typing import Any

from nicegui import ui


def show_rows(table: ui.table, rows: list[dict[str, Any]]) -> None:
    """Given a table and its rows, send them unless they are what it shows already.

    NiceGUI would wrap each cell, to see when it changes, which takes half a kilobyte for each; ours are only ever replaced.
    """
    if rows != table.rows:
        dict.__setitem__(table.props, 'rows', rows)
        table.update()
