//! TIFF files (TIFF 6.0). The first page is what was looked at, so it is turned, with the reduced
//! copies of it that say the same; other pages are pictures of their own and stay as they are.

use super::exif::{self, ExifError, ORIENTATION};
use super::ifd::{Directory, ENTRY_LEN, SHORT, Structure};
use super::orientation::{Orientation, Turn};
use super::patch::{self, Edit, Patch, Refusal};

const NEW_SUBFILE_TYPE: u16 = 0x00FE;
const XMP: u16 = 0x02BC;
/// A C2PA manifest store (C2PA 2.1, section A.3.6).
const C2PA: u16 = 0xCD41;
const DNG_VERSION: u16 = 0xC612;

/// More pages than any scanner writes; a chain that is longer runs in a circle.
const MAX_PAGES: usize = 10_000;

/// Classic TIFF or BigTIFF.
pub fn is_tiff(bytes: &[u8]) -> bool {
    matches!(bytes.get(..4), Some(b"II\x2A\0" | b"MM\0\x2A" | b"II\x2B\0" | b"MM\0\x2B"))
}

/// Plans the turn: the field in place where there is one, else a copy of the first directory with
/// the field, put at the end of the file, so that nothing in it moves.
///
/// # Errors
/// The first reason found not to write this file.
pub fn plan_tag(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    if matches!(bytes.get(..4), Some(b"II\x2B\0" | b"MM\0\x2B")) {
        return Err(Refusal::BigTiff);
    }
    let file = Structure::new(bytes).map_err(malformed)?;
    let pages = pages(&file)?;
    let first = pages.first().ok_or(Refusal::Malformed { format: "TIFF", at: 4 })?;
    if first.find(DNG_VERSION).is_some() || bytes.get(8..10) == Some(b"CR") {
        return Err(Refusal::Raw);
    }
    if pages.iter().any(|page| page.find(C2PA).is_some()) {
        return Err(Refusal::Signed);
    }
    let field = exif::orientation_in(&file, first).map_err(Refusal::Exif)?;
    let from = Orientation::from_stored(field.map(|field| field.value));
    let to = from.then(turn.orientation());
    let mut edits = match field {
        Some(field) => vec![patch::overwrite(field, 0, to)?],
        None => append(&file, first, to)?,
    };
    for page in pages.iter().skip(1).filter(|page| is_reduced(&file, page)) {
        let copy = exif::orientation_in(&file, page).map_err(Refusal::Exif)?;
        if let (Some(copy), Some(field)) = (copy, field)
            && copy.value == field.value
        {
            edits.push(patch::overwrite(copy, 0, to)?);
        }
    }
    if let Some(entry) = first.find(XMP) {
        let packet = file.byte_values(entry).ok_or(Refusal::Xmp)?;
        edits.extend(patch::keep_in_step(bytes, &packet, to)?);
    }
    edits.sort_by_key(|edit| edit.offset);
    let overlap = edits.windows(2).any(|pair| match pair {
        [a, b] => a.offset + a.old.len() > b.offset,
        _ => false,
    });
    // Structures that lie over each other are no file that a program wrote.
    if overlap { Err(malformed(ExifError::Malformed(0))) } else { Ok(Patch { edits, from, to }) }
}

fn malformed(err: ExifError) -> Refusal {
    match err {
        ExifError::Malformed(at) => Refusal::Malformed { format: "TIFF", at },
        other => Refusal::Exif(other),
    }
}

fn pages(file: &Structure<'_>) -> Result<Vec<Directory>, Refusal> {
    let mut pages = vec![file.first().map_err(malformed)?];
    while let Some(&Directory { next, next_at, .. }) = pages.last()
        && next != 0
    {
        let seen = |page: &Directory| u32::try_from(page.at) == Ok(next);
        if pages.len() >= MAX_PAGES || pages.iter().any(seen) {
            return Err(Refusal::Malformed { format: "TIFF", at: next_at });
        }
        pages.push(file.directory(next).map_err(malformed)?);
    }
    Ok(pages)
}

fn is_reduced(file: &Structure<'_>, page: &Directory) -> bool {
    let kind = page.find(NEW_SUBFILE_TYPE).and_then(|entry| file.number(entry));
    kind.is_some_and(|kind| kind & 1 == 1)
}

/// The first directory again, with an Orientation in its place, at the end of the file (on a word
/// boundary, as TIFF wants it); the header then points there.
fn append(file: &Structure<'_>, first: &Directory, to: Orientation) -> Result<Vec<Edit>, Refusal> {
    let bytes = file.bytes;
    let end = bytes.len();
    let mut new = vec![0; end % 2];
    let at = u32::try_from(end + new.len()).map_err(|_| Refusal::NoRoom)?;
    let n_entries = u16::try_from(first.entries.len() + 1).map_err(|_| Refusal::NoRoom)?;
    new.extend_from_slice(&file.short(n_entries));
    let before = first.entries.iter().take_while(|entry| entry.tag < ORIENTATION).count();
    let entries = first.at + 2..first.next_at;
    let split = first.at + 2 + before * ENTRY_LEN;
    new.extend_from_slice(bytes.get(entries.start..split).ok_or(Refusal::NoEnd)?);
    new.extend_from_slice(&file.short(ORIENTATION));
    new.extend_from_slice(&file.short(SHORT));
    new.extend_from_slice(&file.long(1));
    new.extend_from_slice(&file.short(u16::from(to.to_exif())));
    new.extend_from_slice(&[0, 0]);
    new.extend_from_slice(bytes.get(split..entries.end).ok_or(Refusal::NoEnd)?);
    new.extend_from_slice(&file.long(first.next));
    let pointer = Edit { offset: 4, old: bytes[4..8].to_vec(), new: file.long(at).to_vec() };
    Ok(vec![pointer, Edit { offset: end, old: Vec::new(), new }])
}
