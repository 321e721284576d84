//! PNG, WebP and TIFF: tables for what is planned and refused; properties for what a patch may touch.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};
use proptest::prelude::*;

use super::*;
use crate::format::exif::{EXIF_HEADER, minimal_block};
use crate::format::png::{self, chunk};
use crate::format::webp;
use crate::orientation::Orientation;

const QUARTER: Turn = Turn::quarters(1);
const XMP: &str = "<x xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\" tiff:Orientation=\"1\"/>";

fn picture(format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(5, 3).write_to(&mut out, format).expect("encodes");
    out.into_inner()
}

fn block(stored: u8) -> Vec<u8> {
    let mut block = minimal_block(Orientation::UPRIGHT)[EXIF_HEADER.len()..].to_vec();
    block[19] = stored;
    block
}

/// Seven bytes behind the header are the type of the one field, and its tag before it: then it is no
/// orientation, but something else.
fn block_without() -> Vec<u8> {
    let mut block = block(1);
    block[11] = 0x10;
    block
}

fn prefixed(block: Vec<u8>) -> Vec<u8> {
    [EXIF_HEADER, &block].concat()
}

/// EXIF as ImageMagick keeps it in a text chunk.
fn raw_profile(block: &[u8]) -> Vec<u8> {
    let digits: String = block.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("Raw profile type exif\0\nexif\n{:8}\n{digits}\n", block.len());
    chunk(*b"tEXt", text.as_bytes())
}

fn deflated_xmp() -> Vec<u8> {
    let packet = miniz_oxide::deflate::compress_to_vec_zlib(XMP.as_bytes(), 6);
    chunk(*b"iTXt", &[b"XML:com.adobe.xmp\0\x01\0\0\0", &packet[..]].concat())
}

/// A PNG with further chunks before its picture.
fn png_with(chunks: &[Vec<u8>]) -> Vec<u8> {
    let plain = picture(ImageFormat::Png);
    let layout = png::layout(&plain).expect("a PNG");
    let at = layout.chunks.iter().find(|chunk| &chunk.kind == b"IDAT").expect("a picture").start;
    [&plain[..at], &chunks.concat(), &plain[at..]].concat()
}

fn itxt(head: &[u8]) -> Vec<u8> {
    chunk(*b"iTXt", &[head, XMP.as_bytes()].concat())
}

fn webp_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut out = [&kind[..], &(data.len() as u32).to_le_bytes(), data].concat();
    out.resize(out.len().next_multiple_of(2), 0);
    out
}

/// A WebP of the given chunks around a lossless picture.
fn webp_with(before: &[Vec<u8>], after: &[Vec<u8>]) -> Vec<u8> {
    let plain = picture(ImageFormat::WebP);
    let body = [b"WEBP", &before.concat()[..], &plain[12..], &after.concat()[..]].concat();
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

fn vp8x(flags: u8) -> Vec<u8> {
    webp_chunk(b"VP8X", &[flags, 0, 0, 0, 4, 0, 0, 2, 0, 0])
}

/// Tag, type, count, value.
type Entry = (u16, u16, u32, u32);

/// A directory of `entries` (tag, type, count, value), and what follows it.
fn tiff_with(entries: &[Entry], next: u32) -> Vec<u8> {
    let mut out = b"II\x2A\0\x08\0\0\0".to_vec();
    out.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        out.extend(tag.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(value.to_le_bytes());
    }
    out.extend(next.to_le_bytes());
    out
}

const ORIENTATION: Entry = (274, 3, 1, 1);

/// Two directories, one behind the other.
fn two_pages(first: &[Entry], second: &[Entry]) -> Vec<u8> {
    let first = tiff_with(first, 8 + 2 + 12 * first.len() as u32 + 4);
    let second = tiff_with(second, 0);
    [&first[..], &second[8..]].concat()
}

/// A page that is this wide and 100 high.
fn page(width: u32, stored: u32) -> [Entry; 3] {
    [(256, 3, 1, width), (257, 3, 1, 100), (274, 3, 1, stored)]
}

#[test]
#[rustfmt::skip]
fn plans_or_refuses() {
    let cut = |mut bytes: Vec<u8>| { bytes.truncate(bytes.len() - 4); bytes };
    let trailed = |mut bytes: Vec<u8>| { bytes.extend(b"trailer"); bytes };
    let padded = |mut bytes: Vec<u8>| { bytes.extend(b"\0\0\r\n"); bytes };
    let broken = |mut bytes: Vec<u8>| { let n = bytes.len(); bytes[n - 1] ^= 1; bytes };
    let exif = |stored| chunk(*b"eXIf", &block(stored));
    let broken_raw = chunk(*b"tEXt", b"Raw profile type exif\0\n");
    let raw = |stored| raw_profile(&prefixed(block(stored)));
    for (name, bytes, expected) in [
        ("PNG: none, inserted",     png_with(&[]),                              Ok((1, 6, 1))),
        ("PNG: overwritten",        png_with(&[exif(3)]),                       Ok((3, 8, 2))),
        ("PNG: with XMP",           png_with(&[exif(1), itxt(b"XML:com.adobe.xmp\0\0\0\0\0")]), Ok((1, 6, 4))),
        ("PNG: with other text",    png_with(&[exif(1), itxt(b"Comment\0\0\0\0\0")]), Ok((1, 6, 2))),
        ("PNG: deflated XMP",       png_with(&[deflated_xmp()]),                Ok((1, 6, 3))),
        ("PNG: broken XMP",         png_with(&[itxt(b"XML:com.adobe.xmp\0\x01\0\0\0")]), Err("exif_elsewhere")),
        ("PNG: only XMP",           png_with(&[itxt(b"XML:com.adobe.xmp\0\0\0\0\0")]), Ok((1, 6, 3))),
        ("PNG: no field, grown",    png_with(&[chunk(*b"eXIf", &block_without())]), Ok((1, 6, 3))),
        ("PNG: JPEG's header",      png_with(&[chunk(*b"eXIf", &prefixed(block(6)))]), Ok((6, 3, 3))),
        ("PNG: two blocks",         png_with(&[exif(1), exif(1)]),              Err("duplicate_exif")),
        ("PNG: nine",               png_with(&[exif(9)]),                       Ok((1, 6, 2))),
        ("PNG: a wrong CRC",        png_with(&[broken(exif(1))]),               Err("malformed_container")),
        ("PNG: a raw profile",      png_with(&[raw(6)]),                        Ok((6, 3, 3))),
        ("PNG: both, which differ", png_with(&[exif(1), raw(6)]),               Ok((1, 6, 2))),
        ("PNG: a raw one without",  png_with(&[raw_profile(&block_without())]), Ok((1, 6, 4))),
        ("PNG: a broken profile",   png_with(&[broken_raw]),                    Err("exif_elsewhere")),
        ("PNG: two profiles",       png_with(&[raw(1), raw(1)]),                Err("exif_elsewhere")),
        ("PNG: padding at the end", padded(png_with(&[])),                      Ok((1, 6, 1))),
        ("PNG: signed",             png_with(&[chunk(*b"caBX", b"..")]),        Err("signed_c2pa")),
        ("PNG: no end",             cut(png_with(&[exif(1)])),                  Err("no_end_marker")),
        ("PNG: a trailer",          trailed(png_with(&[])),                     Err("trailing_data")),
        ("PNG: a trailer stays",    trailed(png_with(&[exif(1)])),              Ok((1, 6, 2))),
        ("WebP: simple",            webp_with(&[], &[]),                        Ok((1, 6, 3))),
        ("WebP: extended",          webp_with(&[vp8x(0)], &[]),                 Ok((1, 6, 3))),
        ("WebP: overwritten",       webp_with(&[vp8x(8)], &[webp_chunk(b"EXIF", &block(8))]), Ok((8, 1, 1))),
        ("WebP: with XMP",          webp_with(&[vp8x(4)], &[webp_chunk(b"XMP ", XMP.as_bytes())]), Ok((1, 6, 4))),
        ("WebP: no field, grown",   webp_with(&[vp8x(8)], &[webp_chunk(b"EXIF", &block_without())]), Ok((1, 6, 4))),
        ("WebP: JPEG's header",     webp_with(&[vp8x(8)], &[webp_chunk(b"EXIF", &prefixed(block(8)))]), Ok((8, 1, 1))),
        ("WebP: not announced",     webp_with(&[vp8x(0)], &[webp_chunk(b"EXIF", &block(8))]), Ok((8, 1, 2))),
        ("WebP: without a header",  webp_with(&[], &[webp_chunk(b"EXIF", &block(8))]), Ok((8, 1, 3))),
        ("WebP: two blocks",        webp_with(&[vp8x(8)], &[webp_chunk(b"EXIF", &block(8)), webp_chunk(b"EXIF", &block(8))]), Err("duplicate_exif")),
        ("WebP: signed",            webp_with(&[vp8x(0)], &[webp_chunk(b"C2PA", b"..")]), Err("signed_c2pa")),
        ("WebP: cut",               cut(webp_with(&[], &[])),                   Err("malformed_container")),
        ("WebP: a trailer",         trailed(webp_with(&[], &[])),               Err("trailing_data")),
        ("TIFF: overwritten",       tiff_with(&[ORIENTATION], 0),               Ok((1, 6, 1))),
        ("TIFF: none",              tiff_with(&[(256, 3, 1, 5)], 0),            Ok((1, 6, 2))),
        ("TIFF: cut short",         tiff_with(&[(273, 4, 1, 5), (279, 4, 1, 99)], 0), Err("malformed_container")),
        ("TIFF: a smaller copy",    two_pages(&[ORIENTATION], &[(254, 4, 1, 1)]), Ok((1, 6, 1))),
        ("TIFF: a strange page",    two_pages(&[ORIENTATION], &[(254, 4, 1, 2)]), Err("multi_page")),
        ("TIFF: pages alike",       two_pages(&page(90, 1), &page(91, 1)),      Ok((1, 6, 2))),
        ("TIFF: as without any",    two_pages(&page(90, 1), &page(91, 0)[..2]), Ok((1, 6, 3))),
        ("TIFF: both without",      two_pages(&page(90, 0)[..2], &page(91, 0)[..2]), Ok((1, 6, 2))),
        ("TIFF: stored otherwise",  two_pages(&page(90, 1), &page(91, 6)),      Err("multi_page")),
        ("TIFF: of another shape",  two_pages(&page(90, 1), &page(45, 1)),      Err("multi_page")),
        ("TIFF: a loop",            tiff_with(&[ORIENTATION, (254, 4, 1, 1)], 8), Err("multi_page")),
        ("TIFF: DNG",               tiff_with(&[ORIENTATION, (50706, 1, 4, 1)], 0), Err("format_not_written")),
        ("TIFF: CFA",               tiff_with(&[(262, 3, 1, 32803), ORIENTATION], 0), Err("format_not_written")),
        ("TIFF: raw",               tiff_with(&[ORIENTATION, (330, 4, 1, 8)], 0), Err("format_not_written")),
        ("TIFF: signed",            tiff_with(&[ORIENTATION, (52545, 7, 4, 1)], 0), Err("signed_c2pa")),
        ("TIFF: XMP out of reach",  tiff_with(&[ORIENTATION, (700, 1, 9999, 8)], 0), Ok((1, 6, 1))),
        ("TIFF: two packets",       tiff_with(&[ORIENTATION, (700, 1, 4, 8), (700, 1, 4, 8)], 0), Err("xmp_orientation")),
        ("BigTIFF",                 b"II\x2B\0\x08\0\0\0".to_vec(),             Err("format_not_written")),
        ("GIF",                     picture(ImageFormat::Gif),                  Err("format_not_written")),
    ] {
        let planned = plan(&bytes, QUARTER);
        let seen = planned.as_ref().map(|p| (p.from.to_exif(), p.to.to_exif(), p.edits.len()));
        assert_eq!(seen.map_err(|refusal| refusal.code()), expected, "{name}");
    }
}

fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let exif = |stored| chunk(*b"eXIf", &block(stored));
    prop_oneof![
        (0..=9u8).prop_map(move |stored| png_with(&[exif(stored)])),
        Just(png_with(&[])),
        Just(png_with(&[itxt(b"XML:com.adobe.xmp\0\0\0\0\0")])),
        Just(webp_with(&[], &[])),
        Just(webp_with(
            &[],
            &[webp_chunk(b"EXIF", &block(8)), webp_chunk(b"XMP ", XMP.as_bytes())]
        )),
        Just(webp_with(&[vp8x(0x10)], &[webp_chunk(b"XMP ", XMP.as_bytes())])),
        (0..=9u8).prop_map(|s| webp_with(&[vp8x(8)], &[webp_chunk(b"EXIF", &block(s))])),
        Just(png_with(&[chunk(*b"eXIf", &block_without())])),
        (0..=9u8).prop_map(|s| png_with(&[raw_profile(&prefixed(block(s))), deflated_xmp()])),
        Just(webp_with(&[vp8x(8)], &[webp_chunk(b"EXIF", &block_without())])),
        Just(webp_with(&[vp8x(8)], &[webp_chunk(b"EXIF", &[block_without(), vec![0]].concat())])),
        Just(two_pages(&[ORIENTATION], &[(254, 4, 1, 1)])),
        Just(two_pages(&page(90, 0)[..2], &page(91, 1))),
        Just(two_pages(&page(90, 0)[..2], &page(91, 0)[..2])),
        Just(tiff_with(&page(90, 1)[..2], 0)),
        Just(tiff_with(&[ORIENTATION, (700, 1, 4, 0x20202020)], 0)),
    ]
}

/// What another reader finds.
fn stored(bytes: &[u8]) -> u32 {
    let read = ::exif::Reader::new().read_from_container(&mut Cursor::new(bytes)).expect("EXIF");
    let field = read.get_field(::exif::Tag::Orientation, ::exif::In::PRIMARY).expect("the field");
    field.value.get_uint(0).expect("a number")
}

proptest! {
    /// Another reader finds the new orientation, the picture is the same, and undoing it gives the
    /// same bytes.
    #[test]
    fn what_is_written_reads_back_and_undo_restores(bytes in any_file(), quarters in 1..4u8) {
        if let Ok(patch) = plan(&bytes, Turn::quarters(quarters)) {
            let after = patch.apply(&bytes).unwrap();
            prop_assert_eq!(stored(&after), u32::from(patch.to.to_exif()));
            prop_assert_eq!(&patch.inverse().apply(&after).unwrap(), &bytes);
            if bytes.starts_with(b"II") {
                return Ok(()); // There is no picture in these.
            }
            let decoded = |bytes| image::load_from_memory(bytes).unwrap();
            prop_assert_eq!(decoded(&after), decoded(&bytes));
            if let Some(layout) = png::layout(&after) {
                prop_assert!(layout.chunks.iter().all(|chunk| png::is_sound(chunk, &after)));
            } else {
                prop_assert_eq!(webp::layout(&after).unwrap().end, after.len());
            }
            // Again and the rest of the circle: the first orientation.
            let back = plan(&after, Turn::quarters(4 - quarters)).unwrap();
            prop_assert_eq!(back.to, patch.from);
        }
    }

    #[test]
    fn hostile_bytes_never_panic(
        mut bytes in any_file(),
        at in any::<prop::sample::Index>(),
        value: u8,
        n in 0..8_usize,
    ) {
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = plan(&bytes, QUARTER);
        let _ = plan(&bytes[..at], QUARTER);
        // A length or an offset gone wild.
        let end = (at + n).min(bytes.len());
        bytes[at..end].fill(0xFF);
        if let Ok(patch) = plan(&bytes, QUARTER) {
            let after = patch.apply(&bytes).unwrap();
            prop_assert_eq!(&patch.inverse().apply(&after).unwrap(), &bytes);
        }
    }
}
