#!/bin/sh
# environment.sh FOLDER runtime|dev: makes FOLDER a virtual environment with this project in it.
#
# Pinned by constraints.txt. Leaves FOLDER/.runtime, and FOLDER/.dev, as marks that it was done.
set -eu

folder=$1
kind=$2

usable() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if command -v "$name" >/dev/null && usable "$name"; then
            echo "$name"
            return
        fi
    done
}

if ! "$folder/bin/python" -c 'import pip' 2>/dev/null; then
    python=$(find_python)
    if [ -z "$python" ]; then
        echo "==> Python 3.11 or newer, with its venv module, is needed"
        sh "$(dirname "$0")/install.sh" python3 python3-venv
        python=$(find_python)
    fi
    if [ -z "$python" ]; then
        echo "environment.sh: no Python 3.11 or newer was found; PYTHON=/path/to/python names one" >&2
        exit 1
    fi
    echo "==> Making a virtual environment in $folder with $("$python" --version)"
    rm -rf "$folder"
    "$python" -m venv "$folder"
fi

case $kind in
# The demo is to be talked with from a terminal too, so both kinds have what `bihak chat` needs.
runtime) what='.[chat]' ;;
dev) what='.[chat,dev]' ;;
*) echo "environment.sh: $kind is neither runtime nor dev" >&2 && exit 2 ;;
esac

echo "==> Installing what is needed into $folder ($kind; the first time takes a minute)"
"$folder/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --no-input --root-user-action=ignore \
    --constraint constraints.txt --editable "$what"
touch "$folder/.runtime"
[ "$kind" = runtime ] || touch "$folder/.dev"
