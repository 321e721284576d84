//! The ways in which files state an orientation, and those that have EXIF but state none: read as other
//! programs read them, turned in the file, put back.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::process::Command;

use image::{DynamicImage, ImageFormat};
use orientd_core::format::png::{self, chunk};
use orientd_core::image::rgb::Rgb8;

use crate::harness::{Library, jpeg_of, jpeg_with, needs, real_photo, with_segment};

const XMP: &str = concat!(
    r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">"#,
    r#"<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>"#,
    "</rdf:RDF></x:xmpmeta>"
);

/// Tag, type, count, value.
type Field = (u16, u16, u32, u32);

const MODEL: Field = (0x0110, 2, 4, 0x0043_4241);

fn stored(value: u32) -> Field {
    (0x0112, 3, 1, value)
}

/// A little-endian TIFF structure of one directory.
fn block(fields: &[Field]) -> Vec<u8> {
    let mut out = b"II\x2A\0\x08\0\0\0".to_vec();
    out.extend((fields.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in fields {
        out.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        out.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    out.extend([0; 4]);
    out
}

fn prefixed(block: &[u8]) -> Vec<u8> {
    [b"Exif\0\0", block].concat()
}

fn picture() -> Rgb8 {
    let pixel = |at: usize| [(at % 64 * 4) as u8, (at / 64 * 8) as u8, 90];
    Rgb8 { width: 64, height: 32, pixels: (0..64 * 32).flat_map(pixel).collect() }
}

fn encoded(picture: Rgb8, format: ImageFormat) -> Vec<u8> {
    let buffer =
        image::RgbImage::from_raw(picture.width as u32, picture.height as u32, picture.pixels);
    let mut out = Cursor::new(Vec::new());
    DynamicImage::from(buffer.unwrap()).write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn jpeg(fields: &[Field]) -> Vec<u8> {
    with_segment(&jpeg_with(&picture(), |_| {}), 0xE1, &prefixed(&block(fields)))
}

fn with_xmp(jpeg: &[u8]) -> Vec<u8> {
    with_segment(jpeg, 0xE1, &[b"http://ns.adobe.com/xap/1.0/\0", XMP.as_bytes()].concat())
}

fn png_with(chunks: &[Vec<u8>]) -> Vec<u8> {
    let plain = encoded(picture(), ImageFormat::Png);
    let at = png::layout(&plain).unwrap().chunks.iter().find(|c| &c.kind == b"IDAT").unwrap().start;
    [&plain[..at], &chunks.concat(), &plain[at..]].concat()
}

fn exif_chunk(fields: &[Field]) -> Vec<u8> {
    chunk(*b"eXIf", &block(fields))
}

fn xmp_chunk() -> Vec<u8> {
    chunk(*b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", XMP.as_bytes()].concat())
}

/// As ImageMagick writes it.
fn profile_text(name: &str, block: &[u8]) -> Vec<u8> {
    let data = prefixed(block);
    let digits: Vec<String> = data.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<String> = digits.chunks(36).map(|line| line.concat()).collect();
    format!("\n{name}\n{:8}\n{}\n", data.len(), lines.join("\n")).into_bytes()
}

fn text_profile(name: &str, fields: &[Field]) -> Vec<u8> {
    let key = format!("Raw profile type {name}\0");
    chunk(*b"tEXt", &[key.as_bytes(), &profile_text(name, &block(fields))].concat())
}

/// Deflated without compressing: a header, one stored block, a checksum (RFC 1950, RFC 1951 section 3.2.4).
fn deflated(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let sums = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    let head = [&[0x78, 0x01, 1][..], &length.to_le_bytes(), &(!length).to_le_bytes()].concat();
    [&head[..], bytes, &(sums.1 << 16 | sums.0).to_be_bytes()].concat()
}

fn deflated_profile(kind: [u8; 4], name: &str, fields: &[Field]) -> Vec<u8> {
    let head: &[u8] = if &kind == b"zTXt" { b"\0" } else { b"\x01\0\0\0" };
    let key = format!("Raw profile type {name}\0");
    let text = deflated(&profile_text(name, &block(fields)));
    chunk(kind, &[key.as_bytes(), head, &text].concat())
}

fn webp_with(exif: Option<Vec<u8>>, xmp: bool) -> Vec<u8> {
    let plain = encoded(picture(), ImageFormat::WebP);
    let part = |kind: &[u8; 4], data: &[u8]| {
        let mut out = [&kind[..], &(data.len() as u32).to_le_bytes(), data].concat();
        out.resize(out.len().next_multiple_of(2), 0);
        out
    };
    let flags = if exif.is_some() { 8 } else { 0 } | if xmp { 4 } else { 0 };
    let mut body = [b"WEBP", &part(b"VP8X", &[flags, 0, 0, 0, 63, 0, 0, 31, 0, 0])[..]].concat();
    body.extend(&plain[12..]);
    body.extend(exif.map(|exif| part(b"EXIF", &exif)).unwrap_or_default());
    body.extend(if xmp { part(b"XMP ", XMP.as_bytes()) } else { Vec::new() });
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

/// What exiftool reads of each photo, by its name, from IFD0, or else from XMP; 0: nothing.
fn by_exiftool(library: &Library) -> BTreeMap<String, u64> {
    let mut command = Command::new("exiftool");
    command.args(["-n", "-j", "-a", "-G1", "-q", "-FileName", "-Orientation"]);
    let output = command.arg(library.root()).output().expect("exiftool is installed");
    let read: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let of = |photo: &serde_json::Value| {
        let name = photo["System:FileName"].as_str().unwrap().to_owned();
        let stated = |group: &str| photo[format!("{group}:Orientation")].as_u64();
        (name, stated("IFD0").or(stated("XMP-tiff")).unwrap_or(0))
    };
    read.iter().map(of).collect()
}

/// The answers, in this order, of exiftool 12.57, exiv2 0.27.6, ImageMagick 6.9.11, Pillow 13.0 and
/// Chromium; 0: none, or none of 1 to 8. exiftool is asked again here.
#[test]
#[rustfmt::skip]
fn what_is_stored_is_what_other_programs_read() {
    let long = |value| (0x0112, 4, 1, value);
    let rows: Vec<(&str, Vec<u8>, [u64; 5], u64)> = vec![
        ("short.jpg",       jpeg(&[MODEL, stored(6)]),                          [6, 6, 6, 6, 6], 6),
        ("sshort.jpg",      jpeg(&[MODEL, (0x0112, 8, 1, 6)]),                  [6, 6, 6, 6, 0], 6),
        ("long.jpg",        jpeg(&[MODEL, long(6)]),                            [6, 6, 6, 6, 0], 6),
        ("byte.jpg",        jpeg(&[MODEL, (0x0112, 1, 1, 6)]),                  [6, 6, 6, 0, 0], 6),
        ("two.jpg",         jpeg(&[stored(6), stored(1)]),                      [6, 6, 6, 6, 6], 6),
        ("two-turned.jpg",  jpeg(&[stored(1), stored(6)]),                      [1, 1, 1, 1, 1], 1),
        ("unsorted.jpg",    jpeg(&[stored(6), MODEL]),                          [6, 6, 6, 6, 6], 6),
        ("zero.jpg",        jpeg(&[MODEL, stored(0)]),                          [0, 0, 0, 0, 0], 1),
        ("nine.jpg",        jpeg(&[MODEL, stored(9)]),                          [9, 0, 0, 0, 0], 1),
        ("swapped.jpg",     jpeg(&[MODEL, stored(256)]),                        [256, 0, 0, 0, 0], 1),
        ("swapped-six.jpg", jpeg(&[MODEL, stored(0x600)]),                      [1536, 0, 0, 0, 0], 1),
        ("none.jpg",        jpeg(&[MODEL]),                                     [0, 0, 0, 0, 0], 1),
        ("exif-wins.jpg",   with_xmp(&jpeg(&[stored(1)])),                      [1, 1, 1, 1, 1], 1),
        // Browsers and most viewers go by EXIF alone in a JPEG.
        ("xmp.jpg",         with_xmp(&jpeg(&[MODEL])),                          [6, 0, 0, 6, 0], 1),
        ("exif.png",        png_with(&[exif_chunk(&[stored(6)])]),              [6, 6, 0, 6, 6], 6),
        ("long.png",        png_with(&[exif_chunk(&[long(6)])]),                [6, 6, 0, 6, 0], 6),
        ("prefix.png",      png_with(&[chunk(*b"eXIf", &prefixed(&block(&[stored(6)])))]), [6, 0, 0, 6, 0], 6),
        ("text.png",        png_with(&[text_profile("exif", &[stored(6)])]),    [6, 6, 6, 6, 0], 6),
        ("ztxt.png",        png_with(&[deflated_profile(*b"zTXt", "exif", &[stored(6)])]), [6, 6, 6, 6, 0], 6),
        ("itxt.png",        png_with(&[deflated_profile(*b"iTXt", "exif", &[stored(6)])]), [6, 6, 0, 6, 0], 6),
        ("app1.png",        png_with(&[deflated_profile(*b"zTXt", "APP1", &[stored(6)])]), [6, 6, 0, 0, 0], 6),
        ("xmp.png",         png_with(&[xmp_chunk()]),                           [6, 0, 0, 6, 0], 6),
        ("exif-text.png",   png_with(&[exif_chunk(&[stored(6)]), text_profile("exif", &[stored(1)])]), [6, 6, 1, 6, 6], 6),
        ("exif-xmp.png",    png_with(&[exif_chunk(&[stored(1)]), xmp_chunk()]), [1, 1, 0, 1, 1], 1),
        ("none-xmp.png",    png_with(&[exif_chunk(&[MODEL]), xmp_chunk()]),     [6, 0, 0, 6, 0], 6),
        ("exif.webp",       webp_with(Some(block(&[stored(6)])), false),        [6, 6, 0, 6, 0], 6),
        ("prefix.webp",     webp_with(Some(prefixed(&block(&[stored(6)]))), false), [6, 6, 0, 6, 0], 6),
        ("byte.webp",       webp_with(Some(block(&[(0x0112, 1, 1, 6)])), false), [6, 6, 0, 0, 0], 6),
        ("xmp.webp",        webp_with(None, true),                              [6, 0, 0, 6, 0], 6),
        ("exif-xmp.webp",   webp_with(Some(block(&[stored(1)])), true),         [1, 1, 0, 1, 1], 1),
    ];
    let library = Library::new();
    let mut before = BTreeMap::new();
    let mut expected = BTreeMap::new();
    for (name, bytes, answers, _) in &rows {
        before.insert(library.add(name, bytes), bytes);
        expected.insert((*name).to_owned(), answers[0]);
    }
    assert_eq!(by_exiftool(&library), expected);
    let scanned = library.scan(&[]);
    for (name, _, _, ours) in &rows {
        assert_eq!(scanned.photos[*name]["stored"], *ours, "{name}: {}", scanned.photos[*name]);
    }
    // Whatever was stored, it is stored turned by a quarter then, and back again.
    library.ok(["fix", "--turn", "90", "--all", "--yes", library.root().to_str().unwrap()]);
    let quarter = BTreeMap::from([(1, 6), (6, 3)]);
    let expected = rows.iter().map(|(name, _, _, ours)| ((*name).to_owned(), quarter[ours])).collect();
    assert_eq!(by_exiftool(&library), expected);
    let turned = library.scan(&["--rescan"]);
    for (name, _, _, ours) in &rows {
        assert_eq!(turned.photos[*name]["stored"], quarter[ours], "{name}");
    }
    library.ok(["undo", "--last"]);
    for (path, bytes) in before {
        assert!(&fs::read(&path).unwrap() == bytes, "{}", path.display());
    }
}

/// All that exiftool says of each photo, and finds wrong with it, but for what every change changes.
fn described(library: &Library) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut command = Command::new("exiftool");
    command.args(["-validate", "-a", "-G4:1", "-s", "-j", "-q", "-all", "-warning", "--FileSize"]);
    command.args(["--FileModifyDate", "--FileAccessDate", "--FileInodeChangeDate"]);
    let output = command.arg(library.root()).output().expect("exiftool is installed");
    let read: Vec<BTreeMap<String, serde_json::Value>> =
        serde_json::from_slice(&output.stdout).unwrap();
    let of = |photo: &BTreeMap<String, serde_json::Value>| {
        let said = photo.iter().map(|(key, value)| (key.clone(), value.to_string()));
        (photo["SourceFile"].to_string(), said.collect())
    };
    read.iter().map(of).collect()
}

/// EXIF of several directories with a thumbnail, as scanners and editors write it, but no orientation.
#[test]
fn exif_without_an_orientation_gains_one() {
    let library = Library::new();
    let rgb = real_photo("astronaut")
        .oriented(orientd_core::orientation::Turn::quarters(3).orientation());
    let thumbnail = library.home().join("thumbnail.jpg");
    fs::write(&thumbnail, jpeg_with(&picture(), |_| {})).unwrap();
    for (name, bytes) in [
        ("a.jpg", jpeg_of(&rgb)),
        ("a.png", encoded(rgb.clone(), ImageFormat::Png)),
        ("a.webp", encoded(rgb.clone(), ImageFormat::WebP)),
        ("a.tif", encoded(rgb.clone(), ImageFormat::Tiff)),
        ("film.jpg", [jpeg_of(&rgb), b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".to_vec()].concat()),
        ("padded.jpg", [jpeg_of(&rgb), b"\0\0\0\0\n".to_vec()].concat()),
    ] {
        library.add(name, &bytes);
    }
    let set = Command::new("exiftool")
        .args(["-q", "-q", "-m", "-overwrite_original", "-Model=Scanner"])
        .args(["-ImageDescription=Aunt Mary, 1962", "-DateTimeOriginal=1962:07:01 12:00:00"])
        .args(["-GPSLatitude=48.2", "-GPSLatitudeRef=N"])
        .arg(format!("-ThumbnailImage<={}", thumbnail.display()))
        .arg(library.root())
        .status();
    assert!(set.expect("exiftool is installed").success());
    let before = library.hashes();
    let mut said = described(&library);
    assert_eq!(said.len(), 6);
    let fixed = library.scan(&["--fix"]);
    for (name, photo) in &fixed.photos {
        let expected = (&"tag".into(), &6.into());
        assert_eq!((&photo["action"], &photo["new"]), expected, "{name}: {photo}");
    }
    let is_orientation = |key: &String| key.ends_with("IFD0:Orientation");
    for (path, mut now) in described(&library) {
        let stated = now.extract_if(.., |key, _| is_orientation(key)).map(|(_, value)| value);
        assert_eq!(stated.collect::<Vec<_>>(), ["\"Rotate 90 CW\""], "{path}");
        let mut then = said.remove(&path).unwrap();
        then.retain(|key, _| !is_orientation(key));
        assert_eq!(now, then, "{path}");
    }
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

/// JPEG files that viewers open without a word, though they are not quite as they should be.
#[test]
fn odd_jpegs_are_looked_at() {
    let library = Library::new();
    let plain = needs(90);
    let frame = plain.windows(2).position(|window| window == [0xFF, 0xC0]).unwrap();
    let scan = plain.windows(2).position(|window| window == [0xFF, 0xDA]).unwrap();
    let tables = plain.windows(2).position(|window| window == [0xFF, 0xDB]).unwrap();
    let inserted = |at: usize, bytes: &[u8]| [&plain[..at], bytes, &plain[at..]].concat();
    let height = [plain[frame + 5], plain[frame + 6]];
    let mut dnl = plain.clone();
    dnl[frame + 5..frame + 7].fill(0);
    dnl.truncate(plain.len() - 2);
    dnl.extend([&[0xFF, 0xDC, 0, 4][..], &height, &[0xFF, 0xD9]].concat());
    let mut revision = plain.clone();
    revision[11] = 2;
    let adobe = b"Adobe\0\x64\0\0\0\0\x05";
    let cut = plain[..plain.len() - 2].to_vec();
    let n_looked_at = 8;
    for (name, bytes) in [
        ("junk.jpg", inserted(tables, &[1, 2])),
        ("zeros.jpg", inserted(scan, &[0; 40])),
        ("dnl.jpg", dnl),
        ("revision.jpg", revision),
        ("adobe.jpg", with_segment(&plain, 0xEE, adobe)),
        ("no-end.jpg", cut),
        ("newline.jpg", [&plain[..], b"\r\n"].concat()),
        ("padded.jpg", [&plain[..], &[0; 512]].concat()),
    ] {
        library.add(name, &bytes);
    }
    library.add("cut.jpg", &plain[..plain.len() * 9 / 10]);
    let before = library.hashes();
    let fixed = library.scan(&["--fix"]);
    assert_eq!(fixed.photos["cut.jpg"]["reason"], "truncated");
    assert_eq!(fixed.summary["verdicts"]["fix"], n_looked_at, "{:?}", fixed.photos);
    // Nobody knows what is missing, so it is not written.
    assert_eq!(fixed.photos["no-end.jpg"]["reason"], "no_end_marker");
    assert_eq!(fixed.summary["actions"]["tag"], n_looked_at - 1, "{:?}", fixed.photos);
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}
