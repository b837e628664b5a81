"""Browse & restore, part by part: `place` is its address, `visit` the page."""
