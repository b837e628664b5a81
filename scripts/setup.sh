#!/bin/sh
# Prepare this machine for PLUMBUS: setup.sh [run|demo|test]. A second call finds everything done and takes no time.
#
# System packages come from apt where that is allowed (root, or sudo without a password); otherwise one sentence
# names them. Python packages go into .venv/ here and nowhere else. PYTHON=/path/to/python3.12 chooses the Python
# that a new .venv/ is made with.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
purpose=${1:-run}

main() {
    case $purpose in run | demo | test) ;; *) fail 'What for? setup.sh run, demo or test.' ;; esac
    missing=$(missing_packages)
    [ -z "$missing" ] || install_packages
    [ -x .venv/bin/python ] && is_locked || install_locked
    [ "$purpose" != test ] || [ -n "$(browser)" ] || fetch_browser
}

missing_packages() {
    [ -x .venv/bin/python ] || [ -n "$(find_python)" ] || python_package
    needs rsync rsync
    needs ssh openssh-client
    [ "$purpose" != run ] || return 0
    needs sshd openssh-server
    [ "$purpose" != demo ] || return 0
    needs sudo sudo
    needs setfacl acl
    needs setfattr attr
    needs ps procps
    needs mkfs.btrfs btrfs-progs
    # Ubuntu has Chromium as a snap only, which a test cannot drive: see fetch_browser.
    [ -n "$(browser)" ] || { apt_has rsync && ! apt_has chromium; } || echo chromium
}

needs() {
    command -v "$1" >/dev/null || echo "$2"
}

browser() {
    command -v chromium || command -v google-chrome || command -v chromium-browser ||
        ls -d "${PLAYWRIGHT_BROWSERS_PATH:-$HOME/.cache/ms-playwright}"/chromium-* 2>/dev/null || true
}

# The path of the first Python that fits and can make virtual environments (Debian packs ensurepip apart), or nothing.
find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        "$candidate" -c '
import sys, ensurepip
assert (3, 11) <= sys.version_info[:2] <= (3, 13)
print(sys.executable)' 2>/dev/null && return
    done
    true
}

python_package() {
    default=$(apt-cache depends python3 2>/dev/null | sed -n 's/.*Depends: \(python3\.1[123]\)$/\1/p')
    for name in $default python3.13 python3.12 python3.11; do
        apt_has "$name-venv" && echo "$name-venv" && return
    done
    echo python3-venv
}

apt_has() {
    apt-cache show "$1" >/dev/null 2>&1
}

install_packages() {
    if ! command -v apt-get >/dev/null; then
        fail "Please install these packages (named as in Debian), then run this again:" $missing
    elif [ "$(id -u)" = 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root='sudo -n'
    else
        fail 'Please install what is missing, then run this again: sudo apt-get install' $missing
    fi
    quietly $as_root apt-get update || true
    missing=$(missing_packages)
    say 'Installing system packages:' $missing
    quietly $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing ||
        fail 'apt could not install them; the lines above say why.'
    case $missing in *openssh-server*) keep_sshd_off ;; esac
}

# The demo and the tests start a private sshd on loopback: this machine shall not begin to listen on port 22 for it.
keep_sshd_off() {
    [ ! -d /run/systemd/system ] || $as_root systemctl disable --quiet --now ssh.service ssh.socket 2>/dev/null || true
    say 'This machine now has an SSH server, switched off; to use it: systemctl enable --now ssh'
}

locks() {
    echo requirements.lock
    [ "$purpose" != test ] || echo requirements-dev.lock
}

is_locked() {
    [ "$(cat .venv/.locked-"$(locks | wc -l)" 2>/dev/null)" = "$(stamp)" ]
}

# Says for which lock files, and for which place, an environment was made: one that was moved or copied does not work.
stamp() {
    echo "$PWD"
    cat $(locks) | cksum
}

install_locked() {
    if ! .venv/bin/python -c 'import sys, pip; assert (3, 11) <= sys.version_info[:2] <= (3, 13)' 2>/dev/null; then
        python=$(find_python)
        [ -n "$python" ] || fail 'PLUMBUS needs Python 3.11, 3.12 or 3.13 with venv; name one: PYTHON=/path/to/python3.12 make setup'
        say "Making .venv with $("$python" --version)"
        "$python" -m venv --clear .venv
    fi
    say 'Installing the locked Python packages into .venv'
    quietly .venv/bin/python -m pip install --disable-pip-version-check --no-input --require-hashes \
        $(locks | sed 's/^/-r /') || fail 'pip could not install them; the lines above say why.'
    stamp >.venv/.locked-"$(locks | wc -l)"
    [ "$purpose" != test ] || (purpose=run && stamp >.venv/.locked-1)
}

fetch_browser() {
    say 'Fetching a Chromium for the browser tests'
    quietly .venv/bin/python -m playwright install --with-deps chromium ||
        fail 'The browser tests need Chromium: install chromium or google-chrome, then run this again.'
}

# Show what a command prints only if it fails.
quietly() {
    if ! output=$("$@" 2>&1); then
        printf '%s\n' "$output" >&2
        return 1
    fi
}

say() {
    echo "setup: $*"
}

fail() {
    echo "setup: $*" >&2
    exit 1
}

main
