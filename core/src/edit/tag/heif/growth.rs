//! New properties and their associations, and all that follows from a `meta` box that grows: sizes of
//! boxes, and offsets of items that move.

use super::rotation::{NewAssociation, Rotations};
use crate::edit::patch::Edit;
use crate::format::heif::{Field, Heif, HeifLimit, Ipma, Location};
use crate::format::isobmff::Box4;

/// The highest number of a property that seven bits hold.
const MAX_NARROW: usize = 0x7F;
const MAX_WIDE: usize = 0x7FFF;

/// Boxes that hold no offsets, so that they may move.
const MOVABLE: [&[u8; 4]; 5] = [b"mdat", b"free", b"skip", b"wide", b"idat"];
/// The only `uuid` box that is known not to hold any: XMP (XMP part 3, section 1.2.7.1).
const XMP: &[u8] = b"\xBE\x7A\xCF\xCB\x97\xA9\x42\xE8\x9C\x71\x99\x94\x91\xE3\xAF\xAC";

/// All edits that `rotations` takes, in no order.
///
/// # Errors
/// Returns an error if something would not fit, or would move that may count on where it lies.
pub(super) fn edits(
    bytes: &[u8],
    file: &Heif,
    rotations: &Rotations,
) -> Result<Vec<Edit>, HeifLimit> {
    let mut edits = rotations.overwritten.clone();
    if rotations.associations.is_empty() {
        return Ok(edits);
    }
    let properties: Vec<u8> = rotations
        .added
        .iter()
        .flat_map(|angle| [0, 0, 0, 9, b'i', b'r', b'o', b't', *angle])
        .collect();
    let in_ipco = properties.len();
    edits.extend(resized(bytes, &file.ipco, in_ipco)?);
    edits.push(Edit { offset: file.ipco.payload.end, old: Vec::new(), new: properties });
    let mut growth = in_ipco;
    for ipma in &file.ipmas {
        let of_box = ipma_edits(bytes, file, ipma, &rotations.associations)?;
        let in_ipma = grown(&of_box);
        if in_ipma > 0 {
            edits.extend(resized(bytes, &ipma.whole, in_ipma)?);
        }
        growth += in_ipma;
        edits.extend(of_box);
    }
    edits.extend(resized(bytes, &file.iprp, growth)?);
    edits.extend(resized(bytes, &file.meta, growth)?);
    match spare(bytes, file, growth) {
        Some(edit) => edits.push(edit),
        None => may_move(bytes, file)?,
    }
    let moved = moved_offsets(bytes, file, &edits)?;
    edits.extend(moved);
    Ok(edits)
}

fn grown(edits: &[Edit]) -> usize {
    let sum =
        |side: fn(&Edit) -> &Vec<u8>| edits.iter().map(|edit| side(edit).len()).sum::<usize>();
    sum(|edit| &edit.new).saturating_sub(sum(|edit| &edit.old))
}

/// The size of a box that grows; `None` where it says that it reaches to the end.
fn resized(bytes: &[u8], whole: &Box4, by: usize) -> Result<Option<Edit>, HeifLimit> {
    let field = |at: usize, width: usize| {
        let digits = bytes.get(at..at + width).unwrap_or_default();
        let value = digits.iter().fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
        Field { at, width, value }
    };
    let short = field(whole.start, 4);
    let size = match short.value {
        0 => return Ok(None),
        1 => field(whole.start + 8, 8),
        _ => short,
    };
    changed(size, by as u64).map(Some)
}

/// A number that becomes larger by `by`.
fn changed(field: Field, by: u64) -> Result<Edit, HeifLimit> {
    let cannot = HeifLimit::Construction("a size or an offset has no room to grow");
    let value = field.value.checked_add(by).ok_or(cannot)?;
    let digits = |value: u64| value.to_be_bytes()[8 - field.width..].to_vec();
    let new = digits(value);
    let fits = new.iter().fold(0u64, |value, byte| (value << 8) | u64::from(*byte)) == value;
    if !fits {
        return Err(cannot);
    }
    Ok(Edit { offset: field.at, old: digits(field.value), new })
}

fn ipma_edits(
    bytes: &[u8],
    file: &Heif,
    ipma: &Ipma,
    all: &[NewAssociation],
) -> Result<Vec<Edit>, HeifLimit> {
    let is_here = |one: &&NewAssociation| ipma.entries.iter().any(|entry| entry.item == one.item);
    let new: Vec<&NewAssociation> = all.iter().filter(is_here).collect();
    let number = |one: &NewAssociation| file.properties.len() + 1 + one.added;
    let highest = new.iter().map(|one| number(one)).max().unwrap_or(0);
    if highest > MAX_WIDE {
        return Err(HeifLimit::Construction("more properties than can be numbered"));
    }
    if highest > MAX_NARROW && !ipma.is_wide {
        return widened(bytes, ipma, &new, number).map(|edit| vec![edit]);
    }
    let mut edits = Vec::new();
    for one in new {
        let Some(entry) = ipma.entries.iter().find(|entry| entry.item == one.item) else {
            continue;
        };
        let code = code(number(one), ipma.is_wide);
        let place = entry.associations.get(one.position);
        let offset = place.map_or(entry.end, |place| place.at);
        if one.replaces {
            let old = bytes.get(offset..offset + code.len()).unwrap_or_default().to_vec();
            edits.push(Edit { offset, old, new: code });
            continue;
        }
        let count = u8::try_from(entry.associations.len() + 1)
            .map_err(|_| HeifLimit::Construction("more properties than an item may have"))?;
        edits.push(Edit { offset: entry.count_at, old: vec![count - 1], new: vec![count] });
        edits.push(Edit { offset, old: Vec::new(), new: code });
    }
    Ok(edits)
}

/// An association with an essential property, as rotations must be (ISO 23008-12 section 6.5.10).
fn code(number: usize, is_wide: bool) -> Vec<u8> {
    if is_wide {
        (number as u16 | 0x8000).to_be_bytes().to_vec()
    } else {
        vec![number as u8 | 0x80]
    }
}

/// The whole box with two bytes an association instead of one.
fn widened(
    bytes: &[u8],
    ipma: &Ipma,
    new: &[&NewAssociation],
    number: impl Fn(&NewAssociation) -> usize,
) -> Result<Edit, HeifLimit> {
    let payload = ipma.whole.payload.clone();
    let old = bytes.get(payload.clone()).unwrap_or_default().to_vec();
    // Version, flags and the number of entries.
    let mut out = old.get(..8).ok_or(HeifLimit::Malformed("ipma"))?.to_vec();
    out[3] |= 1;
    for entry in &ipma.entries {
        let id = entry.item.to_be_bytes();
        out.extend_from_slice(if ipma.has_long_ids { &id } else { &id[2..] });
        let mut codes: Vec<u16> = entry.associations.iter().map(wide).collect();
        for one in new.iter().filter(|one| one.item == entry.item) {
            let code = number(one) as u16 | 0x8000;
            match codes.get_mut(one.position) {
                Some(there) if one.replaces => *there = code,
                _ => codes.insert(one.position.min(codes.len()), code),
            }
        }
        let count = u8::try_from(codes.len());
        out.push(
            count.map_err(|_| HeifLimit::Construction("more properties than an item may have"))?,
        );
        out.extend(codes.into_iter().flat_map(u16::to_be_bytes));
    }
    Ok(Edit { offset: payload.start, old, new: out })
}

fn wide(association: &crate::format::heif::Association) -> u16 {
    association.index as u16 | if association.is_essential { 0x8000 } else { 0 }
}

/// Room right behind `meta` that takes the growth, so that nothing moves.
fn spare(bytes: &[u8], file: &Heif, growth: usize) -> Option<Edit> {
    let free = file.top.iter().find(|found| found.start == file.meta.payload.end)?;
    let header = 8;
    let size = free.payload.end - free.start;
    let is_plain =
        matches!(&free.kind, b"free" | b"skip") && free.payload.start - free.start == header;
    let left = size.checked_sub(growth).filter(|left| is_plain && *left >= header)?;
    // One that reaches to the end of the file says nothing of its size.
    let old = bytes.get(free.start..free.start + header + growth)?.to_vec();
    if old[..4] == [0; 4] {
        return None;
    }
    let size = u32::try_from(left).ok()?.to_be_bytes();
    Some(Edit { offset: free.start, old, new: [&size[..], &free.kind].concat() })
}

/// May everything behind `meta` move?
fn may_move(bytes: &[u8], file: &Heif) -> Result<(), HeifLimit> {
    if file.end < bytes.len() {
        return Err(HeifLimit::TrailingData);
    }
    let behind = file.top.iter().filter(|found| found.start >= file.meta.payload.end);
    for found in behind {
        let is_xmp = found.kind == *b"uuid" && bytes[found.payload.clone()].starts_with(XMP);
        if !is_xmp && !MOVABLE.contains(&&found.kind) {
            return Err(HeifLimit::Construction("a box of unknown meaning would move"));
        }
    }
    Ok(())
}

/// The offsets in `iloc` of what `edits` move.
fn moved_offsets(bytes: &[u8], file: &Heif, edits: &[Edit]) -> Result<Vec<Edit>, HeifLimit> {
    let mut moved = Vec::new();
    for location in &file.locations {
        match (location.method, location.data_reference) {
            // Those count from idat or from another item, and move with them.
            (1 | 2, 0) => {}
            (0, 0) => moved.extend(moved_location(bytes, location, edits)?),
            _ => return Err(HeifLimit::Construction("data in another file")),
        }
    }
    Ok(moved)
}

fn moved_location(
    bytes: &[u8],
    location: &Location,
    edits: &[Edit],
) -> Result<Vec<Edit>, HeifLimit> {
    let outside = HeifLimit::Malformed("an item's data lies outside the file");
    let ranges = location.ranges_in(&(0..bytes.len())).ok_or(outside)?;
    let shifts: Vec<u64> =
        ranges.iter().map(|range| shift(range, edits)).collect::<Result<_, _>>()?;
    if shifts.iter().all(|shift| *shift == 0) {
        return Ok(Vec::new());
    }
    let is_one_shift = shifts.windows(2).all(|pair| pair[0] == pair[1]);
    if let (true, Some(shift), 1..) = (is_one_shift, shifts.first(), location.base.width) {
        return Ok(vec![changed(location.base, *shift)?]);
    }
    let offsets = location.extents.iter().zip(&shifts).filter(|(_, shift)| **shift > 0);
    offsets.map(|(extent, shift)| changed(extent.offset, *shift)).collect()
}

/// By how much a range moves.
fn shift(range: &std::ops::Range<usize>, edits: &[Edit]) -> Result<u64, HeifLimit> {
    let mut grown = 0usize;
    let mut shrunk = 0usize;
    for edit in edits.iter().filter(|edit| edit.old.len() != edit.new.len()) {
        let end = edit.offset + edit.old.len();
        if end <= range.start {
            grown += edit.new.len();
            shrunk += edit.old.len();
        } else if edit.offset < range.end {
            return Err(HeifLimit::Construction("an item's data lies where the file grows"));
        }
    }
    let shift = grown.checked_sub(shrunk).ok_or(HeifLimit::Construction("data would move back"))?;
    Ok(shift as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_within_their_width() {
        let field = |width, value| Field { at: 5, width, value };
        let edit = |old: &[u8], new: &[u8]| Edit { offset: 5, old: old.into(), new: new.into() };
        let most = u64::from(u32::MAX);
        assert_eq!(changed(field(4, 255), 1), Ok(edit(&[0, 0, 0, 255], &[0, 0, 1, 0])));
        assert_eq!(
            changed(field(8, most), 1).map(|edit| edit.new),
            Ok(vec![0, 0, 0, 1, 0, 0, 0, 0])
        );
        for (width, value, by) in [(4, most, 1), (8, u64::MAX, 1), (0, 0, 1)] {
            assert!(changed(field(width, value), by).is_err(), "{width}");
        }
    }
}
