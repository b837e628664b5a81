"""How Sphinx makes a site of these pages: `make docs`."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

project = 'PLUMBUS'
copyright = 'the PLUMBUS maintainers'  # noqa: A001 Sphinx wants this name
release = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['project']['version']
extensions = ['myst_parser']
myst_heading_anchors = 4
exclude_patterns = ['site']
nitpicky = True
# What Sphinx has no colours for is shown without.
suppress_warnings = ['misc.highlighting_failure']

html_theme = 'furo'
html_title = f'PLUMBUS {release}'
html_logo = html_favicon = '../pages/static/favicon.svg'
html_copy_source = False
html_theme_options = {
    'light_css_variables': {'color-brand-primary': '#d6336c', 'color-brand-content': '#a61e4d'},
    'dark_css_variables': {'color-brand-primary': '#f06595', 'color-brand-content': '#f783ac'},
}
