#!/bin/sh
# need.sh PROGRAM:PACKAGE …: installs the Debian packages of the programs that are missing, where it
# can, and otherwise says in one line what to install. An empty package: nothing installs it here.
set -eu
missing='' packages=''
for pair in "$@"; do
    program=${pair%%:*} package=${pair#*:}
    command -v "$program" >/dev/null 2>&1 && continue
    missing="$missing $program" packages="$packages $package"
done
[ -n "$missing" ] || exit 0
case "$missing" in
*cargo*) echo "cargo is missing: install Rust 1.95 or newer (rustup, or your distribution)" >&2; exit 1 ;;
esac
as_root=''
[ "$(id -u)" -eq 0 ] || as_root='sudo -n'
if command -v apt-get >/dev/null 2>&1 && { [ -z "$as_root" ] || sudo -n true 2>/dev/null; }; then
    echo "installing$packages" >&2
    # shellcheck disable=SC2086 # one word a package
    $as_root apt-get update -qq >&2 &&
        DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $packages >/dev/null &&
        exit 0
fi
echo "install these first:$missing (on Debian: sudo apt install$packages)" >&2
exit 1
