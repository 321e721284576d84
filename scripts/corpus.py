#!/usr/bin/env python3
"""Turns every file of a folder, checks what came of it with other programs, and puts it back.

    scripts/corpus.py --orientd target/release/orientd [--table docs/formats.md] DIR...

Each file is either refused with a reason and untouched, or changed so that `exiftool -a -G1 -b` agrees
on everything outside what must change and Pillow shows the displayed photo turned as planned; `undo`
then restores its hash. Works on copies. Needs exiftool, and Pillow in this Python.
"""

import argparse, collections, hashlib, json, os, pathlib, shutil, subprocess, sys, tempfile, warnings

from PIL import Image

Image.MAX_IMAGE_PIXELS = None
warnings.simplefilter("ignore")
TURN = 90
MOST_PIXELS = 60_000_000

# What a turn may change. Sizes and offsets of the file itself move where a block is inserted.
MAY_CHANGE = {
    "IFD0:Orientation", "XMP-tiff:Orientation", "IFD0:XMP-tiff:Orientation",
    "System:FileSize", "System:FileModifyDate", "System:FileAccessDate", "System:FileInodeChangeDate",
    "System:FilePermissions", "System:Directory", "System:FileName", "SourceFile",
    "File:ExifByteOrder", "ExifTool:ExifToolVersion",
}
# These appear with a header that an inserted block needs.
MAY_APPEAR = {"File:FileType", "RIFF:WebP_Flags", "RIFF:ImageWidth", "RIFF:ImageHeight", "RIFF:AlphaIsUsed", "RIFF:VP8Version",
              "RIFF:HorizontalScale", "RIFF:VerticalScale"}
# What a viewer does for each EXIF orientation.
T = Image.Transpose
TRANSPOSE = {2: T.FLIP_LEFT_RIGHT, 3: T.ROTATE_180, 4: T.FLIP_TOP_BOTTOM, 5: T.TRANSPOSE,
             6: T.ROTATE_270, 7: T.TRANSVERSE, 8: T.ROTATE_90}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def metadata(folder):
    """All tags of all files, values in full, by file."""
    run = ["exiftool", "-a", "-G1", "-b", "-j", "-r", "-q", "-q", "-api", "largefilesupport=1", str(folder)]
    text = subprocess.run(run, capture_output=True).stdout
    return {entry["SourceFile"]: entry for entry in json.loads(text or b"[]")}


def differences(before, after):
    keys = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return sorted(key for key in keys - MAY_CHANGE if key not in MAY_APPEAR)


def displayed(path, turn=False):
    """Size and small copy of the first picture as a viewer shows it, turned or not; None where Pillow
    cannot read it."""
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            picture.load()  # TIFF pictures are turned by Pillow itself, and then say so.
            # ImageOps.exif_transpose also rewrites the EXIF, and fails where that is odd.
            how = TRANSPOSE.get(picture.getexif().get(274))
            shown = picture.convert("RGB")
            shown = shown.transpose(how) if how is not None else shown
            if turn:
                shown = shown.transpose(Image.Transpose.ROTATE_270)
            return shown.size, shown.resize((64, 64)).tobytes()
    except Exception:
        return None


def agree(expected, found):
    """The same size, and all but the same pixels."""
    if found is None or expected[0] != found[0]:
        return False
    return max(abs(a - b) for a, b in zip(expected[1], found[1])) <= 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--orientd", required=True)
    parser.add_argument("--table")
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    args = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="orientd-corpus-"))
    photos = work / "photos"
    photos.mkdir()
    for number, folder in enumerate(args.folders):
        # Not their modes: a read-only original is no reason to leave a copy alone.
        shutil.copytree(folder, photos / f"{number}", copy_function=shutil.copyfile)
    program = [os.path.abspath(args.orientd), "--db", str(work / "orientd.db")]
    env = dict(os.environ, HOME=str(work), XDG_CONFIG_HOME=str(work), XDG_DATA_HOME=str(work))
    call = lambda *words: subprocess.run(program + list(words), capture_output=True, text=True, env=env)

    files = sorted(path for path in photos.rglob("*") if path.is_file() and not path.is_symlink())
    sums = {path: digest(path) for path in files}
    tags = metadata(photos)
    scanned = [json.loads(line) for line in call("scan", "--json", str(photos)).stdout.splitlines()]
    formats = {row["path"]: row.get("format") for row in scanned if "path" in row}
    skipped = {row["path"]: row["reason"] for row in scanned if row.get("verdict") == "skipped"}
    shown = {path: displayed(path, turn=True) for path in files if str(path) in formats}

    fixed = call("fix", "--turn", str(TURN), "--json", str(photos))
    rows = {row["path"]: row for row in map(json.loads, fixed.stdout.splitlines()) if "path" in row}
    if not rows:
        sys.exit(fixed.stderr)
    tags_after = metadata(photos)
    counts, wrong, unread = collections.Counter(), [], 0
    for path in files:
        row, changed = rows.get(str(path)), digest(path) != sums[path]
        if row is None or row["action"] == "none":
            reason = (row or {}).get("reason") or skipped.get(str(path)) or "not a photo"
            if changed:
                wrong.append(f"{path}: changed, though {reason}")
            if str(path) in formats:
                counts[formats[str(path)] or "unreadable", f"left alone: {reason}"] += 1
            continue
        counts[formats[str(path)], row["action"]] += 1
        if not changed:
            wrong.append(f"{path}: not changed, though it says {row['action']}")
        for key in differences(tags[str(path)], tags_after[str(path)]):
            wrong.append(f"{path}: {key} differs: {tags[str(path)].get(key)!r:.60} "
                         f"{tags_after[str(path)].get(key)!r:.60}")
        if shown[path] is None:
            unread += 1
        elif not agree(shown[path], displayed(path)):
            wrong.append(f"{path}: Pillow does not show it turned")

    undone = call("undo", "--last")
    wrong += [f"{path}: undo did not restore it" for path in files if digest(path) != sums[path]]
    wrong += [f"left over: {path}" for path in photos.rglob("*") if path.is_file() and path not in sums]
    if undone.returncode != 0:
        wrong.append(f"undo: {undone.stderr}")

    lines = ["| format | outcome | files |", "|---|---|---|"]
    lines += [f"| {kind} | {outcome} | {n} |" for (kind, outcome), n in sorted(counts.items())]
    print("\n".join(lines))
    print(f"{len(files)} files; {len(wrong)} things wrong; {unread} changed files that Pillow cannot read")
    print("\n".join(wrong))
    if args.table:
        text = "# What a turn does to each format\n\nMade by `make corpus`, which checks every line of it: see " \
               "`scripts/corpus.py`.\n\n" + "\n".join(lines) + "\n"
        pathlib.Path(args.table).write_text(text)
    shutil.rmtree(work)
    sys.exit(1 if wrong else 0)


main()
