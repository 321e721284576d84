//! The `meta` box of a HEIF file with all offsets in it, as an edit needs them (ISO 14496-12 section
//! 8.11, ISO 23008-12). Stricter than reading the orientation: what is not wholly understood is a limit.

mod items;
mod locations;
mod properties;

use std::ops::Range;

pub use self::items::{Item, Reference};
pub use self::locations::{Extent, Field, Location};
pub use self::properties::{Association, Entry, Ipma, Transformation};

use super::isobmff::{Box4, filling, full};

/// Why the orientation of a HEIF file is not changed in the file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeifLimit {
    #[error("malformed HEIF: {0}")]
    Malformed(&'static str),
    #[error("the file is built in a way that is not safe to change: {0}")]
    Construction(&'static str),
    #[error("the file is an image sequence, of which only one picture was looked at")]
    Sequence,
    #[error("the file holds several pictures, of which only one was looked at")]
    MultiImage,
    #[error("the file is a Motion Photo, whose film would stay as it is")]
    MotionPhoto,
    #[error("parts of the file are protected")]
    Protected,
    #[error("the file carries a C2PA signature, which any change would break")]
    Signed,
    #[error("data after the last box may count on where it lies")]
    TrailingData,
    #[error("its XMP states an orientation that cannot be kept in step")]
    Xmp,
    #[error("the turned file did not prove to show the same picture: {0}")]
    NotProved(&'static str),
}

impl HeifLimit {
    /// What JSON and the database call it; never changed once released.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed_container",
            Self::Construction(_) => "unknown_construction",
            Self::Sequence => "image_sequence",
            Self::MultiImage => "multi_image",
            Self::MotionPhoto => "motion_photo",
            Self::Protected => "protected",
            Self::Signed => "signed_c2pa",
            Self::TrailingData => "trailing_data",
            Self::Xmp => "xmp_orientation",
            Self::NotProved(_) => "not_proved",
        }
    }
}

/// A HEIF file taken apart.
#[derive(Clone, Debug)]
pub struct Heif {
    /// The boxes of the file; they fill it up to `end`.
    pub top: Vec<Box4>,
    /// Where the last box ends; data may follow.
    pub end: usize,
    pub meta: Box4,
    pub children: Vec<Box4>,
    pub iprp: Box4,
    pub ipco: Box4,
    pub primary: u32,
    pub items: Vec<Item>,
    pub references: Vec<Reference>,
    pub locations: Vec<Location>,
    /// The boxes in `ipco`; associations count them from one.
    pub properties: Vec<Box4>,
    pub ipmas: Vec<Ipma>,
    /// What construction method 1 counts from.
    idat: Option<Range<usize>>,
}

/// Takes a file apart.
///
/// # Errors
/// Returns an error if a box is malformed, missing, or there more often than it may be.
pub fn read(bytes: &[u8]) -> Result<Heif, HeifLimit> {
    let top: Vec<Box4> = super::isobmff::boxes(bytes, 0..bytes.len()).collect();
    let end = top.last().map_or(0, |last| last.payload.end);
    let meta = only(&top, b"meta")?;
    let (_, _, payload) =
        full(bytes, meta.payload.clone()).ok_or(HeifLimit::Malformed("an empty meta box"))?;
    let children = filling(bytes, payload).ok_or(HeifLimit::Malformed("a box of meta"))?;
    let iprp = only(&children, b"iprp")?;
    let parts =
        filling(bytes, iprp.payload.clone()).ok_or(HeifLimit::Malformed("a box of iprp"))?;
    let ipco = only(&parts, b"ipco")?;
    let properties =
        filling(bytes, ipco.payload.clone()).ok_or(HeifLimit::Malformed("a property"))?;
    let pitm = only(&children, b"pitm")?;
    let iinf = only(&children, b"iinf")?;
    let iloc = only(&children, b"iloc")?;
    let iref = at_most_one(&children, b"iref")?;
    let idat = at_most_one(&children, b"idat")?.map(|idat| idat.payload);
    Ok(Heif {
        primary: items::primary(bytes, &pitm).ok_or(HeifLimit::Malformed("pitm"))?,
        items: items::items(bytes, &iinf)?,
        references: match iref {
            Some(iref) => items::references(bytes, &iref).ok_or(HeifLimit::Malformed("iref"))?,
            None => Vec::new(),
        },
        locations: locations::locations(bytes, &iloc).ok_or(HeifLimit::Malformed("iloc"))?,
        ipmas: properties::ipmas(bytes, &parts).ok_or(HeifLimit::Malformed("ipma"))?,
        top,
        end,
        meta,
        children,
        iprp,
        ipco,
        properties,
        idat,
    })
}

/// The one box of its kind.
///
/// # Errors
/// Returns an error if there is none, or more than one.
fn only(all: &[Box4], kind: &[u8; 4]) -> Result<Box4, HeifLimit> {
    at_most_one(all, kind)?.ok_or(HeifLimit::Construction("a box is missing that pictures have"))
}

fn at_most_one(all: &[Box4], kind: &[u8; 4]) -> Result<Option<Box4>, HeifLimit> {
    let mut found = all.iter().filter(|found| found.kind == *kind);
    match (found.next(), found.next()) {
        (first, None) => Ok(first.cloned()),
        (_, Some(_)) => Err(HeifLimit::Construction("a box is there twice")),
    }
}

impl Heif {
    pub fn item(&self, id: u32) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// The items that refer to `id` by references of `kind`.
    pub fn referring(&self, kind: &[u8; 4], id: u32) -> impl Iterator<Item = u32> {
        let references = self.references.iter();
        let those = references.filter(move |one| one.kind == *kind && one.to.contains(&id));
        those.map(|reference| reference.from)
    }

    /// What `id` refers to by references of `kind`.
    pub fn referred(&self, kind: &[u8; 4], id: u32) -> impl Iterator<Item = u32> {
        let references = self.references.iter();
        let those = references.filter(move |one| one.kind == *kind && one.from == id);
        those.flat_map(|reference| reference.to.iter().copied())
    }

    /// Where an item's bytes are, in order. `None` if they are not to be found in this file.
    pub fn data(&self, id: u32, file_len: usize) -> Option<Vec<Range<usize>>> {
        let location = self.locations.iter().find(|location| location.item == id)?;
        let source = match location.method {
            0 if location.data_reference == 0 => 0..file_len,
            1 => self.idat.clone()?,
            _ => return None,
        };
        location.ranges_in(&source)
    }
}
