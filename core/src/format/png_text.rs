//! The text chunks of a PNG file (PNG, third edition, section 11.3.3), and EXIF and XMP in them: XMP under a
//! keyword of its own (XMP part 3, section 1.1.5), either of them as hexadecimal text in the profiles
//! that ImageMagick and others write.

use std::borrow::Cow;

use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use crate::format::exif::EXIF_HEADER;
use crate::format::jpeg::XMP_START;

const XMP_KEYWORD: &[u8] = b"XML:com.adobe.xmp\0";
const RAW_PROFILE: &[u8] = b"Raw profile type ";

/// Larger than any metadata that programs put into a text chunk.
const MAX_INFLATED: usize = 16 << 20;

/// Hexadecimal digits in a line, as ImageMagick writes them.
const DIGITS_IN_LINE: usize = 72;

const LEVEL: u8 = 9;

/// What a text chunk holds of what matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A TIFF structure, perhaps behind JPEG's header.
    Exif,
    Xmp,
}

/// EXIF or XMP in a text chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    pub content: Content,
    /// What it is itself, without anything that comes before it.
    pub data: Vec<u8>,
    head: Vec<u8>,
    is_deflated: bool,
    /// The name of a profile, and what comes before the data in it.
    profile: Option<(Vec<u8>, Vec<u8>)>,
}

/// It cannot be unpacked, or is not what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// EXIF or XMP in the data of a chunk of this kind; `Ok(None)` if it holds neither.
///
/// # Errors
/// Returns an error if it should hold one of them, but cannot be read.
pub fn embedded(kind: [u8; 4], data: &[u8]) -> Result<Option<Embedded>, Unreadable> {
    let is_text = matches!(&kind, b"tEXt" | b"zTXt" | b"iTXt");
    let is_xmp = &kind == b"iTXt" && data.starts_with(XMP_KEYWORD);
    let profile = data.strip_prefix(RAW_PROFILE).and_then(|rest| {
        let name = rest.split(|byte| *byte == 0).next()?;
        matches!(name, b"exif" | b"EXIF" | b"APP1" | b"app1" | b"xmp" | b"XMP").then_some(name)
    });
    if !is_text || !(is_xmp || profile.is_some()) {
        return Ok(None);
    }
    let (head, is_deflated) = head(kind, data).ok_or(Unreadable)?;
    let text = match is_deflated {
        false => Cow::Borrowed(&data[head..]),
        true => decompress_to_vec_zlib_with_limit(&data[head..], MAX_INFLATED)
            .map(Cow::Owned)
            .map_err(|_| Unreadable)?,
    };
    let head = data[..head].to_vec();
    if is_xmp {
        let data = text.into_owned();
        return Ok(Some(Embedded {
            content: Content::Xmp,
            data,
            head,
            is_deflated,
            profile: None,
        }));
    }
    let (name, bytes) = unpacked(&text).ok_or(Unreadable)?;
    let is_packet = profile.is_some_and(|name| name.eq_ignore_ascii_case(b"xmp"));
    let (content, start) = match bytes.as_slice() {
        packet if packet.starts_with(XMP_START) => (Content::Xmp, XMP_START.len()),
        _ if is_packet => (Content::Xmp, 0),
        block if block.starts_with(&EXIF_HEADER[..5]) => {
            (Content::Exif, EXIF_HEADER.len().min(block.len()))
        }
        _ => (Content::Exif, 0),
    };
    let data = bytes[start..].to_vec();
    let profile = Some((name.to_vec(), bytes[..start].to_vec()));
    Ok(Some(Embedded { content, data, head, is_deflated, profile }))
}

/// How long what comes before the text is, and whether the text is deflated.
fn head(kind: [u8; 4], data: &[u8]) -> Option<(usize, bool)> {
    let behind = |from: usize| {
        let length = data.get(from..)?.iter().position(|byte| *byte == 0)?;
        Some(from + length + 1)
    };
    let keyword = behind(0)?;
    match &kind {
        b"zTXt" => (data.get(keyword) == Some(&0)).then_some((keyword + 1, true)),
        b"iTXt" => {
            let is_deflated = match data.get(keyword..keyword + 2)? {
                [0, _] => false,
                [1, 0] => true,
                _ => return None,
            };
            // Language and translated keyword.
            Some((behind(behind(keyword + 2)?)?, is_deflated))
        }
        _ => Some((keyword, false)),
    }
}

/// The name and the bytes of a profile: a line break, its name, its length, then hexadecimal digits.
fn unpacked(text: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let mut lines = text.trim_ascii_start().splitn(3, |byte| *byte == b'\n');
    let name = lines.next()?;
    let length = std::str::from_utf8(lines.next()?).ok()?.trim().parse::<usize>().ok()?;
    let digits = lines.next()?.iter().filter(|byte| !byte.is_ascii_whitespace());
    let digits: Vec<u8> = digits
        .map_while(|byte| char::from(*byte).to_digit(16))
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    let bytes: Vec<u8> =
        digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect();
    (bytes.len() == length).then_some((name, bytes))
}

impl Embedded {
    /// The data of the chunk with `new` in the place of what it holds now.
    pub fn with(&self, new: &[u8]) -> Vec<u8> {
        let text = match &self.profile {
            None => new.to_vec(),
            Some((name, before)) => packed(name, &[before, new].concat()),
        };
        let text = if self.is_deflated { compress_to_vec_zlib(&text, LEVEL) } else { text };
        [&self.head[..], &text].concat()
    }
}

fn packed(name: &[u8], bytes: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    let mut text = [b"\n", name, format!("\n{:8}\n", bytes.len()).as_bytes()].concat();
    for line in digits.chunks(DIGITS_IN_LINE) {
        text.extend(line);
        text.push(b'\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &[u8] = b"Exif\0\0MM\0\x2A rest of the block, longer than a line of digits";

    fn heads() -> [(&'static [u8; 4], Vec<u8>, bool); 4] {
        let key = b"Raw profile type exif\0".to_vec();
        [
            (b"tEXt", key.clone(), false),
            (b"zTXt", [&key[..], &[0]].concat(), true),
            (b"iTXt", [&key[..], &[0, 0], b"en\0\0"].concat(), false),
            (b"iTXt", [&key[..], &[1, 0, 0, 0]].concat(), true),
        ]
    }

    #[test]
    fn a_profile_is_read_in_every_kind_of_chunk() {
        for (kind, head, is_deflated) in heads() {
            let text = packed(b"exif", BLOCK);
            let text = if is_deflated { compress_to_vec_zlib(&text, 1) } else { text };
            let data = [head, text].concat();
            let found = embedded(*kind, &data).expect("readable").expect("a profile");
            assert_eq!((found.content, &found.data[..]), (Content::Exif, &BLOCK[6..]));
            let new = found.with(b"MM other");
            let again = embedded(*kind, &new).expect("readable").expect("a profile");
            assert_eq!(again.data, b"MM other");
            for n in 0..data.len() {
                let _ = embedded(*kind, &data[..n]);
            }
        }
    }

    #[test]
    fn xmp_is_known_by_keyword_and_by_profile() {
        let packet = b"<x:xmpmeta/>";
        let app1 = packed(b"app1", &[XMP_START, packet].concat());
        for (name, data) in [
            ("plain", [b"XML:com.adobe.xmp\0\0\0\0\0", &packet[..]].concat()),
            (
                "deflated",
                [b"XML:com.adobe.xmp\0\x01\0\0\0", &compress_to_vec_zlib(packet, 9)[..]].concat(),
            ),
            ("profile", [b"Raw profile type xmp\0\0\0\0\0", &packed(b"xmp", packet)[..]].concat()),
            ("APP1", [b"Raw profile type APP1\0\0\0\0\0", &app1[..]].concat()),
        ] {
            let found = embedded(*b"iTXt", &data).expect("readable").expect("XMP");
            assert_eq!((found.content, &found.data[..]), (Content::Xmp, &packet[..]), "{name}");
            assert_eq!(embedded(*b"iTXt", &found.with(packet)), Ok(Some(found)), "{name}");
        }
    }

    #[test]
    fn what_is_neither_or_broken_is_told() {
        for (kind, data, expected) in [
            (b"tEXt", &b"Comment\0text"[..], Ok(None)),
            (b"tEXt", b"Raw profile type icc\0\nicc\n 1\n00", Ok(None)),
            (b"IDAT", b"Raw profile type exif\0\nexif\n 1\n00", Ok(None)),
            (b"tEXt", b"Raw profile type exif\0\nexif\n 9\n00", Err(Unreadable)),
            (b"tEXt", b"Raw profile type exif\0", Err(Unreadable)),
            (b"zTXt", b"Raw profile type exif\0\0not deflated", Err(Unreadable)),
            (b"iTXt", b"XML:com.adobe.xmp\0\x02\0\0\0", Err(Unreadable)),
        ] {
            assert_eq!(embedded(*kind, data), expected, "{}", data.escape_ascii());
        }
        // A mebibyte of zeros a kibibyte.
        let bomb = compress_to_vec_zlib(&vec![b'\n'; MAX_INFLATED + 1], 9);
        let bomb = [b"Raw profile type exif\0\0", &bomb[..]].concat();
        assert_eq!(embedded(*b"zTXt", &bomb), Err(Unreadable));
    }
}
