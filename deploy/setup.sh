#!/bin/sh
# Prepares .venv with the pinned packages of requirements/<name>.lock; quick when nothing changed.
# Usage: deploy/setup.sh runtime|dev
set -eu
cd "$(dirname "$0")/.."
name=$1
lock=requirements/$name.lock
stamp=.venv/.installed-$name
python=${PYTHON:-python3}

fail() { printf 'keepsake: %s\n' "$1" >&2; exit 1; }

command -v "$python" >/dev/null 2>&1 || fail "Python 3.11 or newer is needed, and '$python' was not found."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || fail "Python 3.11 or newer is needed; '$python' is older. Set PYTHON to another one."

if [ -f "$stamp" ] && cmp -s "$stamp" "$lock" && [ pyproject.toml -ot "$stamp" ]; then exit 0; fi

printf 'keepsake: preparing .venv (%s packages) ...\n' "$name" >&2
if [ ! -x .venv/bin/python ]; then
    # Debian ships venv without pip unless python3-venv is there: borrow the system's pip, or get the package.
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        rm -rf .venv
        if "$python" -m pip --version >/dev/null 2>&1; then
            "$python" -m venv --without-pip .venv
            "$python" -m pip --python .venv/bin/python install --quiet pip
        elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            printf 'keepsake: installing python3-venv ...\n' >&2
            { apt-get update -qq && apt-get install -y -qq python3-venv; } >/dev/null \
                || fail "python3-venv could not be installed."
            "$python" -m venv .venv
        else
            fail "Python's venv module is incomplete. Run: sudo apt-get install python3-venv"
        fi
    fi
fi
# A setting of the caller's would install into another place or skip the pins.
unset PIP_TARGET PIP_PREFIX PIP_USER PIP_REQUIRE_VIRTUALENV
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" \
    || fail "The packages could not be installed (see above). Check the network and run the same command again."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e . \
    || fail "Keepsake could not be installed into .venv (see above)."
cp "$lock" "$stamp"
# The development packages hold the runtime's.
if [ "$name" = dev ]; then cp requirements/runtime.lock .venv/.installed-runtime; fi
