"""The figures as bars, in one SVG that is readable on light and on dark pages."""

from collections.abc import Sequence
from html import escape

from benchmarks.figures import OURS, Figures

WIDTH, PAD, NAMES, NUMBERS = 760, 24, 104, 116
BAR, GAP, HEAD = 16, 8, 34
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.head { font-weight: 600; font-size: 14px }
.quiet { fill: #59636e }
.card { fill: #ffffff; stroke: #d1d9e0 }
.bar { fill: #9aa4af }
.ours { fill: #0b7a4b }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .quiet { fill: #9198a1 }
  .card { fill: #14181d; stroke: #3d444d }
  .bar { fill: #59636e }
  .ours { fill: #3fb97f }
}
"""


def chart(figures: Figures, phases: Sequence[str]) -> str:
    """Given figures, return the SVG: a group of bars for each of the phases, a bar for each contender."""
    parts: list[str] = []
    top = PAD
    for phase in phases:
        drawn, height = _group(figures, phase, top)
        parts += drawn
        top += height
    label = escape(f'Seconds in the phases {", ".join(phases)}')
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img" aria-label="{label}">',
        f'<style>{STYLE}</style>',
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{top - 1}" rx="8"/>',
        *parts,
        '</svg>\n',
    ])  # fmt: skip


def _group(figures: Figures, phase: str, top: int) -> tuple[list[str], int]:
    medians = {name: figures.median(phase, name) for name in figures.versions}
    known = {name: seconds for name, seconds in medians.items() if seconds is not None}
    longest = max(known.values(), default=1.0)
    room = WIDTH - 2 * PAD - NAMES - NUMBERS
    parts = [f'<text class="head" x="{PAD}" y="{top + 12}">{escape(phase)}, seconds</text>']
    for row, (name, seconds) in enumerate(known.items()):
        middle = top + HEAD + row * (BAR + GAP)
        length = max(2.0, room * seconds / longest)
        ratio = figures.ratio(phase, name)
        compared = '' if ratio is None else f'<tspan class="quiet" dx="6">× {ratio:.2f}</tspan>'
        left, kind = PAD + NAMES, 'ours' if name == OURS else 'bar'
        place = f'x="{left}" y="{middle - BAR // 2}" width="{length:.1f}" height="{BAR}"'
        parts += [
            f'<text x="{PAD}" y="{middle + 4}">{escape(name)}</text>',
            f'<rect class="{kind}" {place} rx="3"/>',
            f'<text x="{left + length + 8:.1f}" y="{middle + 4}">{seconds:.1f}{compared}</text>',
        ]
    return parts, HEAD + len(known) * (BAR + GAP) + PAD // 2
