//! What follows the end of a JPEG picture: padding, further pictures, films. Bytes inserted before it
//! move it, which is only sound where nothing counts on its distance from the start of the file.

use std::ops::Range;

use super::layout::layout;

/// How trailers end that are found from there, and whose places count from there: Samsung's, Photo
/// Mechanic's, FotoStation's (exiftool, `Samsung.pm`, `PhotoMechanic.pm`, `FotoStation.pm`).
const ENDS: [&[u8]; 3] = [b"SEFT", b"cbipcbbl", &[0xA1, 0xB2, 0xC3, 0xD4]];

/// One whose places count from the start of the file (exiftool, `AFCP.pm`).
const AFCP: [&[u8]; 2] = [b"AXS!", b"AXS*"];

/// Some transfers and cameras fill a file up with zeros, and editors end it with a line break.
pub fn is_padding(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, 0 | b'\n' | b'\r' | b'\t' | b' '))
}

/// Where the parts behind `end` begin, if all of them are of kinds that may move: padding, JPEG
/// pictures, and a film or a known trailer up to the end of the file, as Motion Photos have it. Their
/// places are counted from the end of the file, from their own start, or by a multi-picture index
/// (`indexed`, in file order), which can be kept in step.
pub fn parts_behind(bytes: &[u8], end: usize, indexed: &[Range<usize>]) -> Option<Vec<usize>> {
    let mut parts = Vec::new();
    let mut at = end;
    loop {
        let rest = bytes.get(at..)?;
        let n_padding = rest.iter().take_while(|byte| is_padding(&[**byte])).count();
        let rest = &rest[n_padding..];
        if rest.is_empty() {
            return Some(parts);
        }
        let start = at + n_padding;
        // A film begins with a length of four bytes, all of which may look like padding.
        let film = start.saturating_sub(4).max(end)..start + 1;
        let is_film = film.clone().any(|at| bytes.get(at + 4..at + 8) == Some(b"ftyp"));
        if is_film || is_known_trailer(rest) {
            parts.extend(film);
            parts.push(end);
            return Some(parts);
        }
        parts.push(start);
        let by_index = indexed.iter().find(|part| part.start == start && part.end > start);
        at = match by_index {
            Some(part) => part.end.min(bytes.len()),
            None => start + layout(rest).ok()?.end?,
        };
    }
}

fn is_known_trailer(rest: &[u8]) -> bool {
    let counts_from_start = || rest.windows(4).any(|window| AFCP.contains(&window));
    ENDS.iter().any(|end| rest.ends_with(end)) && !counts_from_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: &[u8] = &[0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 1, 0xFF, 0xD9];

    #[test]
    fn known_parts_may_move_and_others_may_not() {
        let film = b"\0\0\0\x18ftypmp42\0\0\0\0";
        for (name, trailer, n_parts) in [
            ("nothing", Vec::new(), Some(0)),
            ("zeros and a line break", b"\0\0\0\r\n".to_vec(), Some(0)),
            ("a picture", PICTURE.to_vec(), Some(1)),
            ("two, padded", [b"\0\0", PICTURE, b"\0", PICTURE].concat(), Some(2)),
            ("text", b"a film".to_vec(), None),
            ("a picture and text", [PICTURE, b"text"].concat(), None),
            ("AFCP", b"AXS!\0\0\0\x40 cbipcbbl".to_vec(), None),
            ("half a picture", PICTURE[..6].to_vec(), None),
        ] {
            let bytes = [PICTURE, &trailer].concat();
            let found = parts_behind(&bytes, PICTURE.len(), &[]);
            assert_eq!(found.map(|parts| parts.len()), n_parts, "{name}");
        }
        let long_film = b"\0\0\0\x20ftypmp42\0\0\0\0";
        for trailer in [&film[..], long_film, b"\0\0\x30\x0Ablock SEFH SEFT", b"\x1C\x02cbipcbbl"] {
            let bytes = [PICTURE, trailer].concat();
            let parts = parts_behind(&bytes, PICTURE.len(), &[]).expect("may move");
            assert!(parts.contains(&PICTURE.len()));
        }
    }

    #[test]
    fn a_part_of_the_index_ends_where_it_says() {
        let bytes = [PICTURE, &PICTURE[..6], b"\0\0"].concat();
        let part = PICTURE.len()..PICTURE.len() + 6;
        assert_eq!(
            parts_behind(&bytes, PICTURE.len(), std::slice::from_ref(&part)),
            Some(vec![part.start])
        );
        let beyond = part.start..usize::MAX;
        assert_eq!(parts_behind(&bytes, PICTURE.len(), &[beyond]), Some(vec![part.start]));
    }
}
