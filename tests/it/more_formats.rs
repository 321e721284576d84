//! JPEG XL, JPEG 2000, and the colours and codings of TIFF.

use std::fs;
use std::path::Path;

use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;

use crate::harness::{Library, real_photo};

fn kept(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photos").join(name)).unwrap()
}

/// The orientation of the codestream counts, and EXIF says nothing.
#[test]
fn jpeg_xl_is_judged() {
    let library = Library::new();
    crate::running::configure(&library, "auto_confidence = 0.9\n");
    let whole = kept("astronaut-6.jxl");
    library.add("codestream.jxl", &whole);
    library.add("exif.jxl", &kept("astronaut-exif-6.jxl"));
    library.add("named.jpg", &[&kept("astronaut-exif-6.jxl")[..], b""].concat());
    library.add("cut.jxl", &whole[..whole.len() / 2]);
    library.add("header.jxl", &whole[..80]);
    // A signature, and a size of 2³⁰ pixels each way.
    library.add("huge.jxl", b"\xFF\x0A\xFE\xFF\xFF\xFF\x8F\x00\x00\x00\x00\x00\x00\x00\x00\x00");
    let before = library.hashes();
    let scanned = library.scan(&["--fix"]);
    let codestream = &scanned.photos["codestream.jxl"];
    assert_eq!(
        (&codestream["stored"], &codestream["verdict"], &codestream["format"]),
        (&6.into(), &"upright".into(), &"jxl".into()),
        "{codestream}"
    );
    assert_eq!((&codestream["width"], &codestream["height"]), (&300.into(), &384.into()));
    for name in ["exif.jxl", "named.jpg"] {
        let photo = &scanned.photos[name];
        assert_eq!((&photo["stored"], &photo["turn"]), (&1.into(), &90.into()), "{photo}");
        assert_eq!((&photo["action"], &photo["new"]), (&"sidecar".into(), &6.into()), "{photo}");
        assert_eq!(scanned.reason(name), "format_not_written");
    }
    for (name, expected) in
        [("cut.jxl", "truncated"), ("header.jxl", "truncated"), ("huge.jxl", "too_large")]
    {
        assert_eq!(scanned.reason(name), expected, "{}", scanned.photos[name]);
    }
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

#[test]
fn jpeg_2000_is_judged() {
    let library = Library::new();
    crate::running::configure(&library, "auto_confidence = 0.9\n");
    let boxed = kept("astronaut.jp2");
    let start = boxed.windows(4).position(|window| window == b"\xFF\x4F\xFF\x51").unwrap();
    library.add("boxed.jp2", &boxed);
    library.add("codestream.j2k", &boxed[start..]);
    library.add("cut.jp2", &boxed[..boxed.len() / 2]);
    library.add("cut.j2k", &boxed[start..boxed.len() / 2]);
    // The size of the picture, then that of its tiles.
    let mut huge = boxed[start..].to_vec();
    for at in [8, 12, 24, 28] {
        huge[at..at + 4].copy_from_slice(&19_900u32.to_be_bytes());
    }
    library.add("huge.j2k", &huge);
    let before = library.hashes();
    let scanned = library.scan(&["--fix"]);
    for name in ["boxed.jp2", "codestream.j2k"] {
        let photo = &scanned.photos[name];
        assert_eq!((&photo["format"], &photo["turn"]), (&"jp2".into(), &90.into()), "{photo}");
        assert_eq!((&photo["width"], &photo["height"]), (&300.into(), &384.into()), "{photo}");
        assert_eq!((&photo["action"], &photo["new"]), (&"sidecar".into(), &6.into()), "{photo}");
    }
    for name in ["cut.jp2", "cut.j2k"] {
        assert_eq!(scanned.reason(name), "truncated", "{}", scanned.photos[name]);
    }
    // Nothing of it is there but its claims: an answer, and no memory.
    assert_ne!(scanned.photos["huge.j2k"]["verdict"], "fix", "{}", scanned.photos["huge.j2k"]);
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

/// A TIFF file of one strip that is not coded.
fn tiff(fields: &[(u16, u16, u32, u32)], side: usize, samples: &[u8], table: &[u16]) -> Vec<u8> {
    let n_fields = fields.len() + 6;
    let data_at = 8 + 2 + 12 * n_fields + 4;
    let table_at = data_at + samples.len();
    let bits_at = table_at + 2 * table.len();
    let mut all = vec![
        (0x100, 4, 1, side as u32),
        (0x101, 4, 1, side as u32),
        (0x111, 4, 1, data_at as u32),
        (0x116, 4, 1, side as u32),
        (0x117, 4, 1, samples.len() as u32),
    ];
    // Fields of several values are told by 0, and their place is filled in.
    let place = |field: &(u16, u16, u32, u32)| match field {
        (0x140, kind, n, 0) => (0x140, *kind, *n, table_at as u32),
        (0x102, kind, n, 0) => (0x102, *kind, *n, bits_at as u32),
        other => *other,
    };
    all.extend(fields.iter().map(place));
    all.push((0x128, 3, 1, 1));
    all.sort();
    let mut out = b"II\x2A\0\x08\0\0\0".to_vec();
    out.extend((all.len() as u16).to_le_bytes());
    for (tag, kind, n, value) in all {
        out.extend([&tag.to_le_bytes()[..], &u16::to_le_bytes(kind)].concat());
        out.extend([n.to_le_bytes(), value.to_le_bytes()].concat());
    }
    out.extend([0; 4]);
    out.extend_from_slice(samples);
    out.extend(table.iter().flat_map(|value| value.to_le_bytes()));
    out.extend([8, 0].repeat(8));
    out
}

/// Stored so that 90 degrees clockwise make it upright.
fn sideways() -> Rgb8 {
    real_photo("astronaut").oriented(Orientation::from_exif(8).unwrap())
}

fn grey(pixel: &[u8]) -> u8 {
    ((u32::from(pixel[0]) + 2 * u32::from(pixel[1]) + u32::from(pixel[2])) / 4) as u8
}

#[test]
#[rustfmt::skip]
fn colours_of_tiff_are_judged() {
    let library = Library::new();
    crate::running::configure(&library, "auto_confidence = 0.8\n");
    let photo = sideways();
    let side = photo.width;
    let pixels = || photo.pixels.chunks_exact(3);
    let each = |make: &dyn Fn(&[u8]) -> Vec<u8>| pixels().flat_map(make).collect::<Vec<u8>>();
    let greys: Vec<u8> = pixels().map(grey).collect();
    let nibbles: Vec<u8> = greys.chunks_exact(2).map(|two| two[0] & 0xF0 | two[1] >> 4).collect();
    // Six levels of each colour, the highest bits first.
    let indices = each(&|p| vec![p[0] / 43 * 36 + p[1] / 43 * 6 + p[2] / 43]);
    let channel = |by: usize| (0..256usize).map(move |at| ((at / by % 6) * 51 * 257) as u16);
    let table: Vec<u16> = channel(36).chain(channel(6)).chain(channel(1)).collect();
    let levels: Vec<u16> = (0..3 * 16).map(|at| (at % 16 * 4369) as u16).collect();
    let light = each(&|p| vec![grey(p), 0, 0]);
    let icc = each(&|p| vec![grey(p), 128, 128]);
    let luma = each(&|p| vec![grey(p), 128, 128]);
    let ink = each(&|p| vec![255 - p[0], 255 - p[1], 255 - p[2], 0]);
    let ink_and_alpha = each(&|p| vec![255 - p[0], 255 - p[1], 255 - p[2], 0, 255]);
    let alpha = each(&|p| vec![grey(p), 255]);
    let bits = |n: u32| if n < 3 { (0x102, 3, n, 0x8_0008) } else { (0x102, 3, n, 0) };
    let samples = |n: u32| (0x115, 3, 1, n);
    let kind = |n: u32| (0x106, 3, 1, n);
    let files = [
        ("palette.tif",   tiff(&[kind(3), (0x102, 3, 1, 8), samples(1), (0x140, 3, 768, 0)], side, &indices, &table)),
        ("palette4.tif",  tiff(&[kind(3), (0x102, 3, 1, 4), samples(1), (0x140, 3, 48, 0)], side, &nibbles, &levels)),
        ("grey4.tif",     tiff(&[kind(1), (0x102, 3, 1, 4), samples(1)], side, &nibbles, &[])),
        ("ink4.tif",      tiff(&[kind(0), (0x102, 3, 1, 4), samples(1)], side, &nibbles.iter().map(|two| !two).collect::<Vec<_>>(), &[])),
        ("grey-alpha.tif", tiff(&[kind(1), bits(2), samples(2), (0x152, 3, 1, 2)], side, &alpha, &[])),
        ("cielab.tif",    tiff(&[kind(8), bits(3), samples(3)], side, &light, &[])),
        ("icclab.tif",    tiff(&[kind(9), bits(3), samples(3)], side, &icc, &[])),
        ("ycbcr.tif",     tiff(&[kind(6), bits(3), samples(3), (0x212, 3, 2, 0x1_0001)], side, &luma, &[])),
        ("cmyk.tif",      tiff(&[kind(5), bits(4), samples(4)], side, &ink, &[])),
        ("cmyk-alpha.tif", tiff(&[kind(5), bits(5), samples(5), (0x152, 3, 1, 2)], side, &ink_and_alpha, &[])),
    ];
    for (name, bytes) in &files {
        library.add(name, bytes);
    }
    // What cannot be read says what it is.
    let coded = |n: u32| tiff(&[kind(1), (0x102, 3, 1, 8), samples(1), (0x103, 3, 1, n)], side, &greys, &[]);
    let unread = [
        (2, "CCITT modified Huffman"), (3, "CCITT Group 3"), (6, "JPEG compression of the old kind"), (34712, "JPEG 2000"),
        (34887, "LERC"), (34925, "LZMA"), (50000, "Zstandard"), (52546, "JPEG XL"), (61234, "unknown kind (61234)"),
    ];
    for (number, _) in unread {
        library.add(format!("coded-{number}.tif"), &coded(number));
    }
    let cut = &files[0].1;
    library.add("cut.tif", &cut[..cut.len() / 2]);
    let scanned = library.scan(&["--fix"]);
    for (name, _) in &files {
        let photo = &scanned.photos[*name];
        assert_eq!((&photo["verdict"], &photo["turn"]), (&"fix".into(), &90.into()), "{photo}");
        assert_eq!(photo["action"], "tag", "{photo}");
    }
    for (number, what) in unread {
        let name = format!("coded-{number}.tif");
        let photo = &scanned.photos[&name];
        assert_eq!(scanned.reason(&name), "unsupported_format", "{photo}");
        assert!(photo["detail"].as_str().unwrap().contains(what), "{photo}");
    }
    assert!(matches!(scanned.reason("cut.tif"), "truncated" | "corrupt"), "{}", scanned.photos["cut.tif"]);
}
