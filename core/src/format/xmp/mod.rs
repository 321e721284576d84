//! The one reader of XMP (ISO 16684-1), embedded or beside a photo: where a packet states the few
//! properties that bear on a turn. quick-xml finds the tokens; what is kept of them is their offsets,
//! because a packet is edited as bytes and never written anew.
//!
//! Reading takes time and memory linear in the packet's length: see the limits below.

mod name;
mod packet;

use std::ops::Range;

use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::name::{Namespace, NamespaceError, NamespaceResolver, Prefix, QName, ResolveResult};
use quick_xml::{Error, NsReader};

pub use self::name::Name;
use self::name::{KNOWN, TIFF};
pub use self::packet::{Binding, Description, Packet, Property, TiffPrefix, XmpLimit};

/// Larger than any packet that cameras and editors write; Photoshop's lists of ancestors reach tens of MB.
pub const MAX_BYTES: usize = 64 << 20;
/// Elements within elements. Camera Raw's masks, the deepest known, nest about twenty.
pub const MAX_DEPTH: usize = 128;
/// Attributes of one element. Camera Raw writes its some hundred settings as attributes.
pub const MAX_ATTRIBUTES: usize = 4096;
/// Namespaces bound at one place. Every name looked up costs a walk through them.
pub const MAX_NAMESPACES: usize = 256;

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/// Reads a whole packet. One that is not well-formed is read as far as it goes.
///
/// # Errors
/// Returns an error if the packet goes beyond one of the limits.
pub fn read(text: &str) -> Result<Packet, XmpLimit> {
    if text.len() > MAX_BYTES {
        return Err(XmpLimit("more than 64 MiB"));
    }
    // quick-xml would leave a byte order mark out, and count it to the first tag.
    let mut xml = NsReader::from_str(text.trim_start_matches('\u{FEFF}'));
    // Ends are compared here instead, since quick-xml loses count of namespaces after an error.
    xml.config_mut().check_end_names = false;
    xml.config_mut().allow_unmatched_ends = true;
    xml.resolver_mut().set_max_namespace_bindings(MAX_NAMESPACES);
    let mut reading = Reading::new(text);
    loop {
        let start = text.len() - xml.get_ref().len();
        let event = xml.read_event();
        let token = start..text.len() - xml.get_ref().len();
        reading.packet.n_steps += token.len();
        match event {
            Ok(Event::Eof) => break,
            Ok(event) => reading.event(xml.resolver(), event, &token)?,
            // quick-xml goes on behind these.
            Err(Error::IllFormed(_)) => reading.damaged(token),
            Err(Error::Namespace(NamespaceError::TooManyBindings(_))) => {
                return Err(XmpLimit("more than 256 namespaces at one place"));
            }
            Err(_) => {
                reading.packet.n_steps += text.len() - start;
                reading.damaged(start..text.len());
                break;
            }
        }
    }
    Ok(reading.finish())
}

/// What an open element is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rdf,
    Description,
    Other,
}

#[derive(Debug)]
struct Open {
    name: Range<usize>,
    kind: Kind,
    /// Its index among the properties, where it is one.
    property: Option<usize>,
    /// Pieces of text, elements and so on in it, so far.
    n_parts: usize,
}

struct Reading<'a> {
    text: &'a str,
    stack: Vec<Open>,
    packet: Packet,
}

impl<'a> Reading<'a> {
    fn new(text: &'a str) -> Self {
        let packet = Packet {
            properties: Vec::new(),
            description: None,
            is_sound: true,
            unread: Vec::new(),
            n_steps: 0,
        };
        Self { text, stack: Vec::new(), packet }
    }

    fn event(
        &mut self,
        names: &NamespaceResolver,
        event: Event<'_>,
        token: &Range<usize>,
    ) -> Result<(), XmpLimit> {
        match event {
            Event::Start(tag) => {
                self.part(None);
                let open = self.open(names, &tag, token)?;
                if self.stack.len() == MAX_DEPTH {
                    return Err(XmpLimit("elements nested more than 128 deep"));
                }
                self.stack.push(open);
            }
            Event::Empty(tag) => {
                self.part(None);
                self.open(names, &tag, token)?;
            }
            Event::End(tag) => self.close(&tag),
            Event::Text(_) => self.part(Some(token.clone())),
            Event::DocType(_) => self.packet.is_sound = false,
            _ => self.part(None),
        }
        Ok(())
    }

    /// What cannot be read may be anything, part of an open property included.
    fn damaged(&mut self, range: Range<usize>) {
        self.part(None);
        self.packet.is_sound = false;
        self.packet.unread.push(range);
    }

    /// Something in the innermost element: `text`, or anything else. An element states a value that
    /// can be edited only where one piece of text is all that it holds.
    fn part(&mut self, text: Option<Range<usize>>) {
        let Some(open) = self.stack.last_mut() else { return };
        open.n_parts += 1;
        let Some(index) = open.property else { return };
        self.packet.properties[index].value = text.filter(|_| open.n_parts == 1);
    }

    fn open(
        &mut self,
        names: &NamespaceResolver,
        tag: &BytesStart<'_>,
        token: &Range<usize>,
    ) -> Result<Open, XmpLimit> {
        // Behind the `<`.
        let name = token.start + 1..token.start + 1 + tag.name().as_ref().len();
        let parent = self.stack.last().map(|open| open.kind);
        let kind = self.kind(names, tag.name(), parent);
        let in_description = parent == Some(Kind::Description);
        let property = self.property(names, tag.name(), true).map(|found| {
            self.packet.properties.push(Property { in_description, ..found });
            self.packet.properties.len() - 1
        });
        self.attributes(names, tag, kind == Kind::Description, token)?;
        if kind == Kind::Description && self.packet.description.is_none() {
            let tiff = match names.resolve_attribute(QName("tiff:Orientation")).0 {
                ResolveResult::Bound(Namespace(TIFF)) => TiffPrefix::Bound,
                ResolveResult::Bound(_) => TiffPrefix::OtherNamespace,
                ResolveResult::Unknown(_) | ResolveResult::Unbound => TiffPrefix::Free,
            };
            self.packet.description = Some(Description { insert_at: name.end, tiff });
        }
        Ok(Open { name, kind, property, n_parts: 0 })
    }

    fn kind(&mut self, names: &NamespaceResolver, name: QName<'_>, parent: Option<Kind>) -> Kind {
        let kind = match (name.local_name().into_inner(), parent) {
            ("RDF", _) => Kind::Rdf,
            ("Description", Some(Kind::Rdf)) => Kind::Description,
            _ => return Kind::Other,
        };
        self.packet.n_steps += 1;
        let is_rdf = names.resolve_element(name).0 == ResolveResult::Bound(Namespace(RDF));
        if is_rdf { kind } else { Kind::Other }
    }

    fn attributes(
        &mut self,
        names: &NamespaceResolver,
        tag: &BytesStart<'_>,
        in_description: bool,
        token: &Range<usize>,
    ) -> Result<(), XmpLimit> {
        for (index, attribute) in tag.attributes().enumerate() {
            if index == MAX_ATTRIBUTES {
                return Err(XmpLimit("more than 4096 attributes in a tag"));
            }
            let Ok(attribute) = attribute else {
                self.damaged(token.clone());
                return Ok(());
            };
            self.packet.n_steps += attribute.key.as_ref().len() + attribute.value.len();
            if let Some(found) = self.property(names, attribute.key, false) {
                let value = self.offset_of(&attribute.value);
                self.packet.properties.push(Property { in_description, value, ..found });
            }
        }
        Ok(())
    }

    /// The property of this name, or that is called like it; its place and value are yet to be said.
    fn property(
        &mut self,
        names: &NamespaceResolver,
        name: QName<'_>,
        is_element: bool,
    ) -> Option<Property> {
        let local = name.local_name().into_inner();
        let known = KNOWN.iter().find(|known| known.local == local)?;
        self.packet.n_steps += 1;
        // The default namespace is that of elements only.
        let (resolved, _) = names.resolve(name, is_element);
        let is_meant = resolved == ResolveResult::Bound(Namespace(known.namespace));
        let is_usual = name.prefix().map(Prefix::into_inner) == Some(known.usual_prefix);
        let binding = match (resolved, is_usual) {
            (_, true) if is_meant => Binding::Usual,
            (_, false) if is_meant => Binding::OtherPrefix,
            (ResolveResult::Bound(_), true) => Binding::OtherNamespace,
            (ResolveResult::Unbound | ResolveResult::Unknown(_), true) => Binding::Undeclared,
            (_, false) => return None,
        };
        Some(Property { name: known.name, binding, in_description: false, value: None })
    }

    fn close(&mut self, tag: &BytesEnd<'_>) {
        let open = self.stack.pop().map(|open| &self.text[open.name]);
        if open != Some(tag.name().into_inner()) {
            self.packet.is_sound = false;
        }
    }

    /// Elements that are still open may have gone on.
    fn finish(mut self) -> Packet {
        self.packet.is_sound &= self.stack.is_empty();
        for index in self.stack.iter().filter_map(|open| open.property) {
            self.packet.properties[index].value = None;
        }
        self.packet
    }

    /// Where `part` lies in the text; `None` if it was copied out of it.
    fn offset_of(&self, part: &str) -> Option<Range<usize>> {
        let start = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        let range = start..start.checked_add(part.len())?;
        (self.text.get(range.clone())? == part).then_some(range)
    }
}

#[cfg(test)]
mod tests;
