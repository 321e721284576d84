//! XMP sidecars: `tiff:Orientation` is read and changed where it stands, and put into the first `rdf:Description`
//! where it is missing. The rest is other programs' work and keeps every byte.

use crate::edit::patch::Edit;
use crate::edit::refusal::Refusal;
use crate::format::xmp::{self, Binding, Name, Property, TiffPrefix};
use crate::orientation::Orientation;

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
/// Returns an error if it is not well-formed XMP in UTF-8, states the orientation twice or in a form
/// that overwriting a digit cannot change, or goes beyond the limits of reading.
pub fn read(bytes: &[u8]) -> Result<Sidecar, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::Sidecar)?;
    let packet = xmp::read(text)?;
    let description = packet.description.filter(|_| packet.is_sound).ok_or(Refusal::Sidecar)?;
    let has_prefix = match description.tiff {
        TiffPrefix::Bound => true,
        TiffPrefix::Free => false,
        TiffPrefix::OtherNamespace => return Err(Refusal::Sidecar),
    };
    let mut stated = packet.properties.iter().filter(|property| is_orientation(property));
    let said = match (stated.next(), stated.next()) {
        (None, _) => None,
        (Some(property), None) => Some(digit(bytes, property).ok_or(Refusal::Sidecar)?),
        (Some(_), Some(_)) => return Err(Refusal::Sidecar),
    };
    Ok(Sidecar { said, insert_at: description.insert_at, has_prefix })
}

/// The ending of the photo that a sidecar is of, where it names one as Adobe's programs do
/// (`photoshop:SidecarForExtension`).
pub fn for_extension(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let packet = xmp::read(text).ok()?;
    let is_meant = |property: &&Property| property.name == Name::SidecarForExtension;
    let value = packet.properties.iter().find(is_meant)?.value.clone()?;
    Some(text.get(value)?.trim()).filter(|ending| !ending.is_empty())
}

fn is_orientation(property: &Property) -> bool {
    let is_in_namespace = matches!(property.binding, Binding::Usual | Binding::OtherPrefix);
    property.name == Name::Orientation && is_in_namespace
}

/// The one digit that a property of the description states.
fn digit(bytes: &[u8], property: &Property) -> Option<(Orientation, usize)> {
    let value = property.value.clone().filter(|_| property.in_description)?;
    let [digit @ b'1'..=b'8'] = bytes[value.clone()] else { return None };
    Some((Orientation::from_exif(u16::from(digit - b'0'))?, value.start))
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
