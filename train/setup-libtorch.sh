#!/bin/sh
# Makes .runtime/libtorch from the wheels on PyPI: pinned versions, checked hashes, fetched once.
#
#   train/setup-libtorch.sh [cpu|cuda|kept]
#
# kept: whichever is there, else cpu.
#
# The wheels do not depend on the host's Python: any python3 with pip fetches them. Wheels that lie
# in the directory $ORIENTD_WHEELS are taken from there, after the same hash check.
set -eu

kind=${1:-cpu}
root=$(cd "$(dirname "$0")/.." && pwd)
target=$root/.runtime/libtorch
present=$(cat "$target/.version" 2>/dev/null || true)
if [ "$kind" = kept ]; then
    case $present in
    torch-2.11.0-cuda-2) kind=cuda ;;
    *) kind=cpu ;;
    esac
fi
version="torch-2.11.0-$kind-2"

# name==version, SHA-256 of the x86-64 wheel
TORCH='torch==2.11.0 7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a'
# libtorch_cpu.so needs the names libcudart.so.13 and libcupti.so.13 to load, even without a GPU.
CPU_LIBS='nvidia-cuda-runtime==13.0.96 7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
nvidia-cuda-cupti==13.0.85 4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8'
CUDA_LIBS='nvidia-cublas==13.1.0.3 ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171
nvidia-cuda-nvrtc==13.0.88 ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575
nvidia-cudnn-cu13==9.19.0.56 d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf
nvidia-cufft==12.0.0.61 6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3
nvidia-cufile==1.15.1.6 08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44
nvidia-curand==10.4.0.35 1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc
nvidia-cusolver==12.0.4.66 0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112
nvidia-cusparse==12.6.3.3 2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b
nvidia-cusparselt-cu13==0.8.0 25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd
nvidia-nccl-cu13==2.28.9 e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42
nvidia-nvjitlink==13.0.88 13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b
nvidia-nvshmem-cu13==3.4.5 290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80
nvidia-nvtx==13.0.85 4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4'

fail() {
    echo "setup-libtorch: $*" >&2
    exit 1
}

case $kind in
cpu) wheels="$TORCH
$CPU_LIBS" space_mib=1800 ;;
cuda) wheels="$TORCH
$CPU_LIBS
$CUDA_LIBS" space_mib=9000 ;;
*) fail "expected cpu, cuda or kept, not '$kind'" ;;
esac

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || fail "only Linux on x86-64 is supported"
if [ "$present" = "$version" ]; then
    echo "setup-libtorch: $target is already there ($version)"
    exit 0
fi
command -v python3 >/dev/null || fail "python3 with pip is needed to fetch the wheels"

mkdir -p "$root/.runtime"
free_mib=$(($(df -Pk "$root/.runtime" | awk 'NR == 2 { print $4 }') / 1024))
[ "$free_mib" -ge "$space_mib" ] ||
    fail "needs $space_mib MiB free in $root/.runtime, there are $free_mib MiB"

work=$(mktemp -d "$root/.runtime/libtorch.tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
mkdir "$work/wheels" "$work/new" "$work/new/lib"

# Each wheel names the oldest C library it runs on; pip wants every such name spelt out.
platforms='--platform manylinux2014_x86_64'
for minor in $(seq 17 28); do
    platforms="$platforms --platform manylinux_2_${minor}_x86_64"
done

fetch() { # requirement, hash: leaves one wheel in $work/wheels
    printf '%s --hash=sha256:%s\n' "$1" "$2" >"$work/requirement.txt"
    name=$(printf '%s' "${1%%==*}" | tr - _)
    for wheel in "${ORIENTD_WHEELS:-/nonexistent}/$name-${1##*==}"-*.whl; do
        [ -f "$wheel" ] || continue
        if printf '%s  %s\n' "$2" "$wheel" | sha256sum -c --status; then
            ln -s "$(realpath "$wheel")" "$work/wheels/"
            return
        fi
    done
    # shellcheck disable=SC2086
    TMPDIR=$work python3 -m pip --disable-pip-version-check download --quiet --require-hashes \
        --only-binary=:all: --no-deps --implementation cp --python-version 3.11 --abi cp311 \
        --abi none $platforms --dest "$work/wheels" -r "$work/requirement.txt" ||
        fail "cannot fetch $1 (a network problem? run it again to retry)"
}

echo "$wheels" | while read -r requirement hash; do
    echo "setup-libtorch: $requirement"
    fetch "$requirement" "$hash"
done

python3 - "$kind" "$work/wheels" "$work/new" <<'PYTHON'
import pathlib, shutil, sys, zipfile

kind, wheels, new = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
cpu_libs = {"libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"}
unwanted = {"libtorch_python.so"}

def wanted(path):
    if path.startswith("torch/include/"):
        return "include/" + path[len("torch/include/"):]
    parts = path.split("/")
    library = ".so" in parts[-1] and len(parts) >= 2 and parts[-2] == "lib"
    if not library or parts[-1] in unwanted or (kind == "cpu" and parts[-1] not in cpu_libs):
        return None
    return "lib/" + parts[-1]

for wheel in sorted(wheels.glob("*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            target = wanted(name)
            if target is None or name.endswith("/"):
                continue
            path = new / target
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, open(path, "wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
if kind == "cpu":  # the real libtorch.so pulls in libtorch_cuda.so
    (new / "lib/libtorch.so").symlink_to("libtorch_cpu.so")
PYTHON

echo "$version" >"$work/new/.version"
rm -rf "$target"
mv "$work/new" "$target"
echo "setup-libtorch: made $target ($version)"
