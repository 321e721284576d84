//! `tiff:Orientation` in an XMP packet: some programs prefer it to EXIF, so the two must agree.

use std::ops::Range;

use super::patch::Refusal;

/// What an XMP APP1 segment begins with, and one that continues a packet too large for 64 KiB.
pub const XMP_HEADER: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
pub const EXTENDED_XMP_HEADER: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";

const PROPERTY: &[u8] = b"tiff:Orientation";
const TIFF_NAMESPACE: &[u8] = b"http://ns.adobe.com/tiff/1.0/";

/// What a packet says of the orientation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XmpOrientation {
    Absent,
    /// One digit at this offset of the packet.
    Digit {
        value: u8,
        at: usize,
    },
    /// It says something that cannot be changed by overwriting one digit.
    Unclear,
}

/// Reads the packet as bytes: only the plain ways to write the property are understood, and
/// anything else that might be one counts as unclear.
pub fn find_orientation(packet: &[u8]) -> XmpOrientation {
    if other_prefix(packet) || is_utf16(packet) {
        return XmpOrientation::Unclear;
    }
    let mut found = XmpOrientation::Absent;
    for at in occurrences(packet, PROPERTY) {
        let closes = packet[..at].ends_with(b"</");
        let longer_name = packet.get(at + PROPERTY.len()).is_some_and(u8::is_ascii_alphanumeric);
        if closes || longer_name {
            continue;
        }
        let value = digit_after(packet, at + PROPERTY.len());
        found = match (found, value) {
            (XmpOrientation::Absent, Some((value, at))) => XmpOrientation::Digit { value, at },
            _ => return XmpOrientation::Unclear,
        };
    }
    found
}

/// The digit of `="6"`, `='6'` or `>6<` at `at`.
fn digit_after(packet: &[u8], at: usize) -> Option<(u8, usize)> {
    let (close, at) = opened(packet, at)?;
    let digit = *packet.get(at).filter(|byte| byte.is_ascii_digit())?;
    (*packet.get(at + 1)? == close).then_some((digit - b'0', at))
}

/// What closes the value of the property whose name ends at `at`, and where the value starts.
fn opened(packet: &[u8], at: usize) -> Option<(u8, usize)> {
    let (rest, at) = skip_spaces(packet, at)?;
    match rest.first()? {
        b'>' => Some((b'<', at + 1)),
        b'=' => {
            let (rest, at) = skip_spaces(packet, at + 1)?;
            let quote = *rest.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
            Some((quote, at + 1))
        }
        _ => None,
    }
}

/// The digits of a property that is a plain number, in the ways that [`find_orientation`] reads.
///
/// # Errors
/// Where the property is there more than once, or in another way.
pub fn find_number(packet: &[u8], name: &[u8]) -> Result<Option<Range<usize>>, Refusal> {
    let mut found = None;
    for at in occurrences(packet, name) {
        let end = at + name.len();
        let longer_name = packet.get(end).is_some_and(u8::is_ascii_alphanumeric);
        if packet[..at].ends_with(b"</") || longer_name {
            continue;
        }
        let digits = digits_after(packet, end).filter(|_| found.is_none());
        found = Some(digits.ok_or(Refusal::Xmp)?);
    }
    Ok(found)
}

fn digits_after(packet: &[u8], at: usize) -> Option<Range<usize>> {
    let (close, at) = opened(packet, at)?;
    let n_digits = packet.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = at + n_digits;
    (n_digits > 0 && *packet.get(end)? == close).then_some(at..end)
}

fn skip_spaces(packet: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = packet.get(at..)?;
    let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    Some((&rest[spaces..], at + spaces))
}

/// Is the TIFF namespace bound to a prefix other than `tiff`?
fn other_prefix(packet: &[u8]) -> bool {
    occurrences(packet, TIFF_NAMESPACE).any(|at| {
        let before: Vec<u8> =
            packet[..at.saturating_sub(1)].iter().rev().copied().filter(|b| *b != b' ').collect();
        !before.starts_with(b"=ffit:snlmx")
    })
}

fn is_utf16(packet: &[u8]) -> bool {
    let head = &packet[..packet.len().min(64)];
    head.iter().filter(|byte| **byte == 0).count() > head.len() / 4
}

fn occurrences<'a>(haystack: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    haystack.windows(needle.len()).enumerate().filter(move |(_, w)| *w == needle).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn reads_the_plain_forms_and_calls_the_rest_unclear() {
        let ns = r#"xmlns:tiff="http://ns.adobe.com/tiff/1.0/""#;
        for (name, packet, expected) in [
            ("nothing",         format!("<x {ns}/>"),                                          Some(None)),
            ("attribute",       format!("<x {ns} tiff:Orientation=\"6\"/>"),                   Some(Some(6))),
            ("single quotes",   format!("<x {ns} tiff:Orientation = '3'/>"),                   Some(Some(3))),
            ("element",         format!("<x {ns}><tiff:Orientation>8</tiff:Orientation></x>"), Some(Some(8))),
            ("another name",    format!("<x {ns} tiff:OrientationNote=\"6\"/>"),               Some(None)),
            ("twice",           format!("<x {ns} tiff:Orientation=\"6\" tiff:Orientation=\"1\"/>"), None),
            ("two digits",      format!("<x {ns} tiff:Orientation=\"16\"/>"),                  None),
            ("a word",          format!("<x {ns}><tiff:Orientation> 6</tiff:Orientation></x>"), None),
            ("an empty end",    "<tiff:Orientation".into(),                                    None),
            ("another prefix",  "<x xmlns:t=\"http://ns.adobe.com/tiff/1.0/\" t:Orientation=\"6\"/>".into(), None),
        ] {
            let found = match find_orientation(packet.as_bytes()) {
                XmpOrientation::Absent => Some(None),
                XmpOrientation::Digit { value, at } => {
                    assert_eq!(packet.as_bytes()[at], b'0' + value, "{name}");
                    Some(Some(value))
                }
                XmpOrientation::Unclear => None,
            };
            assert_eq!(found, expected, "{name}");
        }
        let utf16: Vec<u8> = "<x tiff:Orientation=\"6\"/>".bytes().flat_map(|b| [b, 0]).collect();
        assert_eq!(find_orientation(&utf16), XmpOrientation::Unclear);
    }
}
