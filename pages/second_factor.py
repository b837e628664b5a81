"""The card that turns the second factor on and off, and shows recovery codes once."""

import segno
from nicegui import ui

from pages.calls import ask, praise, told
from pages.frame import View
from pages.widgets.fields import Form
from pages.widgets.text import Text, box, button, card
from pages.wording import plural
from plumbus.services.second_factor import Setup

FEW_CODES = 3
WHAT = 'Besides the password, a login then wants six digits that an app on your phone shows (TOTP: Aegis, FreeOTP, KeePassXC …).'


class SecondFactorCard:
    """Drawn anew after each step."""

    def __init__(self, view: View) -> None:
        self._view, self._form = view, Form()
        self._accounts = view.engine.accounts
        with card('Second factor', classes='stack'):
            self._area = box('stack')
        ui.timer(0, self._load, once=True)

    async def _load(self) -> None:
        with told():
            user = await ask(self._accounts.own_user, self._view.user)
            left = await ask(self._accounts.recovery_codes_left, self._view.user)
            with self._fresh():
                self._draw_on(left) if user.has_second_factor else self._draw_off()

    def _fresh(self) -> ui.element:
        self._form = Form()
        self._area.clear()
        return self._area

    def _draw_off(self) -> None:
        Text('Off. ' + WHAT, 'sub', 'p')
        self._password()
        with box('actions end'):
            button('Set it up', 'primary', on_click=self._begin)

    def _draw_on(self, left: int) -> None:
        with box('row-line'):
            ui.icon('o_verified_user', size='20px').classes('good')
            Text('On: a login wants the code of your app.', 'strong')
        codes = Text(f'{plural(left, "recovery code")} left.', 'sub', 'p')
        if left < FEW_CODES:
            codes.classes('trouble')
        self._password()
        with box('actions end'):
            button('New recovery codes', on_click=self._renew)
            button('Turn it off', 'danger', on_click=self._turn_off)

    def _password(self) -> None:
        self._form.text(
            'password', 'Your password', secret=True, autocomplete='current-password',
            hint='Asked again, so that nobody changes this while you are at the coffee machine.',
        )  # fmt: skip

    async def _begin(self) -> None:
        with self._form.objections():
            setup = await ask(self._accounts.begin_second_factor, self._view.user, self._form['password'])
            with self._fresh():
                self._draw_setup(setup)

    def _draw_setup(self, setup: Setup) -> None:
        Text('1. Let your app read this picture, or type the seed into it.', tag='p')
        picture = box(tag='img').classes('qr')
        picture.props['src'] = segno.make(setup.address).svg_data_uri(scale=5, border=3, light='#ffffff')
        picture.props['alt'] = 'QR code for the app'
        with box('row-line'):
            Text(
                ' '.join(setup.seed[start : start + 4] for start in range(0, len(setup.seed), 4)),
                'mono wrap-any',
            )
        Text('2. Type the six digits that it shows now.', tag='p')
        self._form.text('code', 'Code', autocomplete='one-time-code', inputmode='numeric')
        with box('actions end'):
            button('Cancel', on_click=self._load)
            button('Turn it on', 'primary', on_click=self._confirm)

    async def _confirm(self) -> None:
        with self._form.objections():
            codes = await ask(self._accounts.confirm_second_factor, self._view.user, self._form['code'] or '')
            praise('The second factor is on.')
            self._show_codes(codes)

    async def _renew(self) -> None:
        with self._form.objections():
            codes = await ask(self._accounts.new_recovery_codes, self._view.user, self._form['password'])
            self._show_codes(codes)

    async def _turn_off(self) -> None:
        with self._form.objections():
            await ask(self._accounts.turn_off_second_factor, self._view.user, self._form['password'])
            praise('The second factor is off.')
            await self._load()

    def _show_codes(self, codes: list[str]) -> None:
        with self._fresh():
            Text('Your recovery codes', 'strong', 'p')
            Text(
                'Each lets you in once if the phone is lost. They are shown this once: print them or write them down.',
                'sub',
                'p',
            )
            with box('codes', 'ul'):
                for code in codes:
                    Text(code, 'mono', 'li')
            with box('actions end'):
                button('I have them', 'primary', on_click=self._load)
