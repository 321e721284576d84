//! What is read of a packet of XMP.

use std::ops::Range;

use super::name::Name;

/// What makes a name that of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Its namespace, bound to the usual prefix.
    Usual,
    /// The usual prefix, which nothing binds.
    Undeclared,
    /// Its namespace, bound to another prefix or to none.
    OtherPrefix,
    /// The usual prefix, which stands for another namespace: not the property, only called like it.
    OtherNamespace,
}

/// A property as one attribute or element states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    pub name: Name,
    pub binding: Binding,
    /// Does it belong to an `rdf:Description` of the `rdf:RDF` element, where XMP has its properties?
    pub in_description: bool,
    /// Where the value stands; `None` for an element that holds anything but one piece of plain text.
    pub value: Option<Range<usize>>,
}

/// What the prefix `tiff` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TiffPrefix {
    Bound,
    Free,
    OtherNamespace,
}

/// The first `rdf:Description`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// Just behind its name, where an attribute can be added.
    pub insert_at: usize,
    pub tiff: TiffPrefix,
}

/// What is known of a packet. Offsets count from its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// In file order.
    pub properties: Vec<Property>,
    pub description: Option<Description>,
    /// Is it well-formed, and without a document type?
    pub is_sound: bool,
    /// Parts that cannot be read as XML, in file order.
    pub unread: Vec<Range<usize>>,
    /// How much was looked at: bytes of tokens, once more those of attributes, and names resolved.
    pub n_steps: usize,
}

/// What a packet has too much of to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XmpLimit(pub &'static str);
