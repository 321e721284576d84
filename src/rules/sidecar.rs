//! XMP sidecars (`photo.jpg.xmp`, as darktable and digiKam name them): `tiff:Orientation` is read
//! and changed where it stands, and put into the first `rdf:Description` where it is missing. The
//! rest is other programs' work and keeps every byte.

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};

use super::orientation::Orientation;
use super::patch::{Edit, Refusal};

const TIFF: &[u8] = b"http://ns.adobe.com/tiff/1.0/";
const RDF: &[u8] = b"http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/// What a sidecar says, and where it could say more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sidecar {
    /// The one digit that states the orientation, and its offset.
    pub said: Option<(Orientation, usize)>,
    /// Just behind the name of the first description.
    insert_at: usize,
    /// Is the prefix `tiff` bound to its namespace there?
    has_prefix: bool,
}

/// Reads a whole sidecar.
///
/// # Errors
/// Where it is not well-formed XMP in UTF-8, or states the orientation twice or in a form that
/// overwriting a digit cannot change.
pub fn read(bytes: &[u8]) -> Result<Sidecar, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::Sidecar)?;
    let mut reading = Reading { text: text.as_bytes(), ..Reading::default() };
    let mut reader = NsReader::from_str(text);
    loop {
        match reader.read_event().map_err(|_| Refusal::Sidecar)? {
            Event::Start(tag) => {
                let kind = reading.open(&reader, &tag)?;
                reading.stack.push(kind);
            }
            Event::Empty(tag) => {
                let kind = reading.open(&reader, &tag)?;
                reading.close(Some(kind))?;
            }
            Event::End(_) => {
                let kind = reading.stack.pop();
                reading.close(kind)?;
            }
            Event::Text(value) if reading.stack.last() == Some(&Kind::Property) => {
                reading.has_text = true;
                reading.state(&value)?;
            }
            Event::DocType(_) => return Err(Refusal::Sidecar),
            Event::Eof => break,
            _ if reading.stack.last() == Some(&Kind::Property) => return Err(Refusal::Sidecar),
            _ => {}
        }
    }
    let (true, Some((insert_at, has_prefix))) = (reading.stack.is_empty(), reading.description)
    else {
        return Err(Refusal::Sidecar);
    };
    Ok(Sidecar { said: reading.said, insert_at, has_prefix })
}

/// What an open element is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rdf,
    Description,
    Property,
    Other,
}

#[derive(Default)]
struct Reading<'a> {
    text: &'a [u8],
    stack: Vec<Kind>,
    said: Option<(Orientation, usize)>,
    /// Text of the property that is open has been read.
    has_text: bool,
    description: Option<(usize, bool)>,
}

impl Reading<'_> {
    fn open(&mut self, reader: &NsReader<&[u8]>, tag: &BytesStart<'_>) -> Result<Kind, Refusal> {
        let (namespace, name) = reader.resolve_element(tag.name());
        let is = |uri: &[u8]| namespace == ResolveResult::Bound(Namespace(uri));
        let kind = match (name.as_ref(), self.stack.last()) {
            (b"RDF", _) if is(RDF) => Kind::Rdf,
            (b"Description", Some(Kind::Rdf)) if is(RDF) => Kind::Description,
            (b"Orientation", Some(Kind::Description)) if is(TIFF) => Kind::Property,
            (b"Orientation", _) if is(TIFF) => return Err(Refusal::Sidecar),
            _ => Kind::Other,
        };
        self.has_text = false;
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|_| Refusal::Sidecar)?;
            let (namespace, name) = reader.resolve_attribute(attribute.key);
            let is_tiff = namespace == ResolveResult::Bound(Namespace(TIFF));
            if is_tiff && name.as_ref() == b"Orientation" {
                if kind != Kind::Description {
                    return Err(Refusal::Sidecar);
                }
                self.state(&attribute.value)?;
            }
        }
        if kind == Kind::Description && self.description.is_none() {
            self.description = Some(self.place_in(reader, tag)?);
        }
        Ok(kind)
    }

    /// An empty property states nothing that could be changed.
    fn close(&self, kind: Option<Kind>) -> Result<(), Refusal> {
        let is_empty = kind == Some(Kind::Property) && !self.has_text;
        if is_empty { Err(Refusal::Sidecar) } else { Ok(()) }
    }

    fn place_in(
        &self,
        reader: &NsReader<&[u8]>,
        tag: &BytesStart<'_>,
    ) -> Result<(usize, bool), Refusal> {
        let name = tag.name();
        let end = self.offset_of(name.as_ref()).ok_or(Refusal::Sidecar)? + name.as_ref().len();
        let probe = quick_xml::name::QName(b"tiff:Orientation");
        let has_prefix = match reader.resolve_attribute(probe).0 {
            ResolveResult::Bound(Namespace(uri)) if uri == TIFF => true,
            ResolveResult::Unknown(_) | ResolveResult::Unbound => false,
            // The prefix stands for something else here.
            ResolveResult::Bound(_) => return Err(Refusal::Sidecar),
        };
        Ok((end, has_prefix))
    }

    fn state(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let at = self.offset_of(value).ok_or(Refusal::Sidecar)?;
        let orientation = match value {
            [digit @ b'1'..=b'8'] => Orientation::from_exif(u16::from(digit - b'0')),
            _ => None,
        };
        match (orientation, self.said) {
            (Some(orientation), None) => self.said = Some((orientation, at)),
            _ => return Err(Refusal::Sidecar),
        }
        Ok(())
    }

    /// Where `part` lies in the text; `None` where it was copied out of it.
    fn offset_of(&self, part: &[u8]) -> Option<usize> {
        let offset = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        (self.text.get(offset..offset.checked_add(part.len())?)? == part).then_some(offset)
    }
}

/// What to change in a sidecar so that it states `to`.
pub fn edit(sidecar: &Sidecar, to: Orientation) -> Edit {
    let digit = b'0' + to.to_exif();
    if let Some((old, offset)) = sidecar.said {
        return Edit { offset, old: vec![b'0' + old.to_exif()], new: vec![digit] };
    }
    let mut new = String::new();
    if !sidecar.has_prefix {
        new += " xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\"";
    }
    new += &format!(" tiff:Orientation=\"{}\"", char::from(digit));
    Edit { offset: sidecar.insert_at, old: Vec::new(), new: new.into_bytes() }
}

/// A sidecar that says nothing but the orientation.
pub fn fresh(to: Orientation) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\" x:xmptk=\"orientd\">\n \
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n  \
         <rdf:Description rdf:about=\"\"\n    \
         xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\"\n   \
         tiff:Orientation=\"{}\"/>\n \
         </rdf:RDF>\n</x:xmpmeta>\n",
        to.to_exif()
    )
    .into_bytes()
}
