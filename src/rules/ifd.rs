//! Directories of a TIFF structure (TIFF 6.0 section 2): where each field is, without interpreting it.

use super::exif::ExifError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    Little,
    Big,
}

/// Field types of the values that are read here.
pub const SHORT: u16 = 3;
pub const LONG: u16 = 4;
pub const ENTRY_LEN: usize = 12;

/// A TIFF structure: a whole TIFF file, or an EXIF block without its header.
#[derive(Clone, Copy, Debug)]
pub struct Structure<'a> {
    pub bytes: &'a [u8],
    pub endian: Endian,
}

/// One field of a directory. Offsets count from the start of the structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub tag: u16,
    pub kind: u16,
    pub count: u32,
    /// Where the entry is; its value field is 8 bytes on.
    pub at: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    pub at: usize,
    pub entries: Vec<Entry>,
    /// Where the offset of the next directory is written, and that offset; 0: there is none.
    pub next_at: usize,
    pub next: u32,
}

impl Directory {
    pub fn find(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }
}

impl<'a> Structure<'a> {
    /// # Errors
    /// Where the bytes do not begin as a classic TIFF structure does.
    pub fn new(bytes: &'a [u8]) -> Result<Self, ExifError> {
        let endian = match bytes.get(..4) {
            Some(b"II\x2A\0") => Endian::Little,
            Some(b"MM\0\x2A") => Endian::Big,
            _ => return Err(ExifError::Malformed(0)),
        };
        Ok(Self { bytes, endian })
    }

    /// # Errors
    /// Where it does not lie within the structure.
    pub fn first(&self) -> Result<Directory, ExifError> {
        self.directory(self.u32_at(4)?)
    }

    /// # Errors
    /// Where it does not lie within the structure.
    pub fn directory(&self, at: u32) -> Result<Directory, ExifError> {
        let at = usize::try_from(at).map_err(|_| ExifError::Malformed(4))?;
        let n_entries = usize::from(self.u16_at(at)?);
        let mut entries = Vec::with_capacity(n_entries);
        for entry_idx in 0..n_entries {
            let at = at + 2 + entry_idx * ENTRY_LEN;
            let (tag, kind) = (self.u16_at(at)?, self.u16_at(at + 2)?);
            entries.push(Entry { tag, kind, count: self.u32_at(at + 4)?, at });
            self.u32_at(at + 8)?; // The value field, too, must be there.
        }
        let next_at = at + 2 + n_entries * ENTRY_LEN;
        // Some writers end the block without saying that there is no further directory.
        Ok(Directory { at, entries, next_at, next: self.u32_at(next_at).unwrap_or(0) })
    }

    /// A single SHORT or LONG; `None` for anything else.
    pub fn number(&self, entry: &Entry) -> Option<u32> {
        match (entry.kind, entry.count) {
            (SHORT, 1) => self.u16_at(entry.at + 8).ok().map(u32::from),
            (LONG, 1) => self.u32_at(entry.at + 8).ok(),
            _ => None,
        }
    }

    /// Where a value of `count` bytes is; `None` where it does not lie within the structure.
    pub fn byte_values(&self, entry: &Entry) -> Option<std::ops::Range<usize>> {
        let len = usize::try_from(entry.count).ok()?;
        let at = if len <= 4 {
            entry.at + 8
        } else {
            usize::try_from(self.u32_at(entry.at + 8).ok()?).ok()?
        };
        let end = at.checked_add(len)?;
        (end <= self.bytes.len()).then_some(at..end)
    }

    /// # Errors
    /// Past the end.
    pub fn u16_at(&self, at: usize) -> Result<u16, ExifError> {
        let raw = self.array_at(at)?;
        Ok(match self.endian {
            Endian::Little => u16::from_le_bytes(raw),
            Endian::Big => u16::from_be_bytes(raw),
        })
    }

    /// # Errors
    /// Past the end.
    pub fn u32_at(&self, at: usize) -> Result<u32, ExifError> {
        let raw = self.array_at(at)?;
        Ok(match self.endian {
            Endian::Little => u32::from_le_bytes(raw),
            Endian::Big => u32::from_be_bytes(raw),
        })
    }

    fn array_at<const N: usize>(&self, at: usize) -> Result<[u8; N], ExifError> {
        let end = at.checked_add(N).ok_or(ExifError::Malformed(at))?;
        let slice = self.bytes.get(at..end).ok_or(ExifError::Malformed(at))?;
        slice.try_into().map_err(|_| ExifError::Malformed(at))
    }

    /// `value` in this structure's byte order.
    pub fn short(&self, value: u16) -> [u8; 2] {
        match self.endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        }
    }

    /// `value` in this structure's byte order.
    pub fn long(&self, value: u32) -> [u8; 4] {
        match self.endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        }
    }
}
