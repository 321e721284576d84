//! What the reader finds, and that its work grows with the packet's length and no faster.

use super::name::EXIF;
use super::*;

fn packet(description: &str) -> String {
    format!(
        "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"{RDF}\">\
         <rdf:Description xmlns:tiff=\"{TIFF}\" xmlns:exif=\"{EXIF}\" {description}\
         </rdf:RDF></x:xmpmeta>"
    )
}

#[test]
#[rustfmt::skip]
fn finds_names_bindings_and_values() {
    let tiff = format!("xmlns:t=\"{TIFF}\"");
    for (name, text, binding, in_description, value) in [
        ("an attribute",        packet("tiff:Orientation='6'/>"),                                     Binding::Usual, true, Some("6")),
        ("an element",          packet("><tiff:Orientation>6</tiff:Orientation></rdf:Description>"),  Binding::Usual, true, Some("6")),
        ("with a qualifier",    packet("><tiff:Orientation a=''>6</tiff:Orientation ></rdf:Description>"), Binding::Usual, true, Some("6")),
        ("behind a BOM",        format!("\u{FEFF}{}", packet("tiff:Orientation='6'/>")),              Binding::Usual, true, Some("6")),
        ("another prefix",      packet(&format!("{tiff} t:Orientation='6'/>")),                       Binding::OtherPrefix, true, Some("6")),
        ("no prefix",           format!("<Orientation xmlns='{TIFF}'>6</Orientation>"),               Binding::OtherPrefix, false, Some("6")),
        ("undeclared",          "<x tiff:Orientation='6'/>".into(),                                   Binding::Undeclared, false, Some("6")),
        ("another namespace",   "<x xmlns:tiff='else' tiff:Orientation='6'/>".into(),                 Binding::OtherNamespace, false, Some("6")),
        ("empty",               packet("><tiff:Orientation/></rdf:Description>"),                     Binding::Usual, true, None),
        ("an empty pair",       packet("><tiff:Orientation></tiff:Orientation></rdf:Description>"),   Binding::Usual, true, None),
        ("with a comment",      packet("><tiff:Orientation>6<!-- --></tiff:Orientation></rdf:Description>"), Binding::Usual, true, None),
        ("behind an element",   packet("><tiff:Orientation><x/>6</tiff:Orientation></rdf:Description>"), Binding::Usual, true, None),
        ("a character by code", packet("><tiff:Orientation>&#54;</tiff:Orientation></rdf:Description>"), Binding::Usual, true, None),
        ("still open",          "<tiff:Orientation>6".into(),                                         Binding::Undeclared, false, None),
    ] {
        let read = read(&text).expect("within the limits");
        let [found] = read.properties.as_slice() else { panic!("{name}: {read:?}") };
        assert_eq!((found.name, found.binding), (Name::Orientation, binding), "{name}");
        assert_eq!(found.in_description, in_description, "{name}");
        assert_eq!(found.value.clone().map(|value| &text[value]), value, "{name}");
    }
}

#[test]
#[rustfmt::skip]
fn lookalikes_are_not_found() {
    for (name, text) in [
        ("a comment",       packet("><!-- tiff:Orientation=\"6\" --></rdf:Description>")),
        ("text",            packet(">tiff:Orientation=\"6\"</rdf:Description>")),
        ("a value",         packet("a='tiff:Orientation=\"6\"'/>")),
        ("a longer name",   packet("tiff:OrientationNote='6'/>")),
        ("another prefix",  packet("crs:Orientation='6'/>")),
        ("no prefix",       packet("Orientation='6'/>")),
    ] {
        let read = read(&text).expect("within the limits");
        assert_eq!((read.properties, read.is_sound), (vec![], true), "{name}");
    }
}

#[test]
#[rustfmt::skip]
fn says_what_is_not_sound() {
    for (name, text, unread) in [
        ("not closed",          "<a><b/>",                  None),
        ("closed twice",        "<a></a></a>",              None),
        ("closed crosswise",    "<a><b></a></b>",           None),
        ("a document type",     "<!DOCTYPE a><a/>",         None),
        ("cut in a tag",        "<a/><b c='",               Some(4..10)),
        ("an attribute twice",  "<a/><b c='' c=''/>",       Some(4..18)),
        ("no quotes",           "<b c=d/><a/>",             Some(0..8)),
        ("a lone ampersand",    "<a>b & c</a>",             Some(5..8)),
    ] {
        let read = read(text).expect("within the limits");
        assert!(!read.is_sound, "{name}");
        assert!(read.unread.into_iter().eq(unread), "{name}");
    }
}

/// What a hostile packet can have much of, and a packet that has so much of it.
type Much = (&'static str, fn(usize) -> String);

#[rustfmt::skip]
const MUCH: [Much; 9] = [
    ("elements",            |n| packet(&format!(">{}</rdf:Description>", "<a/>".repeat(n)))),
    ("nested siblings",     |n| packet(&format!(">{}</rdf:Description>", "<a><b><c/></b></a>".repeat(n)))),
    ("attributes",          |n| packet(&format!(">{}</rdf:Description>", "<a b='' c='' d=''/>".repeat(n)))),
    ("bindings",            |n| packet(&format!(">{}</rdf:Description>", format!("<a xmlns:tiff='{TIFF}'/>").repeat(n)))),
    ("properties",          |n| packet(&format!(">{}</rdf:Description>", "<a tiff:Orientation='1'/>".repeat(n)))),
    ("descriptions",        |n| packet(&format!("/>{}", "<rdf:Description tiff:Orientation='1'/>".repeat(n)))),
    ("comments",            |n| packet(&format!(">{}</rdf:Description>", "<!-- tiff:Orientation -->".repeat(n)))),
    ("lone ampersands",     |n| packet(&format!(">{}</rdf:Description>", "&".repeat(n)))),
    ("a broken tail",       |n| "<a b='".repeat(n)),
];

#[test]
fn work_doubles_with_the_packet() {
    for (name, much) in MUCH {
        let steps = |n| read(&much(n)).expect("within the limits").n_steps;
        let once = steps(2000);
        let twice = steps(4000);
        assert!(twice <= 2 * once, "{name}: {once} steps, then {twice}");
        let length = much(2000).len();
        assert!((length..=3 * length).contains(&once), "{name}: {once} steps for {length} bytes");
    }
}

#[test]
#[rustfmt::skip]
fn refuses_what_goes_beyond_the_limits() {
    let attributes = |n| packet(&((0..n).map(|i| format!("a{i}='' ")).collect::<String>() + "/>"));
    let namespaces = |n| packet(&((0..n).map(|i| format!("xmlns:n{i}='u' ")).collect::<String>() + "/>"));
    let nested = |n| "<a>".repeat(n) + &"</a>".repeat(n);
    let long = |n: usize| " ".repeat(n);
    // `packet` itself has two attributes there, and binds four namespaces.
    for (name, most, over) in [
        ("attributes",  attributes(MAX_ATTRIBUTES - 2),  attributes(MAX_ATTRIBUTES - 1)),
        ("namespaces",  namespaces(MAX_NAMESPACES - 4),  namespaces(MAX_NAMESPACES - 3)),
        ("depth",       nested(MAX_DEPTH),               nested(MAX_DEPTH + 1)),
        ("length",      long(MAX_BYTES),                 long(MAX_BYTES + 1)),
    ] {
        assert!(read(&most).is_ok(), "{name}");
        assert!(read(&over).is_err(), "{name}");
    }
}
