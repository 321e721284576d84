//! Items and how they refer to each other: `pitm`, `iinf`, `iref`.

use std::ops::Range;

use super::HeifLimit;
use crate::format::isobmff::{Box4, filling, full, number};

/// One item: a picture, a part of one, or metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub id: u32,
    pub kind: [u8; 4],
    /// Not to be shown by itself.
    pub is_hidden: bool,
    pub is_protected: bool,
    /// Of a `mime` item, where its content type and its encoding stand.
    pub content: Option<[Range<usize>; 2]>,
}

/// A reference of one item to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub kind: [u8; 4],
    pub from: u32,
    pub to: Vec<u32>,
}

impl Item {
    /// Is it XMP that stands as it is?
    pub fn is_xmp(&self, bytes: &[u8]) -> bool {
        let Some([content_type, encoding]) = &self.content else { return false };
        bytes.get(content_type.clone()) == Some(b"application/rdf+xml") && encoding.is_empty()
    }

    /// Is it anything but metadata?
    pub fn is_picture(&self) -> bool {
        !matches!(&self.kind, b"Exif" | b"mime" | b"uri ")
    }
}

pub(super) fn primary(bytes: &[u8], pitm: &Box4) -> Option<u32> {
    let (version, _, payload) = full(bytes, pitm.payload.clone())?;
    let mut at = payload.start;
    id(bytes, &mut at, payload.end, version > 0)
}

/// A number of an item, of four bytes or two, that ends at `end` at the latest.
fn id(bytes: &[u8], at: &mut usize, end: usize, is_long: bool) -> Option<u32> {
    let value = number(bytes, at, if is_long { 4 } else { 2 })?;
    (*at <= end).then_some(value)
}

pub(super) fn items(bytes: &[u8], iinf: &Box4) -> Result<Vec<Item>, HeifLimit> {
    let malformed = HeifLimit::Malformed("iinf");
    let (version, _, payload) = full(bytes, iinf.payload.clone()).ok_or(malformed)?;
    let mut at = payload.start;
    let n_items = id(bytes, &mut at, payload.end, version > 0).ok_or(malformed)?;
    let entries = filling(bytes, at..payload.end).ok_or(malformed)?;
    if usize::try_from(n_items) != Ok(entries.len()) {
        return Err(malformed);
    }
    let items: Vec<Item> =
        entries.iter().map(|entry| item(bytes, entry)).collect::<Result<_, _>>()?;
    let mut ids: Vec<u32> = items.iter().map(|item| item.id).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(HeifLimit::Construction("two items have the same number"));
    }
    Ok(items)
}

fn item(bytes: &[u8], entry: &Box4) -> Result<Item, HeifLimit> {
    let malformed = HeifLimit::Malformed("infe");
    let (version, flags, payload) = full(bytes, entry.payload.clone()).ok_or(malformed)?;
    if entry.kind != *b"infe" || !matches!(version, 2 | 3) {
        return Err(HeifLimit::Construction("items without a type"));
    }
    let mut at = payload.start;
    let id = id(bytes, &mut at, payload.end, version == 3).ok_or(malformed)?;
    let protection = number(bytes, &mut at, 2).ok_or(malformed)?;
    let kind = number(bytes, &mut at, 4).filter(|_| at <= payload.end).ok_or(malformed)?;
    let kind = kind.to_be_bytes();
    let content = (kind == *b"mime").then(|| {
        let name = string(bytes, at..payload.end);
        let content_type = string(bytes, (name.end + 1).min(payload.end)..payload.end);
        let encoding = string(bytes, (content_type.end + 1).min(payload.end)..payload.end);
        [content_type, encoding]
    });
    let is_protected = protection != 0;
    Ok(Item { id, kind, is_hidden: flags & 1 == 1, is_protected, content })
}

/// What of `range` comes before the first zero.
fn string(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let text = bytes.get(range.clone()).unwrap_or_default();
    let length = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    range.start..range.start + length
}

pub(super) fn references(bytes: &[u8], iref: &Box4) -> Option<Vec<Reference>> {
    let (version, _, payload) = full(bytes, iref.payload.clone())?;
    let is_long = version > 0;
    let mut references = Vec::new();
    for found in filling(bytes, payload)? {
        let mut at = found.payload.start;
        let end = found.payload.end;
        let from = id(bytes, &mut at, end, is_long)?;
        let n = number(bytes, &mut at, 2).filter(|_| at <= end)?;
        let to: Option<Vec<u32>> = (0..n).map(|_| id(bytes, &mut at, end, is_long)).collect();
        references.push(Reference { kind: found.kind, from, to: to? });
    }
    Some(references)
}
