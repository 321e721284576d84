#!/usr/bin/env python3
"""Turns every file of a folder in every mode, checks what came of it with other programs, and puts it back.

    scripts/corpus.py --orientd target/release/orientd [--table docs/formats.md] DIR...
    scripts/corpus.py --orientd target/debug/orientd --small

Each file is either refused with a reason and untouched, or changed so that `exiftool -a -G1 -b` agrees
on everything outside what must change and Pillow, or libheif, shows the displayed photo turned as planned; `undo`
then restores its hash. Works on copies. `--small` makes two dozen odd files of its own.
Needs exiftool, and Pillow in this Python.
"""

import argparse, collections, hashlib, json, os, pathlib, re, shutil, subprocess, sys, tempfile, warnings

import odd_files

from PIL import Image

Image.MAX_IMAGE_PIXELS = None
warnings.simplefilter("ignore")
TURN = 90
MODES = ["tag", "pixels", "sidecar"]
# `make corpus` writes the table behind this line.
MARK = "<!-- the rest is written by `make corpus` -->\n"
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
# In HEIC and AVIF: what turns them, and where things are in the file.
MAY_CHANGE_IN_HEIF = {"QuickTime:Rotation", "QuickTime:MediaDataOffset", "IFD1:ThumbnailOffset"}
# Where an index (MPF) says that pictures lie: what they are must stay.
MOVES_WITH_PICTURES = re.compile(r"MPImage\d+:MPImage(Start|Length)")
PAGES = re.compile(r"IFD\d+:Orientation")
# Ends of tags that change with the pixels: sizes, how they are coded, and the thumbnail.
MAY_CHANGE_WITH_PIXELS = (":ImageWidth", ":ImageHeight", ":ImageSize", ":ExifImageWidth", ":ExifImageHeight", ":ImageLength",
                          ":PixelXDimension", ":PixelYDimension", ":YCbCrSubSampling", ":ThumbnailImage", ":ThumbnailLength",
                          ":ThumbnailOffset", ":JPEGDigest")
# What a viewer does for each EXIF orientation.
T = Image.Transpose
TRANSPOSE = {2: T.FLIP_LEFT_RIGHT, 3: T.ROTATE_180, 4: T.FLIP_TOP_BOTTOM, 5: T.TRANSPOSE,
             6: T.ROTATE_270, 7: T.TRANSVERSE, 8: T.ROTATE_90}


# TIFF pictures that Pillow maps into memory it only says to have turned.
MAPPED = ("mapped", b"")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def metadata(folder):
    """All tags of all files, values in full, by file."""
    run = ["exiftool", "-a", "-G1", "-b", "-j", "-r", "-q", "-q", "-api", "largefilesupport=1", str(folder)]
    text = subprocess.run(run, capture_output=True).stdout
    return {entry["SourceFile"]: entry for entry in json.loads(text or b"[]")}


def differences(before, after, action):
    keys = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    keys = {key for key in keys - MAY_CHANGE if key not in MAY_APPEAR and not MOVES_WITH_PICTURES.fullmatch(key)}
    if before.get("File:FileType") == "TIFF":  # Each page has one.
        keys = {key for key in keys if not PAGES.fullmatch(key)}
    if "QuickTime:Rotation" in after:
        keys -= MAY_CHANGE_IN_HEIF
    if action == "pixels":
        # Of a thumbnail that does not fit any more, its directory goes.
        keys = {key for key in keys if not key.endswith(MAY_CHANGE_WITH_PIXELS)
                and not (key.startswith("IFD1:") and key not in after)}
    return sorted(keys)


def displayed(path, turn=False, stored=None):
    """Size and small copy of the first picture as a viewer shows it, turned or not; `stored` goes before
    what the file states, as a sidecar does. None where Pillow cannot read it."""
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            size = picture.size
            picture.load()  # TIFF pictures are turned by Pillow itself, and then say so.
            if picture.format == "TIFF" and stored is not None:
                return None
            if picture.format == "TIFF" and picture.size != size:
                return MAPPED
            # ImageOps.exif_transpose also rewrites the EXIF, and fails where that is odd.
            how = TRANSPOSE.get(stored or picture.getexif().get(274))
            shown = picture.convert("RGB")
            shown = shown.transpose(how) if how is not None else shown
            if turn:
                shown = shown.transpose(Image.Transpose.ROTATE_270)
            return shown.size, shown.resize((64, 64)).tobytes()
    except Exception:
        return None if stored is not None else displayed_by_libheif(path, turn)


def displayed_by_libheif(path, turn):
    """The same for what Pillow does not read and libheif shows as its properties say: HEIC."""
    with open(path, "rb") as file:
        if file.read(12)[4:8] != b"ftyp" or not shutil.which("heif-convert"):
            return None
    with tempfile.TemporaryDirectory(prefix="orientd-shown-") as folder:
        shown = pathlib.Path(folder) / "shown.png"
        done = subprocess.run(["heif-convert", str(path), str(shown)], capture_output=True)
        if done.returncode != 0 or not shown.exists():
            return None
        with Image.open(shown) as picture:
            picture = picture.convert("RGB")
            picture = picture.transpose(Image.Transpose.ROTATE_270) if turn else picture
            return picture.size, picture.resize((64, 64)).tobytes()


def agree(expected, found, action):
    """The same size, and all but the same pixels: turned coefficients are rounded and enlarged another way."""
    if found is None or expected[0] != found[0]:
        return False
    off = [abs(a - b) for a, b in zip(expected[1], found[1])]
    return sum(off) / len(off) <= 1.5 if action == "pixels" else max(off) <= 2


class Corpus:
    def __init__(self, program, folders):
        self.program, self.folders = os.path.abspath(program), folders
        self.counts, self.wrong, self.unread, self.n_files = collections.Counter(), [], 0, 0

    def run(self, mode):
        work = pathlib.Path(tempfile.mkdtemp(prefix="orientd-corpus-"))
        try:
            self.run_in(work, mode)
        finally:
            shutil.rmtree(work)

    def run_in(self, work, mode):
        photos = work / "photos"
        photos.mkdir()
        for number, folder in enumerate(self.folders):
            # Not their modes: a read-only original is no reason to leave a copy alone.
            shutil.copytree(folder, photos / f"{number}", copy_function=shutil.copyfile)
        env = dict(os.environ, HOME=str(work), XDG_CONFIG_HOME=str(work), XDG_DATA_HOME=str(work))
        call = lambda *words: subprocess.run([self.program, "--db", str(work / "orientd.db"), *words],
                                             capture_output=True, text=True, env=env)
        files = sorted(path for path in photos.rglob("*") if path.is_file() and not path.is_symlink())
        self.n_files = len(files)
        sums = {path: digest(path) for path in files}
        tags = metadata(photos)
        scanned = [json.loads(line) for line in call("scan", "--json", str(photos)).stdout.splitlines()]
        formats = {row["path"]: row.get("format") for row in scanned if "path" in row}
        skipped = {row["path"]: row["reason"] for row in scanned if row.get("verdict") == "skipped"}
        shown = {path: displayed(path, turn=True) for path in files if str(path) in formats}

        fixed = call("fix", "--mode", mode, "--turn", str(TURN), "--all", "--yes", "--json", str(photos))
        rows = {row["path"]: row for row in map(json.loads, fixed.stdout.splitlines()) if "path" in row}
        if not rows:
            sys.exit(fixed.stderr)
        tags_after = metadata(photos)
        for path in files:
            row, changed = rows.get(str(path)), digest(path) != sums[path]
            told = lambda text: self.wrong.append(f"{mode} {path.relative_to(photos)}: {text}")
            action = row["action"] if row else "none"
            reason = (row or {}).get("reason") or (skipped.get(str(path), "not a photo") if action == "none" else None)
            outcome = {"none": "left alone"}.get(action, action) + (f": {reason}" if reason else "")
            if str(path) in formats:
                self.counts[formats[str(path)] or "unreadable", mode, outcome] += 1
            if changed != (action in ("tag", "pixels")):
                told(f"changed: {changed}, though {outcome}")
            if action == "none":
                continue
            if action == "sidecar":
                self.check_sidecar(path, row, shown[path], tags_after, told)
                continue
            before, after = tags[str(path)], tags_after[str(path)]
            for key in differences(before, after, action):
                told(f"{key} differs: {before.get(key)!r:.60} {after.get(key)!r:.60}")
            found = displayed(path)
            if shown[path] is None or MAPPED in (shown[path], found):
                self.unread += 1
            elif not agree(shown[path], found, action):
                told("Pillow or libheif does not show it turned")

        verified = call("verify")
        if verified.returncode != 0:
            self.wrong.append(f"{mode}: verify: {verified.stdout}")
        undone = call("undo", "--last")
        self.wrong += [f"{mode} {path}: undo did not restore it" for path in files if digest(path) != sums[path]]
        self.wrong += [f"{mode} left over: {path}" for path in photos.rglob("*") if path.is_file() and path not in sums]
        if undone.returncode != 0:
            self.wrong.append(f"{mode}: undo: {undone.stderr}")

    def check_sidecar(self, path, row, shown, tags_after, told):
        beside = tags_after.get(f"{path}.xmp", {})
        stated = beside.get("XMP-tiff:Orientation")
        names = {"Horizontal (normal)": 1, "Mirror horizontal": 2, "Rotate 180": 3, "Mirror vertical": 4,
                 "Mirror horizontal and rotate 270 CW": 5, "Rotate 90 CW": 6,
                 "Mirror horizontal and rotate 90 CW": 7, "Rotate 270 CW": 8}
        if names.get(stated, stated) != row["new"]:
            told(f"exiftool reads {stated!r} in the sidecar, not {row['new']}")
        found = displayed(path, stored=row["new"])
        if shown is None or found is None or MAPPED in (shown, found):
            self.unread += 1
        elif not agree(shown, found, "sidecar"):
            told("what the sidecar states does not show it turned")

    def table(self):
        lines = ["| format | mode | outcome | files |", "|---|---|---|---:|"]
        lines += [f"| {kind} | {mode} | {outcome} | {n} |" for (kind, mode, outcome), n in sorted(self.counts.items())]
        return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--orientd", required=True)
    parser.add_argument("--table")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("folders", nargs="*", type=pathlib.Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="orientd-odd-") as odd:
        if args.small:
            odd_files.write(pathlib.Path(odd))
        folders = args.folders + ([odd] if args.small else [])
        if not folders:
            parser.error("which folder?")
        corpus = Corpus(args.orientd, folders)
        for mode in MODES:
            corpus.run(mode)
    print(corpus.table())
    print(f"{corpus.n_files} files in {len(MODES)} modes; {len(corpus.wrong)} things wrong; "
          f"{corpus.unread} changed files that neither can show so")
    print("\n".join(corpus.wrong))
    if args.table:
        table = pathlib.Path(args.table)
        kept = table.read_text().split(MARK)[0]
        table.write_text(f"{kept}{MARK}\n{corpus.n_files} files, each turned by {TURN} degrees in each mode.\n\n{corpus.table()}\n")
    sys.exit(1 if corpus.wrong else 0)


main()
