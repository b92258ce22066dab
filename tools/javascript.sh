#!/bin/sh
# javascript.sh: installs what the checks and tests of the web client need into node_modules, as package-lock.json says.
set -eu

if ! node -e 'process.exit(parseInt(process.version.slice(1)) < 20 ? 1 : 0)'; then
    echo "javascript.sh: Node 20 or newer is needed; this is $(node --version)" >&2
    exit 1
fi
echo "==> Installing what the web client's checks need into node_modules"
npm ci --silent --no-progress
touch node_modules/.installed
