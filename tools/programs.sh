#!/bin/sh
# programs.sh: the programs that the tests and the benchmark start, installed where they are missing.
set -eu

PATH=$PATH:/usr/sbin:/usr/local/sbin
missing=

require() { # package, then programs of which one is enough
    package=$1
    shift
    for program in "$@"; do
        command -v "$program" >/dev/null && return
    done
    missing="$missing $package"
}

require_font() { # package, then what its name holds
    command -v fc-list >/dev/null && fc-list | grep -qi "$2" && return
    missing="$missing $1"
}

require_all() {
    # The server without its service; its installer also needs a program of the client's package.
    require mariadb-server-core mariadbd
    require mariadb-client-core my_print_defaults
    require nodejs node
    require npm npm
    require chromium chromium chromium-browser google-chrome
    require fontconfig fc-list
    require_font fonts-noto-color-emoji emoji
    require php-cli php
    require strace strace
    # The benchmark's load generator is compiled; its Node reference stands on packages from npm.
    require build-essential cc gcc
    require npm npm
    require redis-server redis-server
}

require_all
if [ -n "$missing" ]; then
    echo "==> The tests need programs that are not here:$missing"
    # shellcheck disable=SC2086 # a list
    sh "$(dirname "$0")/install.sh" $missing
    missing=
    require_all
    if [ -n "$missing" ]; then
        echo "programs.sh: still missing after the installation:$missing" >&2
        exit 1
    fi
fi
