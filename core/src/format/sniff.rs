//! What a file is, by its content. The name only decides whether a stranger is worth a remark.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::format::isobmff::{HeifKind, heif_kind};
use crate::format::jp2;
use crate::format::raw::{self, RawKind};

/// Enough for every signature.
pub const SNIFF_LEN: u64 = 64;

/// Formats that are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    Jpeg,
    Png,
    WebP,
    Tiff,
    Bmp,
    Gif,
    Heif,
    Avif,
    Jxl,
    Jp2,
    Raw(RawKind),
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Tiff => "tiff",
            Self::Bmp => "bmp",
            Self::Gif => "gif",
            Self::Heif => "heif",
            Self::Avif => "avif",
            Self::Jxl => "jxl",
            Self::Jp2 => "jp2",
            Self::Raw(RawKind::Dng) => "dng",
            Self::Raw(RawKind::Cr2) => "cr2",
            Self::Raw(RawKind::Cr3) => "cr3",
            Self::Raw(RawKind::Nef) => "nef",
            Self::Raw(RawKind::Arw) => "arw",
            Self::Raw(RawKind::Raf) => "raf",
            Self::Raw(RawKind::Orf) => "orf",
            Self::Raw(RawKind::Rw2) => "rw2",
            Self::Raw(RawKind::Pef) => "pef",
            Self::Raw(RawKind::Srw) => "srw",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sniffed {
    Picture(Format),
    /// A photo in a format that is not read, or a name that promises a photo the content is not.
    Unsupported(String),
    Empty,
    Other,
}

/// Endings of raw files, those that are read and those that are not.
const RAW: &[&str] = &[
    "dng", "nef", "nrw", "cr2", "crw", "arw", "sr2", "srf", "pef", "srw", "orf", "rw2", "raf",
    "3fr", "iiq", "mrw", "x3f", "cr3", "rwl", "kdc", "dcr", "k25", "mef", "mos", "erf", "gpr",
    "fff", "bay", "ptx",
];

/// Endings that promise a photo.
const PHOTO: &[&str] = &[
    "jpg", "jpeg", "jpe", "jfif", "mpo", "png", "webp", "tif", "tiff", "bmp", "gif", "heic",
    "heif", "hif", "avif", "jxl", "jp2", "psd", "jif", "jfi", "jps", "insp", "apng", "dib",
    "heics", "heifs", "avifs", "avci", "j2k", "j2c", "jpc", "jpf", "jpx", "jpm", "jxr", "wdp",
    "tga", "psb",
];

fn ending_of(path: &Path) -> String {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.unwrap_or_default()
}

/// Does the file's name say that it is a photo?
pub fn promises_photo(path: &Path) -> bool {
    promises_photo_by(&ending_of(path))
}

/// Does an ending, in lower case and without its full stop, say that a file is a photo?
pub fn promises_photo_by(ending: &str) -> bool {
    PHOTO.contains(&ending) || RAW.contains(&ending)
}

/// Does an ending, in lower case and without its full stop, say that a file is camera raw?
pub fn is_raw_by(ending: &str) -> bool {
    RAW.contains(&ending)
}

/// The endings that promise a photo, in lower case.
pub fn photo_endings() -> impl Iterator<Item = &'static str> {
    RAW.iter().chain(PHOTO).copied()
}

/// Judges a file by its first bytes; `path` gives the ending.
pub fn sniff(head: &[u8], path: &Path) -> Sniffed {
    let ending = ending_of(path);
    let is_raw = RAW.contains(&ending.as_str());
    if head.is_empty() {
        return if is_raw || PHOTO.contains(&ending.as_str()) {
            Sniffed::Empty
        } else {
            Sniffed::Other
        };
    }
    // Raw kinds that the first bytes give away; the others are TIFF files at first, see `refine`.
    if let Some(kind) = raw::kind_of(head) {
        return Sniffed::Picture(Format::Raw(kind));
    }
    match heif_kind(head) {
        Some(HeifKind::Heif) => return Sniffed::Picture(Format::Heif),
        Some(HeifKind::Avif) => return Sniffed::Picture(Format::Avif),
        None => {}
    }
    let kind = infer::get(head).map(|kind| kind.mime_type());
    match kind {
        Some("image/jpeg") => Sniffed::Picture(Format::Jpeg),
        Some("image/png") => Sniffed::Picture(Format::Png),
        Some("image/webp") => Sniffed::Picture(Format::WebP),
        Some("image/tiff") => Sniffed::Picture(Format::Tiff),
        Some("image/bmp") => Sniffed::Picture(Format::Bmp),
        Some("image/gif") => Sniffed::Picture(Format::Gif),
        Some("image/jxl") => Sniffed::Picture(Format::Jxl),
        Some("image/jp2") => Sniffed::Picture(Format::Jp2),
        _ if head.starts_with(jp2::CODESTREAM) => Sniffed::Picture(Format::Jp2),
        _ if is_raw => Sniffed::Unsupported(unread_raw(&ending)),
        Some("image/vnd.adobe.photoshop") => {
            Sniffed::Unsupported("a Photoshop file, which is not read".to_owned())
        }
        Some(kind) if PHOTO.contains(&ending.as_str()) => {
            Sniffed::Unsupported(format!("named .{ending}, but it is {kind}"))
        }
        None if PHOTO.contains(&ending.as_str()) => Sniffed::Unsupported(unknown(head, &ending)),
        _ => Sniffed::Other,
    }
}

/// What a file that is named like a photo is, where its first bytes tell.
fn unknown(head: &[u8], ending: &str) -> String {
    let what = match head {
        [b'I', b'I', 43, 0, ..] | [b'M', b'M', 0, 43, ..] => {
            return "BigTIFF is not read".to_owned();
        }
        _ if head.iter().all(|byte| *byte == 0) => "its first bytes are all zero",
        _ if is_text(head) => "it is text",
        _ => "it is no known kind of picture",
    };
    format!("named .{ending}, but {what}")
}

fn is_text(head: &[u8]) -> bool {
    let is_printable = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7E | 0x80..);
    head.iter().all(is_printable)
}

fn unread_raw(ending: &str) -> String {
    format!("this kind of raw file ({ending}) is not read")
}

/// A second look at what the first bytes call TIFF, now that the whole file is there.
pub fn refine(format: Format, bytes: &[u8], path: &Path) -> Sniffed {
    if format != Format::Tiff {
        return Sniffed::Picture(format);
    }
    let ending = ending_of(path);
    match raw::kind_of(bytes) {
        Some(kind) => Sniffed::Picture(Format::Raw(kind)),
        // What a decoder would show of it is a thumbnail at best.
        None if RAW.contains(&ending.as_str()) => Sniffed::Unsupported(unread_raw(&ending)),
        None => Sniffed::Picture(Format::Tiff),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn content_decides_and_names_only_explain() {
        let jpeg = b"\xFF\xD8\xFF\xE0\0\x10JFIF".as_slice();
        let tiff = b"II\x2A\0\x08\0\0\0\0\0\0\0".as_slice();
        let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".as_slice();
        let text = b"hello, this is text and nothing else".as_slice();
        let picture = |format| Some(Sniffed::Picture(format));
        for (name, head, expected) in [
            ("a.jpg",     jpeg, picture(Format::Jpeg)),
            ("a.png",     jpeg, picture(Format::Jpeg)),
            ("a",         jpeg, picture(Format::Jpeg)),
            ("a.tif",     tiff, picture(Format::Tiff)),
            ("a.heic",    heic, picture(Format::Heif)),
            ("a.jpg",     heic, picture(Format::Heif)),
            ("a.x3f",     b"FOVb",  None),
            ("a.jpg",     b"FUJIFILMCCD-RAW 0201", picture(Format::Raw(RawKind::Raf))),
            ("a.jxl",     b"\xFF\x0A\xF8\x0B\x56\x0E", picture(Format::Jxl)),
            ("a.jpg",     b"\0\0\0\x0CJXL \x0D\x0A\x87\x0A\0\0\0\x14ftypjxl ", picture(Format::Jxl)),
            ("a.jp2",     b"\0\0\0\x0CjP  \x0D\x0A\x87\x0A\0\0\0\x14ftypjp2 ", picture(Format::Jp2)),
            ("a.j2k",     b"\xFF\x4F\xFF\x51\0\x2F", picture(Format::Jp2)),
            ("a.jpg",     text, None),
            ("a.txt",     text, Some(Sniffed::Other)),
            ("a.jpg",     b"",  Some(Sniffed::Empty)),
            ("a.txt",     b"",  Some(Sniffed::Other)),
            ("a.mp4",     b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", Some(Sniffed::Other)),
        ] {
            let sniffed = sniff(head, Path::new(name));
            match expected {
                Some(expected) => assert_eq!(sniffed, expected, "{name}"),
                None => assert!(matches!(sniffed, Sniffed::Unsupported(_)), "{name}: {sniffed:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_read_says_what_it_is() {
        for (head, expected) in [
            (&b"II\x2B\0\x08\0\0\0"[..], "BigTIFF is not read"),
            (b"MM\0\x2B\0\x08\0\0", "BigTIFF is not read"),
            (b"not a photo", "named .tif, but it is text"),
            (&[0; 64], "named .tif, but its first bytes are all zero"),
            (&[1, 2, 3], "named .tif, but it is no known kind of picture"),
        ] {
            let expected = Sniffed::Unsupported(expected.to_owned());
            assert_eq!(sniff(head, Path::new("a.tif")), expected);
        }
    }

    #[test]
    fn a_raw_file_that_is_not_known_is_no_tiff() {
        let tiff = b"II\x2A\0\x08\0\0\0\0\0\0\0".as_slice();
        let refined = |name| refine(Format::Tiff, tiff, Path::new(name));
        assert_eq!(refined("a.tif"), Sniffed::Picture(Format::Tiff));
        assert!(matches!(refined("a.NEF"), Sniffed::Unsupported(_)));
    }
}
