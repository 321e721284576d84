//! Where the bytes of each item are: `iloc` (ISO 14496-12 section 8.11.3).

use std::ops::Range;

use crate::format::isobmff::{Box4, full};

/// More items, and pieces of one, than any program writes.
const MAX_ITEMS: u64 = 65_536;
const MAX_EXTENTS: u64 = 1024;

/// A big-endian number of `width` bytes at `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub at: usize,
    pub width: usize,
    pub value: u64,
}

/// A piece of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub offset: Field,
    /// Zero: up to the end.
    pub length: u64,
}

/// The pieces of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub item: u32,
    /// 0: offsets count from the start of the file; 1: of `idat`; 2: of another item.
    pub method: u16,
    /// Zero: this file.
    pub data_reference: u16,
    pub base: Field,
    pub extents: Vec<Extent>,
}

impl Location {
    /// Where the pieces are if offsets count from the start of `source`. `None` if one is not within.
    pub fn ranges_in(&self, source: &Range<usize>) -> Option<Vec<Range<usize>>> {
        let range = |extent: &Extent| {
            let offset = self.base.value.checked_add(extent.offset.value)?;
            let start = source.start.checked_add(usize::try_from(offset).ok()?)?;
            let end = match extent.length {
                0 => source.end,
                length => start.checked_add(usize::try_from(length).ok()?)?,
            };
            (start <= end && end <= source.end).then_some(start..end)
        };
        self.extents.iter().map(range).collect()
    }
}

/// Reads numbers one after the other, none beyond `end`.
struct Numbers<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl Numbers<'_> {
    fn field(&mut self, width: usize) -> Option<Field> {
        let at = self.at;
        let end = at.checked_add(width).filter(|end| *end <= self.end)?;
        let digits = self.bytes.get(at..end)?;
        let value = digits.iter().fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
        self.at = end;
        Some(Field { at, width, value })
    }

    fn value(&mut self, width: usize) -> Option<u64> {
        self.field(width).map(|field| field.value)
    }
}

/// Widths of the numbers of one box.
struct Widths {
    offset: usize,
    length: usize,
    base: usize,
    index: usize,
}

pub(super) fn locations(bytes: &[u8], iloc: &Box4) -> Option<Vec<Location>> {
    let (version, _, payload) = full(bytes, iloc.payload.clone())?;
    let mut numbers = Numbers { bytes, at: payload.start, end: payload.end };
    let widths = numbers.value(2)?;
    let nibble = |shift: u32| {
        let width = ((widths >> shift) & 15) as usize;
        matches!(width, 0 | 4 | 8).then_some(width)
    };
    let index = match version {
        0 => 0,
        1 | 2 => nibble(0)?,
        _ => return None,
    };
    let widths = Widths { offset: nibble(12)?, length: nibble(8)?, base: nibble(4)?, index };
    let id_width = if version < 2 { 2 } else { 4 };
    let n_items = numbers.value(id_width).filter(|n| *n <= MAX_ITEMS)?;
    (0..n_items).map(|_| location(&mut numbers, version, id_width, &widths)).collect()
}

fn location(
    numbers: &mut Numbers<'_>,
    version: u8,
    id_width: usize,
    widths: &Widths,
) -> Option<Location> {
    let item = u32::try_from(numbers.value(id_width)?).ok()?;
    let method = if version == 0 { 0 } else { u16::try_from(numbers.value(2)?).ok()? };
    let data_reference = u16::try_from(numbers.value(2)?).ok()?;
    let base = numbers.field(widths.base)?;
    let n_extents = numbers.value(2).filter(|n| *n <= MAX_EXTENTS)?;
    let extents = (0..n_extents).map(|_| {
        numbers.field(widths.index)?;
        let offset = numbers.field(widths.offset)?;
        Some(Extent { offset, length: numbers.value(widths.length)? })
    });
    let extents: Option<Vec<Extent>> = extents.collect();
    Some(Location { item, method, data_reference, base, extents: extents? })
}
