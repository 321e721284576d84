//! Canon's CR3 files (lclevy/canon_cr3), which are ISO base media files.

use std::ops::Range;

use super::isobmff::{boxes, find, number};

/// What of a CR3 file is of use here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Canon {
    /// A TIFF structure with the first directory.
    pub first_directory: Option<Range<usize>>,
    pub preview: Option<Range<usize>>,
}

const CANON_UUID: &[u8] = b"\x85\xC0\xB6\x87\x82\x0F\x11\xE0\x81\x11\xF4\xCE\x46\x2B\x6A\x48";
const PREVIEW_UUID: &[u8] = b"\xEA\xF4\x2B\x5E\x1C\x98\x4B\x88\xB9\xFB\xB7\xDC\x40\x6E\x4D\x16";

/// Takes a CR3 file apart.
pub fn canon(bytes: &[u8]) -> Canon {
    Canon { first_directory: canon_directory(bytes), preview: canon_preview(bytes) }
}

fn canon_directory(bytes: &[u8]) -> Option<Range<usize>> {
    let moov = find(bytes, 0..bytes.len(), b"moov")?;
    find(bytes, uuid(bytes, moov, CANON_UUID)?, b"CMT1")
}

fn canon_preview(bytes: &[u8]) -> Option<Range<usize>> {
    // Eight bytes come before the first box.
    let found = uuid(bytes, 0..bytes.len(), PREVIEW_UUID)?;
    let preview = find(bytes, found.start.checked_add(8)?..found.end, b"PRVW")?;
    // Width and height at 6 and 8, the length at 12, then the JPEG itself.
    let mut at = preview.start.checked_add(12)?;
    let length = usize::try_from(number(bytes, &mut at, 4)?).ok()?;
    let end = at.checked_add(length)?.min(preview.end);
    (at <= end).then_some(at..end)
}

/// The rest of the `uuid` box in `range` that begins with `id`.
fn uuid(bytes: &[u8], range: Range<usize>, id: &[u8]) -> Option<Range<usize>> {
    boxes(bytes, range).find_map(|found| {
        let payload = found.payload;
        let is_it = found.kind == *b"uuid" && bytes.get(payload.clone())?.starts_with(id);
        is_it.then_some(payload.start + id.len()..payload.end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 8).expect("short").to_be_bytes();
        [&length[..], kind, payload].concat()
    }

    #[test]
    fn both_parts_are_found_and_truncations_are_safe() {
        let directory = boxed(b"uuid", &[CANON_UUID, &boxed(b"CMT1", b"II*\0")].concat());
        let preview = boxed(b"PRVW", &[&[0; 12][..], &[0, 0, 0, 4], b"JPEG"].concat());
        let preview = boxed(b"uuid", &[PREVIEW_UUID, &[0; 8], &preview].concat());
        let whole = [boxed(b"moov", &directory), preview].concat();
        let found = canon(&whole);
        assert_eq!(&whole[found.first_directory.expect("CMT1")], b"II*\0");
        assert_eq!(&whole[found.preview.expect("PRVW")], b"JPEG");
        for n in 0..whole.len() {
            let cut = canon(&whole[..n]);
            let ranges = [cut.first_directory, cut.preview];
            assert!(ranges.into_iter().flatten().all(|range| range.end <= n), "{n} bytes");
        }
    }
}
