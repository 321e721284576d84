//! Camera raw files, made here with nothing in them but what is read: directories and a preview.

use crate::harness::{Library, needs, needs_with_exif};

/// Where things are in every file made here.
const FIRST: usize = 32;
const SECOND: usize = 400;
const TEXT: usize = 800;
const JPEG: usize = 1024;

/// A field: tag, type, count, value or offset.
type Field = (u16, u16, u32, u32);

struct Builder {
    big: bool,
    bytes: Vec<u8>,
}

impl Builder {
    fn new(magic: &[u8], big: bool) -> Self {
        let mut bytes = vec![0; JPEG];
        bytes[..magic.len()].copy_from_slice(magic);
        let mut builder = Self { big, bytes };
        builder.put(4, &builder.u32(FIRST as u32));
        builder
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn u16(&self, value: u16) -> Vec<u8> {
        if self.big { value.to_be_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
    }

    fn u32(&self, value: u32) -> Vec<u8> {
        if self.big { value.to_be_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
    }

    fn directory(mut self, at: usize, fields: &[Field]) -> Self {
        let mut out = self.u16(fields.len() as u16);
        for (tag, kind, count, value) in fields {
            out.extend([self.u16(*tag), self.u16(*kind), self.u32(*count)].concat());
            let is_short = *kind == 3 && *count == 1;
            let short = [self.u16(*value as u16), vec![0, 0]].concat();
            out.extend(if is_short { short } else { self.u32(*value) });
        }
        out.extend([0; 4]);
        self.put(at, &out);
        self
    }

    fn text(mut self, text: &[u8]) -> Self {
        self.put(TEXT, text);
        self
    }

    fn with(mut self, jpeg: &[u8]) -> Vec<u8> {
        self.bytes.extend_from_slice(jpeg);
        self.bytes.extend([0; 64]);
        self.bytes
    }
}

fn boxed(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32 + 8).to_be_bytes()[..], kind, payload].concat()
}

fn cr3(stored: u16, jpeg: &[u8]) -> Vec<u8> {
    let canon = b"\x85\xC0\xB6\x87\x82\x0F\x11\xE0\x81\x11\xF4\xCE\x46\x2B\x6A\x48";
    let preview = b"\xEA\xF4\x2B\x5E\x1C\x98\x4B\x88\xB9\xFB\xB7\xDC\x40\x6E\x4D\x16";
    let fields = [(0x100, 3, 1, 6000), (0x101, 3, 1, 4000), (0x112, 3, 1, u32::from(stored))];
    let first = Builder::new(b"II\x2A\0", false).directory(FIRST, &fields).with(&[]);
    let moov = boxed(b"uuid", &[&canon[..], &boxed(b"CMT1", &first)].concat());
    let head = [&[0; 12][..], &(jpeg.len() as u32).to_be_bytes()].concat();
    let prvw = boxed(b"PRVW", &[&head[..], jpeg].concat());
    [
        boxed(b"ftyp", b"crx \0\0\0\x01crx isom"),
        boxed(b"moov", &moov),
        boxed(b"uuid", &[&preview[..], &[0; 8], &prvw].concat()),
        boxed(b"mdat", &[0x55; 4000]),
    ]
    .concat()
}

fn raf(jpeg_with_exif: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; JPEG];
    bytes[..16].copy_from_slice(b"FUJIFILMCCD-RAW ");
    bytes[84..88].copy_from_slice(&(JPEG as u32).to_be_bytes());
    bytes[88..92].copy_from_slice(&(jpeg_with_exif.len() as u32).to_be_bytes());
    [bytes, jpeg_with_exif.to_vec(), vec![0x55; 4000]].concat()
}

/// Every kind, with a preview that needs 90 degrees more than `stored` says, which is 3.
pub fn files() -> Vec<(&'static str, Vec<u8>)> {
    let jpeg = needs(270); // Stored 3 shows it so that 90 degrees are missing.
    let at = JPEG as u32;
    let n = jpeg.len() as u32;
    let sub = SECOND as u32;
    let text = TEXT as u32;
    let tiff = b"II\x2A\0";
    let orientation = (0x112, 3, 1, 3);
    let named = [(0x201, 4, 1, at), (0x202, 4, 1, n)];
    let strip = [(0x111, 4, 1, at), (0x117, 4, 1, n)];
    let raw = (0x106, 3, 1, 32803);
    let le = |magic: &[u8]| Builder::new(magic, false);
    let dng = [
        &[(0xFE, 4, 1, 1), (0x100, 3, 1, 4000), (0x101, 3, 1, 3000), (0x103, 3, 1, 7)][..],
        &strip,
    ];
    let olympus = [
        &b"OLYMPUS\0II\x03\0"[..],
        b"\x01\0\x20\x20\x0D\0\x01\0\0\0\x20\0\0\0\0\0\0\0\0\0",
        b"\x02\0\x01\x01\x04\0\x01\0\0\0",
        &(at - text).to_le_bytes(),
        b"\x02\x01\x04\0\x01\0\0\0",
        &n.to_le_bytes(),
        &[0; 4],
    ]
    .concat();
    vec![
        (
            "dng",
            le(tiff)
                .directory(FIRST, &[orientation, (0x14A, 4, 1, sub), (0xC612, 1, 4, 0x0401)])
                .directory(SECOND, &dng.concat())
                .with(&jpeg),
        ),
        (
            "cr2",
            le(b"II\x2A\0\0\0\0\0CR\x02\0")
                .directory(
                    FIRST,
                    &[&[(0x103, 3, 1, 6)][..], &strip[..1], &[orientation], &strip[1..]].concat(),
                )
                .with(&jpeg),
        ),
        ("cr3", cr3(3, &jpeg)),
        (
            "nef",
            Builder::new(b"MM\0\x2A", true)
                .directory(FIRST, &[(0x10F, 2, 6, text), orientation, (0x14A, 4, 1, sub)])
                .directory(SECOND, &[&[raw][..], &named].concat())
                .text(b"NIKON\0")
                .with(&jpeg),
        ),
        (
            "arw",
            le(tiff)
                .directory(
                    FIRST,
                    &[&[(0x10F, 2, 5, text), orientation, (0x14A, 4, 1, sub)][..], &named].concat(),
                )
                .directory(SECOND, &[raw])
                .text(b"SONY\0")
                .with(&jpeg),
        ),
        ("raf", raf(&needs_with_exif(270, 3))),
        (
            "orf",
            le(b"IIRO")
                .directory(FIRST, &[orientation, (0x8769, 4, 1, sub)])
                .directory(SECOND, &[(0x927C, 7, olympus.len() as u32, text)])
                .text(&olympus)
                .with(&jpeg),
        ),
        ("rw2", le(b"IIU\0").directory(FIRST, &[(0x2E, 7, n, at), orientation]).with(&jpeg)),
    ]
}

#[test]
fn every_raw_kind_is_judged_by_its_preview() {
    let library = Library::new();
    for (kind, bytes) in files() {
        library.add(format!("photo.{kind}"), &bytes);
        // Content decides, not the name.
        library.add(format!("{kind}.jpg"), &[&bytes[..], kind.as_bytes()].concat());
    }
    let before = library.hashes();
    let scanned = library.scan(&["--fix"]);
    for (kind, _) in files() {
        for name in [format!("photo.{kind}"), format!("{kind}.jpg")] {
            let photo = &scanned.photos[&name];
            assert_eq!(photo["format"], kind, "{photo}");
            assert_eq!((&photo["stored"], &photo["turn"]), (&3.into(), &90.into()), "{photo}");
            assert_eq!((&photo["verdict"], &photo["action"]), (&"fix".into(), &"sidecar".into()));
            assert_eq!(
                (&photo["new"], &photo["reason"]),
                (&8.into(), &"format_not_written".into())
            );
        }
    }
    assert_eq!(scanned.photos["photo.dng"]["width"], 4000);
    assert_eq!(scanned.photos["photo.cr3"]["height"], 4000);
    assert_eq!(scanned.photos["photo.rw2"]["width"], 384, "the preview's, where no other is told");
    for (path, hash) in &before {
        assert_eq!(library.hashes().get(path), Some(hash), "the photo itself is never written");
    }
    let again = library.scan(&["--rescan"]);
    for photo in again.photos.values() {
        let seen = (&photo["stored"], &photo["verdict"]);
        assert_eq!(seen, (&8.into(), &"upright".into()), "{photo}");
    }
    library.ok(["verify"]);
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

#[test]
fn unusable_previews_are_skipped() {
    let library = Library::new();
    for (kind, bytes) in files() {
        library.add(format!("cut.{kind}"), &bytes[..bytes.len() * 2 / 3]);
    }
    let small = crate::harness::real_photo("astronaut");
    let small = orientd_core::image::preprocess::resize(&small, 160, 120).unwrap();
    let small = crate::harness::jpeg_of(&small);
    let fields = [(0x2E, 7, small.len() as u32, JPEG as u32)];
    let bytes = Builder::new(b"IIU\0", false).directory(FIRST, &fields).with(&small);
    library.add("small.rw2", &bytes);
    let mut lossless = files().pop().unwrap().1;
    let frame = lossless.windows(2).position(|window| window == [0xFF, 0xC0]).unwrap();
    lossless[frame + 1] = 0xC3;
    library.add("lossless.rw2", &lossless);
    let scanned = library.scan(&[]);
    for (name, photo) in &scanned.photos {
        let reason = scanned.reason(name);
        assert!(matches!(reason, "truncated" | "no_preview"), "{name}: {photo}");
    }
    assert_eq!(scanned.photos.len(), 10);
}
