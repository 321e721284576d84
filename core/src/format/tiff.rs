//! The directories of a TIFF structure (TIFF 6.0 section 2), as far as looking for things goes. Every
//! walk is bounded: a directory that is met again, or one too many, ends it.

use std::ops::Range;

/// More directories than any camera writes.
const MAX_DIRECTORIES: usize = 64;

/// More entries than any camera writes, maker notes included.
pub const MAX_ENTRIES: usize = 2000;

/// Bytes of one entry.
pub const ENTRY_LEN: usize = 12;

const SUB_IFDS: u16 = 0x014A;

/// Types of values (TIFF 6.0 page 15).
pub const BYTE: u16 = 1;
pub const ASCII: u16 = 2;
pub const SHORT: u16 = 3;
pub const LONG: u16 = 4;
pub const RATIONAL: u16 = 5;
pub const SBYTE: u16 = 6;
pub const UNDEFINED: u16 = 7;
pub const SSHORT: u16 = 8;
pub const SLONG: u16 = 9;

/// Byte order and bytes of a TIFF structure; offsets count from its start.
#[derive(Clone, Copy, Debug)]
pub struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

/// Twelve bytes of a directory as they stand there, whether or not they make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub tag: u16,
    pub kind: u16,
    pub count: u32,
    /// Where its last four bytes are: the value, or where to find it.
    pub inside: usize,
}

/// One field of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub tag: u16,
    pub kind: u16,
    pub count: u32,
    /// Where the value is.
    pub at: usize,
}

/// The fields of one directory, in file order.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    pub fields: Vec<Field>,
    /// Where the offset of the next directory is written; it may be past the end.
    pub next_at: usize,
}

impl<'a> Tiff<'a> {
    /// `None` if the first bytes are none of TIFF's, or of the raw formats that differ in the
    /// magic number only: Olympus (`IIRO`, `IIRS`, `MMOR`) and Panasonic (`IIU`).
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let little = match bytes.get(..4)? {
            b"II\x2A\0" | b"IIRO" | b"IIRS" | b"IIU\0" => true,
            b"MM\0\x2A" | b"MMOR" => false,
            _ => return None,
        };
        Some(Self { bytes, little })
    }

    /// The same bytes from `start` on, for structures whose offsets count from there.
    pub fn from(self, start: usize) -> Option<Self> {
        Some(Self { bytes: self.bytes.get(start..)?, ..self })
    }

    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Where the first directory is.
    pub fn first(self) -> Option<u32> {
        self.u32_at(4)
    }

    /// The first directory, those chained to it, and all their sub-directories; the first comes first.
    pub fn directories(self) -> Vec<Directory> {
        let Some(first) = self.first() else { return Vec::new() };
        let mut waiting = vec![first];
        let mut met = Vec::new();
        let mut found = Vec::new();
        while let Some(offset) = waiting.pop() {
            if met.contains(&offset) || found.len() == MAX_DIRECTORIES {
                continue;
            }
            met.push(offset);
            let Some((directory, next)) = self.directory(offset) else { continue };
            let below = directory.field(SUB_IFDS).map(|field| self.numbers(field, MAX_DIRECTORIES));
            let below = below.unwrap_or_default();
            // Taken from the end: the sub-directories in order, then what is chained.
            waiting.extend(next.filter(|next| *next != 0));
            waiting.extend(below.into_iter().rev());
            waiting.truncate(2 * MAX_DIRECTORIES);
            found.push(directory);
        }
        found
    }

    /// The directory at `offset`, and the offset of the next one. Fields whose value lies outside the
    /// file are left out; a directory that itself is cut short is `None`.
    pub fn directory(self, offset: u32) -> Option<(Directory, Option<u32>)> {
        let start = usize::try_from(offset).ok()?;
        let entries = self.entries(start)?;
        let n_entries = entries.len();
        let end = start.checked_add(2)?.checked_add(n_entries.checked_mul(ENTRY_LEN)?)?;
        if end > self.bytes.len() || n_entries > MAX_ENTRIES {
            return None;
        }
        let fields = entries.filter_map(|at| self.field(self.entry(at)?));
        let directory = Directory { fields: fields.collect(), next_at: end };
        Some((directory, self.u32_at(end)))
    }

    /// Where the entries of the directory at `start` are, as many as it says that there are; `None`
    /// where its count is past the end.
    pub fn entries(self, start: usize) -> Option<impl ExactSizeIterator<Item = usize>> {
        let n_entries = self.u16_at(start)?;
        let first = start.saturating_add(2);
        Some((0..n_entries).map(move |n| first.saturating_add(usize::from(n) * ENTRY_LEN)))
    }

    /// The entry at `at`, whatever it says; `None` if it is cut short.
    pub fn entry(self, at: usize) -> Option<Entry> {
        let inside = at.checked_add(8)?;
        self.bytes.get(inside..inside.checked_add(4)?)?;
        let tag = self.u16_at(at)?;
        let kind = self.u16_at(at + 2)?;
        let count = self.u32_at(at + 4)?;
        Some(Entry { tag, kind, count, inside })
    }

    /// Where the value of an entry is, and that it is there.
    pub fn field(self, entry: Entry) -> Option<Field> {
        let Entry { tag, kind, count, .. } = entry;
        let place = self.place(entry)?;
        (place.end <= self.bytes.len()).then_some(Field { tag, kind, count, at: place.start })
    }

    /// Where an entry says that its value is: in the entry itself, or where it points to, be it
    /// outside.
    pub fn place(self, entry: Entry) -> Option<Range<usize>> {
        let n_bytes = usize::try_from(entry.count).ok()?.checked_mul(size_of_kind(entry.kind)?)?;
        let inside = entry.inside;
        let at = if n_bytes <= 4 { inside } else { usize::try_from(self.u32_at(inside)?).ok()? };
        Some(at..at.checked_add(n_bytes)?)
    }

    /// The first value of a BYTE, SHORT or LONG field.
    pub fn number(self, field: &Field) -> Option<u32> {
        self.numbers(field, 1).first().copied()
    }

    /// The same of the field with this tag, if the directory has it.
    pub fn number_in(self, directory: &Directory, tag: u16) -> Option<u32> {
        self.number(directory.field(tag)?)
    }

    /// The first `most` values of a BYTE, SHORT, LONG or IFD field; none of any other.
    pub fn numbers(self, field: &Field, most: usize) -> Vec<u32> {
        let Some(size) = size_of_kind(field.kind) else { return Vec::new() };
        let count = usize::try_from(field.count).unwrap_or(usize::MAX).min(most);
        let value = |index: usize| -> Option<u32> {
            let at = field.at.checked_add(index.checked_mul(size)?)?;
            match field.kind {
                1 | 7 => self.bytes.get(at).map(|byte| u32::from(*byte)),
                3 => self.u16_at(at).map(u32::from),
                4 | 13 => self.u32_at(at),
                _ => None,
            }
        };
        (0..count).map_while(value).collect()
    }

    /// The bytes of a field, whatever its type, and where they are.
    pub fn value(self, field: &Field) -> Option<(usize, &'a [u8])> {
        let count = usize::try_from(field.count).ok()?;
        let n_bytes = count.checked_mul(size_of_kind(field.kind)?)?;
        Some((field.at, self.bytes.get(field.at..field.at.checked_add(n_bytes)?)?))
    }

    /// `value` in this structure's byte order.
    pub fn short(self, value: u16) -> [u8; 2] {
        if self.little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    /// `value` in this structure's byte order.
    pub fn long(self, value: u32) -> [u8; 4] {
        if self.little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    /// Where the low byte of the SHORT at `at` is.
    pub fn low_byte(self, at: usize) -> usize {
        if self.little { at } else { at + 1 }
    }

    /// The SHORT at `at`.
    pub fn u16_at(self, at: usize) -> Option<u16> {
        let raw = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.little { u16::from_le_bytes(raw) } else { u16::from_be_bytes(raw) })
    }

    /// The LONG at `at`.
    pub fn u32_at(self, at: usize) -> Option<u32> {
        let raw = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.little { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) })
    }
}

impl Directory {
    pub fn field(&self, tag: u16) -> Option<&Field> {
        self.fields.iter().find(|field| field.tag == tag)
    }
}

/// Bytes of one value (TIFF 6.0 page 15, and IFD from its supplement 1).
fn size_of_kind(kind: u16) -> Option<usize> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tag, type, count, value.
    type Entry = (u16, u16, u32, u32);

    /// Little-endian, the first directory at 8, each given by its entries and the offset of the next.
    fn tiff(directories: &[(&[Entry], u32)]) -> Vec<u8> {
        let mut out = b"II\x2A\0\x08\0\0\0".to_vec();
        for (entries, next) in directories {
            out.extend((entries.len() as u16).to_le_bytes());
            for (tag, kind, count, value) in *entries {
                out.extend(tag.to_le_bytes());
                out.extend(kind.to_le_bytes());
                out.extend(count.to_le_bytes());
                out.extend(value.to_le_bytes());
            }
            out.extend(next.to_le_bytes());
        }
        out
    }

    #[test]
    fn loops_and_absurd_counts_come_to_an_end() {
        let chained_to_itself = tiff(&[(&[(0x0112, 3, 1, 6)], 8)]);
        let parsed = Tiff::new(&chained_to_itself).expect("TIFF");
        let directories = parsed.directories();
        assert_eq!(directories.len(), 1);
        assert_eq!(directories[0].field(0x0112).and_then(|field| parsed.number(field)), Some(6));
        // Its own sub-directory, chained to another that is chained back.
        let knot = tiff(&[(&[(SUB_IFDS, 4, 1, 8)], 26), (&[(SUB_IFDS, 4, 1, 8)], 8)]);
        assert_eq!(Tiff::new(&knot).expect("TIFF").directories().len(), 2);
        let absurd = tiff(&[(&[(SUB_IFDS, 4, u32::MAX, 8), (1, 5, u32::MAX, 0)], 0)]);
        assert!(Tiff::new(&absurd).expect("TIFF").directories()[0].fields.is_empty());
        for n in 0..knot.len() {
            if let Some(cut) = Tiff::new(&knot[..n]) {
                cut.directories();
            }
        }
    }
}
