#!/bin/sh
# fetch-onnxruntime.sh DIR: puts ONNX Runtime's library into DIR. The wheel is pinned by its hash in
# onnxruntime.txt; only the library inside is kept, so which Python fetches it does not matter.
set -eu
here=$(dirname "$0")
target=$1
python=${PYTHON:-python3}
machine=$(uname -m)
case "$machine" in
x86_64 | aarch64) ;;
*) echo "no ONNX Runtime wheel for $machine: name a library of your own with --ort-lib" >&2; exit 1 ;;
esac
"$python" -m pip --version >/dev/null 2>&1 || {
    echo "pip is missing (on Debian: sudo apt install python3-pip)" >&2; exit 1; }
mkdir -p "$target"
temp=$(mktemp -d "$target/fetch.XXXXXX")
trap 'rm -rf "$temp"' EXIT
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --implementation cp --python-version 3.11 --abi cp311 --platform "manylinux_2_28_$machine" \
    --require-hashes -r "$here/onnxruntime.txt" -d "$temp"
"$python" - "$temp" <<'PYTHON'
import pathlib, sys, zipfile
temp = pathlib.Path(sys.argv[1])
wheel, = temp.glob("onnxruntime-*.whl")
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name.startswith("onnxruntime/capi/libonnxruntime.so."):
            (temp / pathlib.PurePosixPath(name).name).write_bytes(archive.read(name))
        elif name in ("onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt"):
            (temp / pathlib.PurePosixPath(name).name).write_bytes(archive.read(name))
PYTHON
chmod 755 "$temp"/libonnxruntime.so.*
mv "$temp"/libonnxruntime.so.* "$temp"/LICENSE "$temp"/ThirdPartyNotices.txt "$target"/
