//! A JPEG file as a strict decoder takes it. People's files have oddities that every viewer shows
//! without a word, but that libjpeg-turbo reports in the same way as damage: bytes between the segments
//! of the header, an unknown JFIF revision or Adobe transform, a height that comes behind the picture
//! (DNL, T.81 section B.2.5), no end-of-image marker behind a whole picture.

use std::borrow::Cow;

use super::layout::{APP0, EOI, Layout, SOS, Segment, header, layout};
use super::trailer::is_padding;

const APP14: u8 = 0xEE;
const DNL: u8 = 0xDC;
const PROGRESSIVE: [u8; 3] = [0xC2, 0xCA, 0xC6];

/// The same picture without these oddities, for a decoder only; `bytes` where it has none of them.
pub fn readable(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Ok(layout) = header(bytes) else { return Cow::Borrowed(bytes) };
    let Some(scan) = layout.scan else { return Cow::Borrowed(bytes) };
    let mut new = vec![0xFF, 0xD8];
    let mut is_odd = !layout.is_tidy;
    for segment in &layout.header {
        let old = &bytes[segment.payload.start - 2..segment.payload.end];
        new.extend([0xFF, segment.marker]);
        let start = new.len();
        new.extend(old);
        tidy(&mut new[start + 2..], segment, &layout, bytes);
        is_odd |= new[start..] != *old;
    }
    let is_ended =
        ends_in_marker(bytes) || self::layout(bytes).is_ok_and(|found| found.end.is_some());
    let lacks_end = !is_ended && has_all_scans(bytes, &layout);
    if !is_odd && !lacks_end {
        return Cow::Borrowed(bytes);
    }
    new.extend(&bytes[scan..]);
    if lacks_end {
        let n_bytes = new.len();
        new.extend([0xFF, EOI]);
        // Not within a segment that is cut short.
        let is_ended = self::layout(&new).is_ok_and(|layout| layout.end.is_some());
        new.truncate(if is_ended { new.len() } else { n_bytes });
        is_odd |= is_ended;
    }
    if is_odd { Cow::Owned(new) } else { Cow::Borrowed(bytes) }
}

/// Most files do, and need not be walked.
fn ends_in_marker(bytes: &[u8]) -> bool {
    let end = bytes.iter().rposition(|byte| !is_padding(&[*byte])).map_or(0, |last| last + 1);
    bytes[..end].ends_with(&[0xFF, EOI])
}

fn tidy(payload: &mut [u8], segment: &Segment, layout: &Layout, bytes: &[u8]) {
    let frame = layout.frames().next();
    match (segment.marker, payload) {
        // The revision's first number (JFIF 1.02): decoders read all alike.
        (APP0, [b'J', b'F', b'I', b'F', 0, major, ..]) => *major = 1,
        // The transform: 0 none, 1 YCbCr, 2 YCCK (Adobe technical note 5116); decoders take unknown
        // ones for the usual one.
        (APP14, [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..]) => {
            let n_components = frame.and_then(|frame| bytes[frame.payload.clone()].get(5).copied());
            let usual = if n_components == Some(4) { 2 } else { 1 };
            if *transform != 0 {
                *transform = usual;
            }
        }
        (_, [_, high @ 0, low @ 0, ..]) if frame == Some(segment) => {
            if let Some([h, l]) = height_behind(bytes, layout) {
                *high = h;
                *low = l;
            }
        }
        _ => {}
    }
}

/// What the DNL segment behind the first scan says.
fn height_behind(bytes: &[u8], layout: &Layout) -> Option<[u8; 2]> {
    let behind = layout.from_first_scan(bytes).nth(1).filter(|segment| segment.marker == DNL)?;
    bytes[behind.payload].first_chunk().copied()
}

/// Has every component been sent in full, as far as the scans' headers tell? The last scan's data may
/// still be cut short, which the decoder then sees.
fn has_all_scans(bytes: &[u8], layout: &Layout) -> bool {
    let Some(frame) = layout.frames().next() else { return false };
    let is_progressive = PROGRESSIVE.contains(&frame.marker);
    let components = bytes[frame.payload.clone()].get(6..).unwrap_or_default();
    let components = components.as_chunks::<3>().0.iter().map(|component| component[0]);
    // By component: which of its 64 coefficients have their last bit.
    let mut sent: Vec<(u8, u64)> = components.map(|id| (id, 0)).collect();
    for scan in layout.from_first_scan(bytes).filter(|segment| segment.marker == SOS) {
        let header = &bytes[scan.payload];
        let n_components = usize::from(header.first().copied().unwrap_or(0));
        let coefficients = match header.get(1 + 2 * n_components..) {
            Some([first, last, low, ..]) if is_progressive => coefficients(*first, *last, *low),
            _ => u64::MAX,
        };
        let ids = header.get(1..).unwrap_or_default().as_chunks::<2>().0.iter().take(n_components);
        for [id, _] in ids {
            let sent = sent.iter_mut().filter(|(known, _)| known == id);
            sent.for_each(|(_, sent)| *sent |= coefficients);
        }
    }
    !sent.is_empty() && sent.iter().all(|(_, sent)| *sent == u64::MAX)
}

/// Those from `first` to `last`, if this is the scan with their lowest bit.
fn coefficients(first: u8, last: u8, bits: u8) -> u64 {
    if bits & 0x0F != 0 || first > last || last > 63 {
        return 0;
    }
    (u64::MAX >> (63 - last)) & (u64::MAX << first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len() + 2).expect("short").to_be_bytes();
        [&[0xFF, marker], &length[..], payload].concat()
    }

    fn frame(marker: u8, height: u8) -> Vec<u8> {
        segment(marker, &[8, 0, height, 0, 9, 2, 1, 0x11, 0, 2, 0x11, 1])
    }

    fn scan(ids: &[u8], first: u8, last: u8, bits: u8) -> Vec<u8> {
        let components = ids.iter().flat_map(|id| [*id, 0]);
        let header: Vec<u8> = std::iter::once(ids.len() as u8).chain(components).collect();
        [segment(SOS, &[&header[..], &[first, last, bits]].concat()), vec![1, 0xFF, 0, 2]].concat()
    }

    fn jpeg(parts: &[Vec<u8>]) -> Vec<u8> {
        [&[0xFF, 0xD8][..], &parts.concat()].concat()
    }

    const END: [u8; 2] = [0xFF, 0xD9];

    #[test]
    fn oddities_go_and_nothing_else_changes() {
        let jfif =
            |major| segment(APP0, &[b'J', b'F', b'I', b'F', 0, major, 2, 0, 0, 1, 0, 1, 0, 0]);
        let adobe =
            |transform| segment(APP14, &[&b"Adobe\0\x64\0\0\0\0"[..], &[transform]].concat());
        let all = scan(&[1, 2], 0, 63, 0);
        let plain = jpeg(&[jfif(1), adobe(1), frame(0xC0, 5), all.clone(), END.to_vec()]);
        assert!(matches!(readable(&plain), Cow::Borrowed(_)));
        let dnl = |height| [frame(0xC0, height), all.clone(), segment(DNL, &[0, 5]), END.to_vec()];
        for (name, odd, tidy) in [
            (
                "bytes",
                jpeg(&[
                    jfif(1),
                    vec![0, 0, 3],
                    adobe(1),
                    frame(0xC0, 5),
                    all.clone(),
                    END.to_vec(),
                ]),
                plain.clone(),
            ),
            (
                "JFIF",
                jpeg(&[jfif(2), adobe(1), frame(0xC0, 5), all.clone(), END.to_vec()]),
                plain.clone(),
            ),
            (
                "Adobe",
                jpeg(&[jfif(1), adobe(7), frame(0xC0, 5), all.clone(), END.to_vec()]),
                plain.clone(),
            ),
            ("no end", jpeg(&[jfif(1), adobe(1), frame(0xC0, 5), all.clone()]), plain.clone()),
            ("DNL", jpeg(&dnl(0)), jpeg(&dnl(5))),
        ] {
            assert_eq!(readable(&odd), tidy, "{name}");
        }
    }

    #[test]
    fn an_end_is_added_to_whole_pictures_only() {
        let first = scan(&[1, 2], 0, 0, 1);
        let rest = [scan(&[1], 1, 63, 0), scan(&[2], 1, 63, 0)].concat();
        for (name, parts, is_whole) in [
            ("baseline", vec![frame(0xC0, 5), scan(&[1, 2], 0, 63, 0)], true),
            ("one component of two", vec![frame(0xC0, 5), scan(&[1], 0, 63, 0)], false),
            (
                "one after the other",
                vec![frame(0xC0, 5), scan(&[1], 0, 63, 0), scan(&[2], 0, 63, 0)],
                true,
            ),
            (
                "progressive",
                vec![frame(0xC2, 5), first.clone(), rest.clone(), scan(&[1, 2], 0, 0, 0x10)],
                true,
            ),
            ("its last bit is missing", vec![frame(0xC2, 5), first, rest], false),
        ] {
            let cut = jpeg(&parts);
            let expected = if is_whole { [&cut[..], &END].concat() } else { cut.clone() };
            assert_eq!(readable(&cut), expected, "{name}");
        }
    }

    #[test]
    fn wild_bytes_never_panic() {
        let jfif = segment(APP0, b"JFIF\0\x02");
        let whole =
            jpeg(&[jfif, vec![9], frame(0xC2, 0), scan(&[1], 0, 63, 0), segment(DNL, &[0, 5])]);
        for n in 0..whole.len() {
            readable(&whole[..n]);
            let mut wild = whole.clone();
            wild[n] = 0xFF;
            readable(&wild);
        }
    }
}
