#!/bin/sh
# autobahn.sh: the fuzzing client of the Autobahn|Testsuite in .autobahn, where there is a Python 2.7 to run it.
#
# Without one .autobahn/unavailable says why, and the tests say so too: it is a program for tests that not every machine
# can have. Nothing fails here.
set -eu

folder=.autobahn
suite="autobahntestsuite==0.8.2" # the last for Python 2.7
mkdir -p "$folder"

unavailable() {
    echo "$1" >"$folder/unavailable"
    echo "==> The Autobahn|Testsuite is not available: $1" >&2
    exit 0
}

[ -x "$folder/env/bin/wstest" ] && exit 0
[ -e "$folder/unavailable" ] && unavailable "$(cat "$folder/unavailable")"

python=
for candidate in python2.7 python2 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7; do
    # A shim may be there without a Python behind it.
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (2, 7))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || unavailable "there is no Python 2.7"

echo "==> Installing the Autobahn|Testsuite into $folder (once; it takes a minute or two)"
"$python" -m pip install -q --target "$folder/virtualenv" 'virtualenv<20.22' >"$folder/log" 2>&1 &&
    PYTHONPATH=$folder/virtualenv "$python" -m virtualenv "$folder/env" >>"$folder/log" 2>&1 &&
    "$folder/env/bin/pip" install -q "$suite" >>"$folder/log" 2>&1 &&
    "$folder/env/bin/wstest" --autobahnversion >>"$folder/log" 2>&1 ||
    unavailable "it could not be installed; $folder/log says why"
