//! Proves of a turned file that it is the old one but for the turn, by taking both apart: the same items
//! with the same bytes and properties, and the same boxes. It knows nothing of how the turn was made.

use std::ops::Range;

use super::in_step;
use crate::format::heif::{
    self, Association, Entry, Heif, HeifLimit, Item, Location, Transformation,
};
use crate::format::isobmff::{self, Box4};
use crate::orientation::{Orientation, Turn};

/// Bytes of EXIF that say an orientation: a field, or two that say the same, each of twelve bytes.
const MOST_OF_METADATA: usize = 24;

/// One of the two files.
#[derive(Clone, Copy)]
struct Side<'a> {
    file: &'a Heif,
    bytes: &'a [u8],
}

/// # Errors
/// Returns an error if `new` is not `old` but for the turn.
pub(super) fn prove(old: &[u8], new: &[u8], turn: Turn) -> Result<(), HeifLimit> {
    let not = HeifLimit::NotProved;
    let before = heif::read(old)?;
    let after = heif::read(new).map_err(|_| not("its boxes do not read back"))?;
    let turned = in_step::items(old, &before)?;
    let old_side = Side { file: &before, bytes: old };
    let new_side = Side { file: &after, bytes: new };
    let checks = [
        (same_items(old_side, new_side), "other items are in it"),
        (same_heads(old_side, new_side), "boxes are of other versions"),
        (same_data(old_side, new_side), "an item has other data"),
        (same_boxes(old_side, new_side), "other boxes differ"),
        (same_properties(old_side, new_side), "an item has other properties"),
        (are_turned(old_side, new_side, &turned, turn), "an item is not turned as it should be"),
    ];
    if let Some((_, what)) = checks.into_iter().find(|(holds, _)| !holds) {
        return Err(not(what));
    }
    let stored = |bytes| isobmff::primary(bytes).map(|primary| primary.stored);
    let expected = stored(old).map(|stored| stored.then(turn.orientation()));
    if stored(new) == expected { Ok(()) } else { Err(not("it is not shown turned")) }
}

fn same_items(old: Side<'_>, new: Side<'_>) -> bool {
    old.file.primary == new.file.primary
        && old.file.items.iter().map(named).eq(new.file.items.iter().map(named))
        && old.file.references == new.file.references
        && old.file.locations.iter().map(located).eq(new.file.locations.iter().map(located))
}

fn located(location: &Location) -> (u32, u16, u16, Vec<u64>) {
    let lengths = location.extents.iter().map(|extent| extent.length).collect();
    (location.item, location.method, location.data_reference, lengths)
}

/// Versions and flags of the boxes whose contents are compared otherwise; one flag of `ipma` is how wide its
/// numbers are.
fn same_heads(old: Side<'_>, new: Side<'_>) -> bool {
    let heads = |side: Side<'_>| {
        let iloc = side.file.children.iter().filter(|child| child.kind == *b"iloc");
        let boxes = iloc.chain([&side.file.meta]).map(|found| (found, 0));
        let ipmas = side.file.ipmas.iter().map(|ipma| (&ipma.whole, 1));
        let head = |(found, ignored): (&Box4, u8)| {
            let head = side.at(found.payload.start..found.payload.start + 4);
            head.iter().rev().zip([ignored, 0, 0, 0]).map(|(byte, mask)| byte & !mask).collect()
        };
        boxes.chain(ipmas).map(head).collect::<Vec<Vec<u8>>>()
    };
    heads(old) == heads(new)
}

fn named(item: &Item) -> (u32, [u8; 4], bool) {
    (item.id, item.kind, item.is_hidden)
}

impl<'a> Side<'a> {
    fn data(self, item: u32) -> Option<Vec<Range<usize>>> {
        self.file.data(item, self.bytes.len())
    }

    fn at(self, range: Range<usize>) -> &'a [u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    fn entries(self) -> impl Iterator<Item = &'a Entry> {
        self.file.ipmas.iter().flat_map(|ipma| &ipma.entries)
    }

    /// The properties of an entry as they stand in the file, without rotations.
    fn kept(self, entry: &'a Entry) -> impl Iterator<Item = (&'a [u8], bool)> {
        let is_turn = move |one: &&Association| {
            matches!(self.file.transformation(self.bytes, one), Some(Transformation::Turn(_)))
        };
        entry.associations.iter().filter(move |one| !is_turn(one)).map(move |one| {
            let whole = self.file.property(one).map(Box4::whole);
            (whole.map_or(&[][..], |whole| self.at(whole)), one.is_essential)
        })
    }
}

/// Pictures have the bytes they had, in the same pieces; metadata may say another orientation.
fn same_data(old: Side<'_>, new: Side<'_>) -> bool {
    old.file.items.iter().all(|item| {
        let (Some(before), Some(after)) = (old.data(item.id), new.data(item.id)) else {
            return old.data(item.id).is_none() && new.data(item.id).is_none();
        };
        let most = if item.is_picture() { 0 } else { MOST_OF_METADATA };
        before.len() == after.len()
            && before.into_iter().zip(after).all(|(before, after)| {
                let before = old.at(before);
                let after = new.at(after);
                before == after
                    || (before.len() == after.len() && differing(before, after).count() <= most)
            })
    })
}

fn differing<'a>(old: &'a [u8], new: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    old.iter().zip(new).enumerate().filter(|(_, (old, new))| old != new).map(|(at, _)| at)
}

/// The same boxes in the same order. Those that hold what was compared otherwise may differ: `meta` and in it
/// `iprp` and `iloc`, and data of items. So may the room right behind `meta`.
fn same_boxes(old: Side<'_>, new: Side<'_>) -> bool {
    let metadata: Vec<Range<usize>> = old
        .file
        .items
        .iter()
        .filter(|item| !item.is_picture())
        .filter_map(|item| old.data(item.id))
        .flatten()
        .collect();
    let is_metadata = |at: usize| metadata.iter().any(|range| range.contains(&at));
    let same = |before: &Box4, after: &Box4| {
        let before_bytes = old.at(before.whole());
        let after_bytes = new.at(after.whole());
        let has_data = matches!(&before.kind, b"mdat" | b"idat");
        before_bytes == after_bytes
            || (has_data
                && before_bytes.len() == after_bytes.len()
                && differing(before_bytes, after_bytes).all(|at| is_metadata(before.start + at)))
    };
    let is_room = |found: &Box4| {
        found.start == old.file.meta.payload.end && matches!(&found.kind, b"free" | b"skip")
    };
    let all = |before: &[Box4], after: &[Box4]| {
        before.len() == after.len()
            && before.iter().zip(after).all(|(before, after)| {
                let is_compared = matches!(&before.kind, b"meta" | b"iprp" | b"iloc");
                before.kind == after.kind && (is_compared || is_room(before) || same(before, after))
            })
    };
    all(&old.file.top, &new.file.top)
        && all(&old.file.children, &new.file.children)
        && old.at(old.file.end..old.bytes.len()) == new.at(new.file.end..new.bytes.len())
}

/// Every item has the properties it had, in the same order, but for rotations.
fn same_properties(old: Side<'_>, new: Side<'_>) -> bool {
    old.file.ipmas.len() == new.file.ipmas.len()
        && old.entries().count() == new.entries().count()
        && old.entries().zip(new.entries()).all(|(before, after)| {
            before.item == after.item && old.kept(before).eq(new.kept(after))
        })
}

/// The items of `turned` are shown turned, and no other.
fn are_turned(old: Side<'_>, new: Side<'_>, turned: &[u32], turn: Turn) -> bool {
    old.file.items.iter().all(|item| {
        let next = match turned.contains(&item.id) {
            true => turn.orientation(),
            false => Orientation::UPRIGHT,
        };
        let before = old.file.stored(old.bytes, item.id);
        new.file.stored(new.bytes, item.id) == before.then(next)
    })
}
