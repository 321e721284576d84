//! Which kind of raw file one is, by its content.

use serde::{Deserialize, Serialize};

use crate::format::fujifilm::RAF_MAGIC;
use crate::format::isobmff;
use crate::format::tiff::{Directory, Tiff};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RawKind {
    Dng,
    Cr2,
    Cr3,
    Nef,
    Arw,
    Raf,
    Orf,
    Rw2,
    Pef,
    Srw,
}

pub(super) const COMPRESSION: u16 = 0x0103;
pub(super) const PHOTOMETRIC: u16 = 0x0106;
const MAKE: u16 = 0x010F;
const DNG_VERSION: u16 = 0xC612;
/// Colour filter array (TIFF/EP), and the linear kind (DNG).
pub(super) const RAW_PHOTOMETRIC: [u32; 2] = [32803, 34892];

/// How makers code raw pixels (exiftool, `Exif.pm`): Kodak, Nikon, Sony, Epson, Samsung, Pentax.
const RAW_COMPRESSION: [u32; 11] =
    [262, 32766, 32767, 32769, 32770, 32772, 34713, 34892, 65000, 65024, 65535];

/// What kind of raw file this is; `None` if it is none. DNG, NEF and ARW are TIFF files that only
/// their directories give away, so a head is not enough.
pub fn kind_of(bytes: &[u8]) -> Option<RawKind> {
    if bytes.starts_with(RAF_MAGIC) {
        return Some(RawKind::Raf);
    }
    match bytes.get(..4)? {
        b"IIRO" | b"IIRS" | b"MMOR" => return Some(RawKind::Orf),
        b"IIU\0" => return Some(RawKind::Rw2),
        _ => {}
    }
    if isobmff::major_brand(bytes) == Some(*b"crx ") {
        return Some(RawKind::Cr3);
    }
    let tiff = Tiff::new(bytes)?;
    if bytes.get(8..10) == Some(b"CR") {
        return Some(RawKind::Cr2);
    }
    kind_by_directories(tiff, &tiff.directories())
}

/// Does anything in a TIFF structure hint at raw pixels, of whatever maker?
pub fn may_be_raw(tiff: Tiff<'_>) -> bool {
    let is_cr2 = tiff.bytes().get(8..10) == Some(b"CR");
    is_cr2
        || tiff.directories().iter().any(|directory| {
            let compression = tiff.number_in(directory, COMPRESSION);
            directory.field(DNG_VERSION).is_some()
                || is_raw(tiff, directory)
                || compression.is_some_and(|kind| RAW_COMPRESSION.contains(&kind))
        })
}

pub(super) fn is_raw(tiff: Tiff<'_>, directory: &Directory) -> bool {
    let photometric = tiff.number_in(directory, PHOTOMETRIC);
    photometric.is_some_and(|photometric| RAW_PHOTOMETRIC.contains(&photometric))
}

fn kind_by_directories(tiff: Tiff<'_>, directories: &[Directory]) -> Option<RawKind> {
    let first = directories.first()?;
    if first.field(DNG_VERSION).is_some() {
        return Some(RawKind::Dng);
    }
    // A scan saved by a camera maker's program has the make and no raw picture.
    if !directories.iter().any(|directory| is_raw(tiff, directory)) {
        return None;
    }
    let (_, make) = tiff.value(first.field(MAKE)?)?;
    // Pentax became Ricoh's.
    let makers = [
        ("NIKON", RawKind::Nef),
        ("SONY", RawKind::Arw),
        ("PENTAX", RawKind::Pef),
        ("RICOH", RawKind::Pef),
        ("SAMSUNG", RawKind::Srw),
    ];
    makers.into_iter().find(|(name, _)| is_make(make, name)).map(|(_, kind)| kind)
}

/// Makers write more behind their name, and not always in capitals.
fn is_make(value: &[u8], name: &str) -> bool {
    value.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
}
