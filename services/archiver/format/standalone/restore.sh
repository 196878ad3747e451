#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Looks for what restore.py needs, says how to get it, and runs it with everything it was given.
# Ends with 3 when something is missing, otherwise as restore.py does.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 3

missing() {
    echo "$1 is needed and not installed. For example: $2" >&2
    exit 3
}

python=
for candidate in python3 python; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -I -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || missing "Python 3.8 or newer" "apt install python3"
command -v zstd >/dev/null 2>&1 || missing "zstd" "apt install zstd"
for word in "$@"; do
    case $word in
    rclone:* | --store=rclone:*)
        command -v rclone >/dev/null 2>&1 || missing "rclone" "apt install rclone"
        ;;
    esac
done
[ -f "$here/restore.py" ] || missing "restore.py" "take it out of any bundle, beside restore.sh"
exec "$python" -I "$here/restore.py" "$@"
