#!/bin/sh
# install.sh PACKAGE...: installs Debian or Ubuntu packages where it may, else says which and fails.
#
# No service is started by it: the tests start servers of their own, on free ports.
set -eu

by_hand() {
    echo "$1; please install: $packages" >&2
    exit 1
}

packages=$*
if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=sudo
else
    by_hand "This needs root, or sudo without a password"
fi
command -v apt-get >/dev/null || by_hand "There is no apt-get here"

# https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt : 101 forbids to start services.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi

quietly() {
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        by_hand "apt-get failed"
    fi
    rm -f "$log"
}

echo "==> Installing with apt-get: $packages"
quietly $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
# shellcheck disable=SC2086 # a list
quietly $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages
for service in redis-server mariadb; do
    # Started neither now nor at the next boot: nobody asked for it.
    case " $packages " in *" $service"*) $as_root systemctl disable --quiet "$service" 2>/dev/null || true ;; esac
done
