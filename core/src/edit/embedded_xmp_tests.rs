//! Tables for what is understood; properties against the scanner of plain bytes that came before.

use std::slice::from_ref;

use proptest::prelude::*;

use super::*;

const NAMESPACE: &str = r#"xmlns:tiff="http://ns.adobe.com/tiff/1.0/""#;

/// The digit, where one is stated, and its offset; an error where it is unclear.
fn found(packet: &[u8]) -> Result<Option<(u8, usize)>, ()> {
    let read = read(packet).expect("within the limits").ok_or(())?;
    match orientation(packet, &read) {
        XmpOrientation::Absent => Ok(None),
        XmpOrientation::Digit { at } => Ok(Some((packet[at] - b'0', at))),
        XmpOrientation::Unclear => Err(()),
    }
}

#[test]
#[rustfmt::skip]
fn reads_the_plain_forms_and_calls_the_rest_unclear() {
    let ns = NAMESPACE;
    for (name, packet, expected) in [
        ("nothing",         format!("<x {ns}/>"),                                          Ok(None)),
        ("attribute",       format!("<x {ns} tiff:Orientation=\"6\"/>"),                   Ok(Some(6))),
        ("single quotes",   format!("<x {ns} tiff:Orientation = '3'/>"),                   Ok(Some(3))),
        ("element",         format!("<x {ns}><tiff:Orientation>8</tiff:Orientation></x>"), Ok(Some(8))),
        ("another name",    format!("<x {ns} tiff:OrientationNote=\"6\"/>"),               Ok(None)),
        ("twice",           format!("<x {ns} tiff:Orientation=\"6\" tiff:Orientation=\"1\"/>"), Err(())),
        ("two digits",      format!("<x {ns} tiff:Orientation=\"16\"/>"),                  Err(())),
        ("a word",          format!("<x {ns}><tiff:Orientation> 6</tiff:Orientation></x>"), Err(())),
        ("an empty end",    "<tiff:Orientation".into(),                                    Err(())),
        ("another prefix",  "<x xmlns:t=\"http://ns.adobe.com/tiff/1.0/\" t:Orientation=\"6\"/>".into(), Err(())),
        ("no namespace",    "<x tiff:Orientation=\"6\"/>".into(),                          Ok(Some(6))),
        ("a broken tail",   format!("<x {ns} tiff:Orientation=\"6\"/><"),                  Ok(Some(6))),
        ("another in it",   format!("<x {ns} tiff:Orientation=\"6\"/><a tiff:Orientation"), Err(())),
        ("a lone ampersand", format!("<x {ns} tiff:Orientation=\"6\">Q & A</x>"),          Ok(Some(6))),
        ("not closed",      format!("<x {ns} tiff:Orientation=\"6\">"),                    Ok(Some(6))),
        ("no XML",          "II*\0".into(),                                                Ok(None)),
    ] {
        assert_eq!(found(packet.as_bytes()).map(|said| said.map(|(digit, _)| digit)), expected, "{name}");
    }
    let utf16: Vec<u8> = "<x tiff:Orientation=\"6\"/>".bytes().flat_map(|b| [b, 0]).collect();
    assert_eq!(found(&utf16), Err(()));
    let latin1 = [&b"<x a='\xE9\xE8' tiff:Orientation=\"6\"/>"[..], &[0; 9]].concat();
    assert_eq!(found(&latin1), Ok(Some((6, 28))));
}

#[test]
fn sizes_are_kept_in_step_in_place() {
    let bytes = b"..<x tiff:ImageWidth='640' tiff:Orientation='6'><exif:PixelYDimension>48\
        </exif:PixelYDimension></x>";
    let packet = 2..bytes.len();
    let edits = kept_in_step(bytes, from_ref(&packet), Orientation::UPRIGHT, Some((48, 1640)));
    let new = crate::edit::patch::apply(&edits.expect("plain"), bytes).expect("of these bytes");
    let expected = b"..<x tiff:ImageWidth='48' tiff:Orientation='1'><exif:PixelYDimension>1640\
        </exif:PixelYDimension></x>";
    assert_eq!(new, expected);
    let float = b"<x tiff:ImageWidth='640.0'/>";
    let all = 0..float.len();
    assert_eq!(
        kept_in_step(float, from_ref(&all), Orientation::UPRIGHT, Some((1, 1))),
        Err(Refusal::Xmp)
    );
    assert_eq!(kept_in_step(float, from_ref(&all), Orientation::UPRIGHT, None), Ok(vec![]));
}

#[test]
fn a_name_cut_between_two_parts_is_seen() {
    let part =
        |offset: u32, data: &[u8]| [&[b'A'; 32][..], &[0; 4], &offset.to_be_bytes(), data].concat();
    let first = part(0, b"<x tiff:Orien");
    let second = part(13, b"tation='6'/>");
    let parts = [second.as_slice(), first.as_slice()];
    let whole = joined(parts.into_iter());
    assert_eq!(whole, b"<x tiff:Orientation='6'/>");
    assert_eq!(extended_is_silent(&whole, false), Err(Refusal::Xmp));
    assert_eq!(extended_is_silent(&joined(parts.into_iter().take(1)), false), Ok(()));
    assert_eq!(extended_is_silent(b"<x tiff:ImageWidth='6'/>", false), Ok(()));
    assert_eq!(extended_is_silent(b"<x tiff:ImageWidth='6'/>", true), Err(Refusal::Xmp));
    assert_eq!(joined([&b"short"[..]].into_iter()), b"");
}

/// The scanner of plain bytes that this reader replaced, word for word but for its types.
mod scanner {
    const PROPERTY: &[u8] = b"tiff:Orientation";
    const TIFF_NAMESPACE: &[u8] = b"http://ns.adobe.com/tiff/1.0/";

    pub(super) fn found(packet: &[u8]) -> Result<Option<(u8, usize)>, ()> {
        if other_prefix(packet) {
            return Err(());
        }
        let mut found = None;
        for at in occurrences(packet, PROPERTY) {
            let closes = packet[..at].ends_with(b"</");
            let longer_name =
                packet.get(at + PROPERTY.len()).is_some_and(u8::is_ascii_alphanumeric);
            if closes || longer_name {
                continue;
            }
            let value = digit_after(packet, at + PROPERTY.len());
            found = match (found, value) {
                (None, Some(value)) => Some(value),
                _ => return Err(()),
            };
        }
        Ok(found)
    }

    fn digit_after(packet: &[u8], at: usize) -> Option<(u8, usize)> {
        let (close, at) = opened(packet, at)?;
        let digit = *packet.get(at).filter(|byte| byte.is_ascii_digit())?;
        (*packet.get(at + 1)? == close).then_some((digit - b'0', at))
    }

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

    fn skip_spaces(packet: &[u8], at: usize) -> Option<(&[u8], usize)> {
        let rest = packet.get(at..)?;
        let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        Some((&rest[spaces..], at + spaces))
    }

    fn other_prefix(packet: &[u8]) -> bool {
        occurrences(packet, TIFF_NAMESPACE).any(|at| {
            let before = packet[..at.saturating_sub(1)].iter().rev().copied();
            let before: Vec<u8> = before.filter(|b| *b != b' ').collect();
            !before.starts_with(b"=ffit:snlmx")
        })
    }

    fn occurrences<'a>(haystack: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let windows = haystack.windows(needle.len()).enumerate();
        windows.filter(move |(_, window)| *window == needle).map(|(at, _)| at)
    }
}

/// Values as they are met, and as they should not be.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..10u8).prop_map(|digit| digit.to_string()),
        1 => prop_oneof![Just(""), Just(" 6"), Just("16"), Just("Horizontal"), Just("&#54;"), Just("6 ")]
            .prop_map(String::from),
    ]
}

/// An attribute, which may be the property.
fn attribute() -> impl Strategy<Value = String> {
    let equals = prop_oneof![Just("="), Just(" = "), Just("=\n")];
    let quote = prop_oneof![Just('"'), Just('\'')];
    let name = prop_oneof![
        2 => Just("tiff:Orientation"),
        1 => Just("tiff:OrientationNote"),
        3 => Just("dc:format"),
        1 => Just("tiff:Make"),
    ];
    (name, equals, quote, value())
        .prop_map(|(name, equals, quote, value)| format!("{name}{equals}{quote}{value}{quote}"))
}

/// An element without attributes, which may be the property.
fn element() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        2 => Just("tiff:Orientation"),
        1 => Just("tiff:Orientations"),
        3 => Just("xmp:CreateDate"),
    ];
    let within = prop_oneof![
        4 => value(),
        1 => attribute().prop_map(|attribute| format!("<rdf:li {attribute}/>")),
    ];
    prop_oneof![
        (name.clone(), within).prop_map(|(name, within)| format!("<{name}>{within}</{name}>")),
        name.prop_map(|name| format!("<{name}/>")),
        Just("<!-- a note -->".to_string()),
        Just("<![CDATA[ 6 ]]>".to_string()),
        Just("a b &amp; c".to_string()),
    ]
}

/// A well-formed packet as programs write it.
fn any_packet() -> impl Strategy<Value = String> {
    let description = (prop::option::of(attribute()), prop::collection::vec(element(), 0..4))
        .prop_map(|(attribute, elements)| {
            let attribute = attribute.unwrap_or_default();
            format!(
                "<rdf:Description {NAMESPACE} {attribute}>{}</rdf:Description>",
                elements.concat()
            )
        });
    let other = Just(
        "<rdf:Description xmlns:t='http://ns.adobe.com/tiff/1.0/' t:Orientation='1'/>".to_string(),
    );
    let descriptions = prop::collection::vec(prop_oneof![9 => description, 1 => other], 0..3);
    (descriptions, 0..40usize).prop_map(|(descriptions, padding)| {
        format!(
            "<?xpacket begin='\u{FEFF}' id='W5M0MpCehiHzreSzNTczkc9d'?>\n\
             <x:xmpmeta xmlns:x='adobe:ns:meta/'>\
             <rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>{}</rdf:RDF>\
             </x:xmpmeta>{}<?xpacket end='w'?>",
            descriptions.concat(),
            " ".repeat(padding)
        )
    })
}

proptest! {
    #[test]
    fn agrees_with_the_scanner_on_sound_packets(packet in any_packet()) {
        prop_assert!(crate::format::xmp::read(&packet).expect("within the limits").is_sound);
        prop_assert_eq!(found(packet.as_bytes()), scanner::found(packet.as_bytes()), "{}", packet);
    }

    /// Whatever is damaged or cut: either both say the same, or this reader refuses.
    #[test]
    fn is_at_least_as_careful_with_damaged_ones(
        packet in any_packet(),
        at in any::<prop::sample::Index>(),
        byte: u8,
        is_cut: bool,
    ) {
        let mut bytes = packet.into_bytes();
        let at = at.index(bytes.len());
        if is_cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(Some((digit, place))) = found(&bytes) {
            prop_assert_eq!(bytes[place], b'0' + digit);
            let scanned = scanner::found(&bytes);
            prop_assert!(scanned.is_err() || scanned == Ok(Some((digit, place))));
        }
    }
}
