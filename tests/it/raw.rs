//! Camera raw files, made here with nothing in them but what is read: directories and a preview.

use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::{Orientation, Turn};

use crate::harness::{Library, jpeg_of, real_photo, with_exif};

/// Where things are in every file made here.
const FIRST: usize = 32;
const SECOND: usize = 300;
const THIRD: usize = 500;
const OFFSETS: usize = 700;
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

    /// Where several directories are.
    fn offsets(mut self, offsets: &[usize]) -> Self {
        let offsets: Vec<u8> = offsets.iter().flat_map(|offset| self.u32(*offset as u32)).collect();
        self.put(OFFSETS, &offsets);
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
    // A table of one property: the raw picture's height and width.
    bytes[92..100].copy_from_slice(&[0, 0, 0, 200, 0, 0, 0, 12]);
    bytes[200..212].copy_from_slice(&[0, 0, 0, 1, 1, 0x11, 0, 4, 0x0F, 0xA0, 0x17, 0x70]);
    [bytes, jpeg_with_exif.to_vec(), vec![0x55; 4000]].concat()
}

/// The maker note of an Olympus, with the place of the preview.
fn olympus(n: u32) -> Vec<u8> {
    [
        &b"OLYMPUS\0II\x03\0"[..],
        b"\x01\0\x20\x20\x0D\0\x01\0\0\0\x20\0\0\0\0\0\0\0\0\0",
        b"\x02\0\x01\x01\x04\0\x01\0\0\0",
        &((JPEG - TEXT) as u32).to_le_bytes(),
        b"\x02\x01\x04\0\x01\0\0\0",
        &n.to_le_bytes(),
        &[0; 4],
    ]
    .concat()
}

/// A file of each layout: its name, which ends in its format, and what it holds. The raw picture is of 6000×4000.
fn files(stored: u16, jpeg: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let n = jpeg.len() as u32;
    let orientation: Field = (0x112, 3, 1, stored.into());
    let named: [Field; 2] = [(0x201, 4, 1, JPEG as u32), (0x202, 4, 1, n)];
    let strip: [Field; 3] = [(0x103, 3, 1, 7), (0x111, 4, 1, JPEG as u32), (0x117, 4, 1, n)];
    let size: [Field; 2] = [(0x100, 4, 1, 6000), (0x101, 4, 1, 4000)];
    let raw: [Field; 3] = [(0x106, 3, 1, 32803), size[0], size[1]];
    let linear: [Field; 3] = [(0x106, 3, 1, 34892), size[0], size[1]];
    let reduced: Field = (0xFE, 4, 1, 1);
    let dng: Field = (0xC612, 1, 4, 0x0401);
    let below: Field = (0x14A, 4, 1, SECOND as u32);
    let two_below: Field = (0x14A, 4, 2, OFFSETS as u32);
    let make = |n| (0x10F, 2, n, TEXT as u32);
    let le = |magic: &[u8]| Builder::new(magic, false);
    let tiff = b"II\x2A\0";
    let note = olympus(n);
    vec![
        // A thumbnail first, then the raw picture and the preview.
        (
            "adobe.dng",
            le(tiff)
                .directory(FIRST, &[reduced, orientation, two_below, dng])
                .offsets(&[SECOND, THIRD])
                .directory(SECOND, &raw)
                .directory(THIRD, &[&[reduced][..], &strip].concat())
                .with(jpeg),
        ),
        // The preview first.
        (
            "iphone.dng",
            le(tiff)
                .directory(FIRST, &[&[reduced][..], &strip, &[orientation, below, dng]].concat())
                .directory(SECOND, &linear)
                .with(jpeg),
        ),
        // The raw picture first.
        (
            "samsung.dng",
            le(tiff)
                .directory(FIRST, &[&raw[..], &[orientation, below, dng]].concat())
                .directory(SECOND, &[&[reduced][..], &strip].concat())
                .with(jpeg),
        ),
        (
            "canon.cr2",
            le(b"II\x2A\0\0\0\0\0CR\x02\0")
                .directory(
                    FIRST,
                    &[&[(0x103, 3, 1, 6), orientation][..], &strip[1..], &[(0x8769, 4, 1, 300)]]
                        .concat(),
                )
                .directory(SECOND, &[(0xA002, 3, 1, 6000), (0xA003, 3, 1, 4000)])
                .with(jpeg),
        ),
        ("canon.cr3", cr3(stored, jpeg)),
        (
            "nikon.nef",
            Builder::new(b"MM\0\x2A", true)
                .directory(FIRST, &[make(6), orientation, two_below])
                .offsets(&[SECOND, THIRD])
                .directory(SECOND, &[&[reduced][..], &named].concat())
                .directory(THIRD, &raw)
                .text(b"NIKON\0")
                .with(jpeg),
        ),
        (
            "sony.arw",
            le(tiff)
                .directory(FIRST, &[&[make(5), orientation, below][..], &named].concat())
                .directory(SECOND, &raw)
                .text(b"SONY\0")
                .with(jpeg),
        ),
        (
            "olympus.orf",
            le(b"IIRO")
                .directory(FIRST, &[&size[..], &[orientation, (0x8769, 4, 1, 300)]].concat())
                .directory(SECOND, &[(0x927C, 7, note.len() as u32, TEXT as u32)])
                .text(&note)
                .with(jpeg),
        ),
        (
            "panasonic.rw2",
            le(b"IIU\0")
                .directory(
                    FIRST,
                    &[(2, 3, 1, 6000), (3, 3, 1, 4000), (0x2E, 7, n, JPEG as u32), orientation],
                )
                .with(jpeg),
        ),
        // No directory names the preview.
        (
            "pentax.pef",
            Builder::new(b"MM\0\x2A", true)
                .directory(FIRST, &[&raw[..], &[make(7), orientation]].concat())
                .text(b"PENTAX \0")
                .with(jpeg),
        ),
        (
            "samsung.srw",
            le(tiff)
                .directory(FIRST, &[&[make(8), orientation, below][..], &named].concat())
                .directory(SECOND, &raw)
                .text(b"SAMSUNG\0")
                .with(jpeg),
        ),
    ]
}

/// The astronaut as a file shows it that needs a turn by `degrees`: high or wide as shown.
fn shown(is_high: bool, degrees: u16) -> Rgb8 {
    let turn = Turn::from_degrees(degrees).unwrap();
    let whole = real_photo("astronaut");
    let is_cut_at_sides = is_high != turn.orientation().swaps_sides();
    let (left, width, height) = if is_cut_at_sides { (42, 300, 384) } else { (0, 384, 300) };
    let rows = whole.pixels.chunks_exact(3 * whole.width).take(height);
    let pixels = rows.flat_map(|row| row[3 * left..3 * (left + width)].to_vec()).collect();
    Rgb8 { width, height, pixels }.oriented(turn.inverse().orientation())
}

/// A preview that `lies` so that this orientation shows it.
fn preview(stored: u16, lies: u16, degrees: u16) -> Vec<u8> {
    let of = |number| Orientation::from_exif(number).unwrap();
    jpeg_of(&shown(of(stored).swaps_sides(), degrees).oriented(of(lies).inverse()))
}

/// A DNG that is shown by 3, and needs a quarter more.
pub fn dng() -> Vec<u8> {
    files(3, &preview(3, 3, 90)).remove(0).1
}

struct Case {
    name: &'static str,
    /// By the raw file.
    stored: u16,
    /// By the preview's own EXIF.
    own: Option<u16>,
    /// What shows the preview's pixels as the raw ones are shown.
    lies: u16,
    /// What is missing then.
    needs: u16,
    expected: (&'static str, &'static str),
}

#[rustfmt::skip]
const CASES: [Case; 4] = [
    Case { name: "lies",    stored: 6, own: None,    lies: 6, needs: 90, expected: ("fix", "format_not_written") },
    Case { name: "upright", stored: 8, own: None,    lies: 1, needs: 0,  expected: ("upright", "none") },
    Case { name: "says",    stored: 8, own: Some(1), lies: 1, needs: 90, expected: ("fix", "format_not_written") },
    Case { name: "head",    stored: 3, own: None,    lies: 3, needs: 90, expected: ("review", "preview_unclear") },
];

fn all_cases() -> Vec<(String, &'static Case, Vec<u8>)> {
    let files = |case: &'static Case| {
        let bare = preview(case.stored, case.lies, case.needs);
        let own = case.own.map(|own| with_exif(&bare, Orientation::from_exif(own).unwrap()));
        // Where a preview has its own EXIF, the layout makes no difference.
        let n_layouts = if own.is_some() { 3 } else { usize::MAX };
        let made = files(case.stored, &own.unwrap_or(bare)).into_iter().take(n_layouts);
        made.map(move |(file, bytes)| (format!("{}-{file}", case.name), case, bytes))
    };
    CASES.iter().flat_map(files).collect()
}

#[test]
fn every_raw_kind_is_judged_by_its_preview() {
    let library = Library::new();
    crate::running::configure(&library, "auto_confidence = 0.9\n");
    let cases = all_cases();
    for (name, _, bytes) in &cases {
        library.add(name, bytes);
    }
    // A Fujifilm's only orientation is that of its preview. Content decides, not the name.
    let preview = preview(6, 6, 90);
    let fuji = raf(&with_exif(&preview, Orientation::from_exif(6).unwrap()));
    library.add("lies-fuji.raf", &fuji);
    library.add("raf.jpg", &[&fuji[..], b"raf"].concat());
    let before = library.hashes();
    let scanned = library.scan(&["--fix"]);
    for (name, case, _) in &cases {
        let photo = &scanned.photos[name];
        let seen = (photo["verdict"].as_str().unwrap(), scanned.reason(name));
        assert_eq!(seen, case.expected, "{photo}");
        assert_eq!((&photo["stored"], &photo["turn"]), (&case.stored.into(), &case.needs.into()));
        assert_eq!(photo["format"], name.rsplit('.').next().unwrap(), "{photo}");
        assert_eq!((&photo["width"], &photo["height"]), (&6000.into(), &4000.into()), "{photo}");
    }
    for name in ["lies-fuji.raf", "raf.jpg"] {
        let photo = &scanned.photos[name];
        assert_eq!((&photo["stored"], &photo["turn"]), (&6.into(), &90.into()), "{photo}");
        assert_eq!((&photo["format"], &photo["action"]), (&"raf".into(), &"sidecar".into()));
    }
    let after = library.hashes();
    for (path, hash) in &before {
        assert_eq!(after.get(path), Some(hash), "the photo itself is never written");
    }
    let again = library.scan(&["--rescan"]);
    for (name, photo) in &again.photos {
        let expected = if name.starts_with("head-") { "review" } else { "upright" };
        assert_eq!(photo["verdict"], expected, "{photo}");
    }
    assert_eq!(again.photos["lies-sony.arw"]["stored"], 3);
    // Lower thresholds decide again what was seen, and an unclear preview is a question still.
    crate::running::configure(&library, "auto_confidence = 0.6\n");
    let lowered = library.scan(&[]).summary;
    assert_eq!(
        (&lowered["verdicts"]["fix"], &lowered["verdicts"]["review"]),
        (&0.into(), &11.into())
    );
    library.ok(["verify"]);
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

#[test]
fn unusable_previews_are_skipped() {
    let library = Library::new();
    let jpeg = preview(6, 6, 90);
    let files = files(6, &jpeg);
    for (name, bytes) in &files {
        library.add(format!("cut-{name}"), &bytes[..bytes.len() * 2 / 3]);
    }
    let small =
        orientd_core::image::preprocess::resize(&real_photo("astronaut"), 160, 120).unwrap();
    let small = jpeg_of(&small);
    let fields = [(0x2E, 7, small.len() as u32, JPEG as u32)];
    let bytes = Builder::new(b"IIU\0", false).directory(FIRST, &fields).with(&small);
    library.add("small.rw2", &bytes);
    let (_, mut lossless) = files.into_iter().find(|(name, _)| *name == "panasonic.rw2").unwrap();
    let frame = lossless.windows(2).position(|window| window == [0xFF, 0xC0]).unwrap();
    lossless[frame + 1] = 0xC3;
    library.add("lossless.rw2", &lossless);
    // A tile of raw pixels in lossy coding is no preview, though it is a JPEG.
    let fields = [
        (0x103, 3, 1, 34892),
        (0x106, 3, 1, 34892),
        (0x144, 4, 1, JPEG as u32),
        (0xC612, 1, 4, 0x0401),
    ];
    let tile = Builder::new(b"II\x2A\0", false).directory(FIRST, &fields).with(&jpeg);
    library.add("tile.dng", &tile);
    let scanned = library.scan(&[]);
    for (name, photo) in &scanned.photos {
        let reason = scanned.reason(name);
        assert!(matches!(reason, "truncated" | "no_preview"), "{name}: {photo}");
    }
    assert_eq!(scanned.photos.len(), 14);
}
