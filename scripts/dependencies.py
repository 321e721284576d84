#!/usr/bin/env python3
"""Checks every dependency against deny.toml: its licence, its source, and the list of banned crates.

    scripts/dependencies.py [Cargo.toml]

The same rules as `cargo deny check licenses bans sources`, by `cargo metadata` alone: installing cargo-deny takes minutes of
compiling, this takes a second. Needs Python 3.11. Exits with 1 and one line a finding where a rule is broken.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOKEN = re.compile(r"\(|\)|[^\s()]+(?: WITH [^\s()]+)?")


def is_allowed(expression, allowed):
    """Evaluates an SPDX expression (SPDX 2.3, annex D): AND binds tighter than OR; an old `/` means OR."""
    tokens = TOKEN.findall(expression.replace("/", " OR "))

    def either():
        value = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            right = both()
            value = value or right
        return value

    def both():
        value = single()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            right = single()
            value = value and right
        return value

    def single():
        token = tokens.pop(0)
        if token != "(":
            return token in allowed
        value = either()
        if not tokens or tokens.pop(0) != ")":
            raise ValueError(f"unclosed parenthesis in {expression!r}")
        return value

    value = either()
    if tokens:
        raise ValueError(f"cannot read the licence {expression!r}")
    return value


def read_metadata(manifest, targets):
    """The ids of our own crates, and all packages that are built for one of `targets`."""
    command = ["cargo", "metadata", "--locked", "--all-features", "--format-version", "1", "--manifest-path", str(manifest)]
    for target in targets:
        command += ["--filter-platform", target]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return set(metadata["workspace_members"]), metadata["packages"]


def findings(rules, members, packages):
    allowed = set(rules["licenses"]["allow"])
    exceptions = {entry["crate"]: set(entry["allow"]) for entry in rules["licenses"]["exceptions"]}
    banned = {entry["crate"]: entry["reason"] for entry in rules["bans"]["deny"]}
    # One registry for all; anything else, such as a git repository, is a finding.
    sources = collections.Counter(package["source"] for package in packages if package["source"])
    registry = sources.most_common(1)[0][0]
    for package in packages:
        name = f"{package['name']} {package['version']}"
        licence = package["license"]
        if not licence:
            yield f"{name}: names no licence"
        elif not is_allowed(licence, allowed | exceptions.get(package["name"], set())):
            yield f"{name}: the licence {licence} is not in deny.toml"
        if package["name"] in banned:
            yield f"{name}: banned, {banned[package['name']]}"
        is_ours = package["id"] in members or package["source"] is None
        if not is_ours and package["source"] != registry:
            yield f"{name}: comes from {package['source']}"


def main():
    manifest = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "Cargo.toml"
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    members, packages = read_metadata(manifest, rules["graph"]["targets"])
    problems = list(findings(rules, members, packages))
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(1)
    print(f"{len(packages)} packages, all as deny.toml allows")


main()
