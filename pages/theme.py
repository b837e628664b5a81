"""Colours, style sheets and the light/dark switch. The tokens stand here once; the style sheets use them by name."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Literal

from nicegui import app, ui

Theme = Literal['auto', 'light', 'dark']
STATIC = Path(__file__).parent / 'static'
SHEETS = ('base.css', 'frame.css', 'forms.css', 'lists.css', 'views.css', 'browse.css', 'finder.css')
SCRIPTS = ('shortcuts.js', 'keys.js')
ICONS = (
    '<link rel="icon" type="image/svg+xml" href="/static/favicon.svg">'
    '<link rel="apple-touch-icon" href="/static/touch-icon.png">'
)

# Fills and lines are the brand's; the *-text tokens are darker (or lighter) twins that reach 4.5:1 on every ground.
LIGHT = {
    'primary': '#D6336C', 'on-primary': '#FFFFFF', 'primary-text': '#C2255C', 'primary-soft': '#FDF0F5',
    'secondary': '#4263EB', 'link': '#364FC7',
    'ok': '#2B8A3E', 'ok-text': '#237032', 'ok-soft': '#E3F0E6',
    'wa': '#E67700', 'wa-text': '#8F4700', 'wa-soft': '#FCEDDE',
    'fa': '#C92A2A', 'fa-text': '#B02222', 'fa-soft': '#F8E3E3',
    'ru': '#4263EB', 'ru-text': '#364FC7', 'ru-soft': '#E6EBFC',
    'no': '#E9EAEE', 'no-text': '#5C6270', 'no-soft': '#F1F2F5',
    'ground': '#F7F7F9', 'card': '#FFFFFF', 'soft': '#F1F2F5', 'line': '#E4E5EA', 'field': '#8A909E',
    'text': '#1B1E25', 'muted': '#5C6270',
}  # fmt: skip
DARK = {
    'primary': '#F06595', 'on-primary': '#1A1016', 'primary-text': '#F783AC', 'primary-soft': '#2B1A24',
    'secondary': '#748FFC', 'link': '#91A7FF',
    'ok': '#51CF66', 'ok-text': '#69DB7C', 'ok-soft': '#1F3630',
    'wa': '#FFA94D', 'wa-text': '#FFC078', 'wa-soft': '#382F2D',
    'fa': '#FF6B6B', 'fa-text': '#FF8787', 'fa-soft': '#382832',
    'ru': '#748FFC', 'ru-text': '#91A7FF', 'ru-soft': '#262E46',
    'no': '#2E3542', 'no-text': '#A3ABBA', 'no-soft': '#222834',
    'ground': '#12151C', 'card': '#1A1F29', 'soft': '#222834', 'line': '#2A303D', 'field': '#6F7889',
    'text': '#E8EAEF', 'muted': '#A3ABBA',
}  # fmt: skip
QUASAR = {
    'primary': 'primary',
    'secondary': 'secondary',
    'positive': 'ok',
    'warning': 'wa',
    'negative': 'fa',
    'info': 'ru',
}


def install() -> None:
    """Serve the style sheets and pictures and put them on every page."""
    app.add_static_files('/static', STATIC, max_cache_age=86_400)
    links = ''.join(f'<link rel="stylesheet" href="/static/{name}?{_version(name)}">' for name in SHEETS)
    scripts = ''.join(f'<script defer src="/static/{name}?{_version(name)}"></script>' for name in SCRIPTS)
    ui.add_head_html(f'<style>{css()}</style>{links}{scripts}', shared=True)
    # Quasar's bar for requests has no name for screen readers, and says nothing of what goes over the socket.
    app.config.quasar_config['loadingBar']['skipHijack'] = True
    ui.button.default_props('unelevated no-caps')
    ui.menu_item.default_props('role=menuitem')
    for field in (ui.input, ui.number, ui.select, ui.textarea):
        field.default_props('outlined dense hide-bottom-space')


def css() -> str:
    """Return the tokens as CSS variables for both themes, Quasar's own colours included."""
    return f'body{{{_variables(LIGHT)}}}body.body--dark{{{_variables(DARK)}}}'


def apply(theme: Theme) -> ui.dark_mode:
    """Given a theme, show the page in it from its first frame on. Return the switch."""
    ui.add_head_html(f'<style>{_first_frame(theme)}</style>{ICONS}')
    return ui.dark_mode(dark(theme))


def dark(theme: Theme) -> bool | None:
    """Given a theme, return the value of NiceGUI's dark mode; None follows the system."""
    return {'light': False, 'dark': True}.get(theme)


def _first_frame(theme: Theme) -> str:
    # Before the scripts have run nothing but this tells the browser which ground to paint.
    light, night = f'html{{background:{LIGHT["ground"]}}}', f'html{{background:{DARK["ground"]}}}'
    if theme == 'auto':
        return f'{light}@media(prefers-color-scheme:dark){{{night}}}'
    return night if theme == 'dark' else light


def _variables(tokens: Mapping[str, str]) -> str:
    own = [f'--{name}:{value}' for name, value in tokens.items()]
    # Quasar writes its colours as inline styles of the body; only !important beats those.
    quasar = [f'--q-{name}:{tokens[token]}!important' for name, token in QUASAR.items()]
    grounds = [f'--q-dark:{DARK["card"]}!important', f'--q-dark-page:{DARK["ground"]}!important']
    return ';'.join(own + quasar + grounds)


def _version(name: str) -> str:
    return sha256((STATIC / name).read_bytes()).hexdigest()[:8]
