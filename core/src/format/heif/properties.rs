//! Which properties an item has, in order: `ipma`; and those that transform (ISO 23008-12 section 6.5).

use std::ops::Range;

use super::Heif;
use crate::format::isobmff::{Box4, full, number};
use crate::orientation::{Orientation, Turn};

/// One `ipma` box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipma {
    pub whole: Box4,
    /// Where version and flags are.
    pub entries_at: usize,
    /// Are there 15 bits for the number of a property, or seven?
    pub is_wide: bool,
    /// Do numbers of items take four bytes, or two?
    pub has_long_ids: bool,
    pub entries: Vec<Entry>,
}

/// The properties of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub item: u32,
    /// Where their number is, a byte; they follow it.
    pub count_at: usize,
    pub associations: Vec<Association>,
    pub end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Association {
    /// From one; zero: none.
    pub index: usize,
    pub is_essential: bool,
    pub at: usize,
}

/// What changes how an item is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transformation {
    Turn(Turn),
    Mirror(Orientation),
    Crop,
    /// One that readers must know, and this one does not.
    Unknown,
}

impl Transformation {
    pub fn orientation(self) -> Orientation {
        match self {
            Self::Turn(turn) => turn.orientation(),
            Self::Mirror(mirror) => mirror,
            Self::Crop | Self::Unknown => Orientation::UPRIGHT,
        }
    }
}

/// Properties that describe, and are marked as essential by some programs.
const DESCRIPTIVE: [&[u8; 4]; 28] = [
    b"hvcC", b"lhvC", b"av1C", b"avcC", b"vvcC", b"evcC", b"jpgC", b"j2kH", b"uncC", b"cmpd",
    b"cmpC", b"icef", b"ispe", b"pixi", b"colr", b"pasp", b"auxC", b"rloc", b"lsel", b"a1op",
    b"a1lx", b"oinf", b"tols", b"clli", b"mdcv", b"cclv", b"amve", b"ndwt",
];

pub(super) fn ipmas(bytes: &[u8], parts: &[Box4]) -> Option<Vec<Ipma>> {
    parts.iter().filter(|part| part.kind == *b"ipma").map(|part| ipma(bytes, part)).collect()
}

fn ipma(bytes: &[u8], whole: &Box4) -> Option<Ipma> {
    let (version, flags, payload) = full(bytes, whole.payload.clone())?;
    let is_wide = flags & 1 == 1;
    let has_long_ids = version > 0;
    let mut at = payload.start;
    let n_items = number(bytes, &mut at, 4)?;
    let mut entries = Vec::new();
    // Every item takes three bytes at least, so the file's length bounds this.
    for _ in 0..n_items {
        let entry = entry(bytes, &mut at, is_wide, has_long_ids)?;
        if at > payload.end {
            return None;
        }
        entries.push(entry);
    }
    let entries_at = payload.start - 4;
    (at == payload.end).then_some(Ipma {
        whole: whole.clone(),
        entries_at,
        is_wide,
        has_long_ids,
        entries,
    })
}

fn entry(bytes: &[u8], at: &mut usize, is_wide: bool, has_long_ids: bool) -> Option<Entry> {
    let item = number(bytes, at, if has_long_ids { 4 } else { 2 })?;
    let count_at = *at;
    let n = number(bytes, at, 1)?;
    let width = if is_wide { 2 } else { 1 };
    let essential = 1u32 << (8 * width - 1);
    let association = |_| {
        let start = *at;
        let value = number(bytes, at, width)?;
        let index = usize::try_from(value & (essential - 1)).ok()?;
        Some(Association { index, is_essential: value & essential != 0, at: start })
    };
    let associations: Option<Vec<Association>> = (0..n).map(association).collect();
    Some(Entry { item, count_at, associations: associations?, end: *at })
}

impl Heif {
    /// What `ipma` boxes say of `item`; more than one entry is one too many.
    pub fn entries(&self, item: u32) -> impl Iterator<Item = &Entry> {
        let entries = self.ipmas.iter().flat_map(|ipma| &ipma.entries);
        entries.filter(move |entry| entry.item == item)
    }

    /// The property that an association names.
    pub fn property(&self, association: &Association) -> Option<&Box4> {
        self.properties.get(association.index.checked_sub(1)?)
    }

    /// What an association does to its item; `None`: it only describes.
    pub fn transformation(
        &self,
        bytes: &[u8],
        association: &Association,
    ) -> Option<Transformation> {
        let property = self.property(association)?;
        let first = first_of(bytes, &property.payload);
        match (&property.kind, first) {
            (b"irot", Some(angle)) => {
                Some(Transformation::Turn(Turn::quarters(angle & 3).inverse()))
            }
            (b"imir", Some(axis)) => Some(Transformation::Mirror(mirror(axis))),
            (b"clap", _) => Some(Transformation::Crop),
            (b"irot" | b"imir" | b"iscl", _) => Some(Transformation::Unknown),
            (kind, _) if association.is_essential && !DESCRIPTIVE.contains(&kind) => {
                Some(Transformation::Unknown)
            }
            _ => None,
        }
    }

    /// How an item's own properties say that it is to be shown.
    pub fn stored(&self, bytes: &[u8], item: u32) -> Orientation {
        let all = self.entries(item).flat_map(|entry| &entry.associations);
        let all = all.filter_map(|association| self.transformation(bytes, association));
        all.fold(Orientation::UPRIGHT, |stored, next| stored.then(next.orientation()))
    }

    /// Does an item have a rotation or a mirror of its own, be it by nothing?
    pub fn is_oriented(&self, bytes: &[u8], item: u32) -> bool {
        let mut all = self.entries(item).flat_map(|entry| &entry.associations);
        all.any(|association| {
            let found = self.transformation(bytes, association);
            matches!(found, Some(Transformation::Turn(_) | Transformation::Mirror(_)))
        })
    }
}

fn first_of(bytes: &[u8], payload: &Range<usize>) -> Option<u8> {
    bytes.get(payload.clone())?.first().copied()
}

/// 0: top and bottom change places; 1: left and right (section 6.5.12).
fn mirror(axis: u8) -> Orientation {
    let exif = if axis & 1 == 0 { 4 } else { 2 };
    Orientation::from_stored(Some(exif))
}
