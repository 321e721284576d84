//! Is a picture a sphere unrolled? Google's schema for XMP says so (developers.google.com/streetview, "Photo
//! Sphere XMP Metadata"), which cameras and stitching programs of all makers write.

use std::borrow::Cow;
use std::ops::Range;

use crate::format::chunks::{Chunk, of_kind};
use crate::format::embedded_xmp;
use crate::format::heif;
use crate::format::isobmff;
use crate::format::jpeg;
use crate::format::jxl;
use crate::format::png;
use crate::format::png_text::{Content, embedded};
use crate::format::tiff::Tiff;
use crate::format::webp;
use crate::format::xmp::{Binding, Name};

/// Packets that are read; programs write one.
const MAX_PACKETS: usize = 8;

/// TIFF's field for a packet.
const XMP: u16 = 700;

/// What a packet says of panoramas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stated {
    is_equirectangular: bool,
    /// Any property of the schema.
    is_any: bool,
    full: (Option<u32>, Option<u32>),
}

/// Does the file's XMP say that its picture, of this size, is an equirectangular panorama? One that is stated to
/// be so; or one with any statement of this kind whose sides, or those of the whole of which it is a part, are 2:1.
pub fn is_panorama(bytes: &[u8], width: u32, height: u32) -> bool {
    packets(bytes).iter().any(|packet| {
        let stated = stated(packet);
        let is_whole = match stated.full {
            (Some(width), Some(height)) => is_two_to_one(width, height),
            _ => false,
        };
        stated.is_equirectangular || stated.is_any && (is_whole || is_two_to_one(width, height))
    })
}

/// Within two percent, as some cameras crop.
fn is_two_to_one(width: u32, height: u32) -> bool {
    let width = u64::from(width);
    height > 0 && width.abs_diff(2 * u64::from(height)) * 50 <= width
}

fn stated(packet: &[u8]) -> Stated {
    let mut stated = Stated::default();
    let Ok(Some(read)) = embedded_xmp::read(packet) else { return stated };
    for property in &read.properties {
        let value = property.value.clone().and_then(|value| packet.get(value));
        let text = value.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
        let text = text.trim();
        if property.binding == Binding::OtherNamespace {
            continue;
        }
        match property.name {
            Name::ProjectionType => {
                stated.is_any = true;
                stated.is_equirectangular |= text.eq_ignore_ascii_case("equirectangular");
            }
            Name::UsePanoramaViewer => stated.is_any |= text.eq_ignore_ascii_case("true"),
            Name::FullPanoWidthPixels => {
                stated.is_any = true;
                stated.full.0 = text.parse().ok();
            }
            Name::FullPanoHeightPixels => {
                stated.is_any = true;
                stated.full.1 = text.parse().ok();
            }
            _ => {}
        }
    }
    stated
}

/// The packets of XMP in a file of whatever format.
fn packets(bytes: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let at = |ranges: Vec<Range<usize>>| {
        let found = ranges.into_iter().take(MAX_PACKETS).filter_map(|range| bytes.get(range));
        found.map(Cow::Borrowed).collect()
    };
    if let Ok(layout) = jpeg::header(bytes) {
        return at(layout.xmp(bytes).collect());
    }
    if let Some(layout) = png::layout(bytes) {
        return of_png(bytes, &layout.chunks);
    }
    if let Some(chunks) = webp::chunks(bytes) {
        let chunks: Vec<Chunk> = chunks.collect();
        return at(of_kind(&chunks, b"XMP ").map(|chunk| chunk.data.clone()).collect());
    }
    if let Some(tiff) = Tiff::new(bytes) {
        return at(of_tiff(tiff));
    }
    at(of_boxes(bytes))
}

fn of_png<'a>(bytes: &'a [u8], chunks: &[Chunk]) -> Vec<Cow<'a, [u8]>> {
    let texts = chunks
        .iter()
        .filter_map(|chunk| embedded(chunk.kind, bytes.get(chunk.data.clone())?).ok().flatten());
    let packets = texts.filter(|text| text.content == Content::Xmp).take(MAX_PACKETS);
    packets.map(|text| Cow::Owned(text.data)).collect()
}

fn of_tiff(tiff: Tiff<'_>) -> Vec<Range<usize>> {
    let directories = tiff.directories();
    let field = directories.first().and_then(|first| first.field(XMP));
    let value = field.and_then(|field| tiff.value(field));
    value.map(|(at, value)| at..at + value.len()).into_iter().collect()
}

/// HEIF and AVIF keep it as an item, JPEG XL in a box.
fn of_boxes(bytes: &[u8]) -> Vec<Range<usize>> {
    if bytes.starts_with(jxl::SIGNATURE) {
        let boxes = isobmff::boxes(bytes, 0..bytes.len());
        return boxes.filter(|found| found.kind == *b"xml ").map(|found| found.payload).collect();
    }
    let Ok(file) = heif::read(bytes) else { return Vec::new() };
    let items = file.items.iter().filter(|item| item.is_xmp(bytes));
    items
        .filter_map(|item| file.data(item.id, bytes.len()))
        // A packet in several pieces is what no program writes.
        .filter_map(|pieces| <[Range<usize>; 1]>::try_from(pieces).ok())
        .map(|[piece]| piece)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMESPACE: &str = "http://ns.google.com/photos/1.0/panorama/";

    fn packet(attributes: &str, elements: &str) -> Vec<u8> {
        format!(
            "<x:xmpmeta xmlns:x='adobe:ns:meta/'>\
             <rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
             <rdf:Description rdf:about='' xmlns:GPano='{NAMESPACE}' {attributes}>{elements}\
             </rdf:Description></rdf:RDF></x:xmpmeta>"
        )
        .into_bytes()
    }

    fn jpeg_with(packet: &[u8]) -> Vec<u8> {
        let payload = [b"http://ns.adobe.com/xap/1.0/\0", packet].concat();
        let length = u16::try_from(payload.len() + 2).expect("short").to_be_bytes();
        let scan = b"\xFF\xDA\0\x02\xFF\xD9";
        [&b"\xFF\xD8\xFF\xE1"[..], &length, &payload, scan].concat()
    }

    fn tiff_with(packet: &[u8]) -> Vec<u8> {
        let mut out = b"II\x2A\0\x08\0\0\0\x01\0\xBC\x02\x01\0".to_vec();
        out.extend(u32::try_from(packet.len()).expect("short").to_le_bytes());
        out.extend([26, 0, 0, 0, 0, 0, 0, 0]);
        [&out[..], packet].concat()
    }

    fn webp_with(packet: &[u8]) -> Vec<u8> {
        let length = u32::try_from(packet.len()).expect("short").to_le_bytes();
        let padding = vec![0; packet.len() % 2];
        let chunks = [&b"WEBPXMP "[..], &length, packet, &padding].concat();
        let whole = u32::try_from(chunks.len()).expect("short").to_le_bytes();
        [&b"RIFF"[..], &whole, &chunks].concat()
    }

    fn jxl_with(packet: &[u8]) -> Vec<u8> {
        let length = u32::try_from(packet.len() + 8).expect("short").to_be_bytes();
        let ftyp = b"\0\0\0\x14ftypjxl \0\0\0\0jxl ";
        [jxl::SIGNATURE, ftyp, &length, b"xml ", packet].concat()
    }

    #[test]
    #[rustfmt::skip]
    fn panoramas_are_told_by_their_xmp() {
        let theta = "GPano:ProjectionType='equirectangular' GPano:UsePanoramaViewer='True'";
        let full = "<GPano:FullPanoWidthPixels> 8000 </GPano:FullPanoWidthPixels>\
                    <GPano:FullPanoHeightPixels>4000</GPano:FullPanoHeightPixels>";
        for (name, attributes, elements, width, height, expected) in [
            ("as a Theta writes it",     theta, "",                                                    4000, 2000, true),
            ("as elements, in capitals", "", "<GPano:ProjectionType>Equirectangular</GPano:ProjectionType>", 4000, 2000, true),
            ("a part of a sphere",       theta, full,                                                  6000, 1500, true),
            ("a part, by its whole",     "GPano:UsePanoramaViewer='True'", full,                       6000, 1500, true),
            ("two to one, and a viewer", "GPano:UsePanoramaViewer='True'", "",                         4000, 2000, true),
            ("nearly two to one",        "GPano:UsePanoramaViewer='True'", "",                         4050, 2000, true),
            ("a cylinder",               "GPano:ProjectionType='cylindrical'", "",                     6000, 1500, false),
            ("no viewer",                "GPano:UsePanoramaViewer='False'", "",                        4000, 2000, false),
            ("two to one alone",         "", "",                                                       4000, 2000, false),
            ("without sides",            "GPano:UsePanoramaViewer='True'", "",                         0,    0,    false),
        ] {
            let packet = packet(attributes, elements);
            for (format, bytes) in [
                ("jpeg", jpeg_with(&packet)), ("tiff", tiff_with(&packet)), ("webp", webp_with(&packet)), ("jxl", jxl_with(&packet)),
            ] {
                assert_eq!(is_panorama(&bytes, width, height), expected, "{name}, {format}");
            }
        }
    }

    #[test]
    fn another_namespace_of_that_name_says_nothing() {
        let packet = packet("GPano:ProjectionType='equirectangular'", "");
        let text = String::from_utf8(packet).expect("text");
        let other = text.replace(NAMESPACE, "http://example.org/");
        assert!(!is_panorama(&jpeg_with(other.as_bytes()), 4000, 2000));
    }
}
