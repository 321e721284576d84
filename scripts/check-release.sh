#!/usr/bin/env bash
# A program that is given to people listens to no variable that the documentation does not name: what
# tests and benches switch by (the feature test-switches) is not in it. Run: scripts/check-release.sh PROGRAM
set -euo pipefail
program=$(realpath -e "$1")
cd "$(dirname "$0")/.."
names() { grep -ahoE 'ORIENTD_[A-Z0-9_]+' "$@" | sort -u; }
unknown=$(comm -13 <(names README.md docs/*.md) <(names "$program" || true))
if [ -n "$unknown" ]; then
	printf '%s holds names that no document has:\n%s\n' "$program" "$unknown" >&2
	exit 1
fi
