//! JPEG 2000 (ISO/IEC 15444-1): where the codestream is, and whether it is whole. The decoder shows what there is
//! of one that is cut short.

use std::ops::Range;

use super::isobmff::boxes;

/// A codestream without a container: its start, and the size of its picture (annex A.4).
pub const CODESTREAM: &[u8] = b"\xFF\x4F\xFF\x51";

const END_OF_CODESTREAM: &[u8] = b"\xFF\xD9";

/// Is there a codestream, and does it come to its end?
pub fn is_whole(bytes: &[u8]) -> bool {
    let codestream = codestream(bytes).and_then(|range| bytes.get(range)).unwrap_or_default();
    let n_padding = codestream.iter().rev().take_while(|byte| **byte == 0).count();
    codestream[..codestream.len() - n_padding].ends_with(END_OF_CODESTREAM)
}

fn codestream(bytes: &[u8]) -> Option<Range<usize>> {
    if bytes.starts_with(CODESTREAM) {
        return Some(0..bytes.len());
    }
    let mut found = boxes(bytes, 0..bytes.len());
    found.find(|found| found.kind == *b"jp2c").map(|found| found.payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_tells_whether_it_is_whole() {
        let codestream = [CODESTREAM, b"\0\x2F\x01\x02\xFF\xD9"].concat();
        let boxed = [&b"\0\0\0\x0CjP  \x0D\x0A\x87\x0A\0\0\0\x12jp2c"[..], &codestream].concat();
        assert!(is_whole(&codestream) && is_whole(&boxed));
        assert!(is_whole(&[&codestream[..], &[0; 3]].concat()));
        for whole in [codestream, boxed] {
            for n in 0..whole.len() {
                assert!(!is_whole(&whole[..n]), "{n} bytes of {}", whole.len());
            }
        }
    }
}
