//! A file before and after decoding.

use std::path::{Path, PathBuf};

use crate::error::SkipReason;
use crate::files::identity::{ContentHash, Identity};
use crate::files::sidecar;
use orientd_core::format::sniff::Format;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;
use orientd_core::verdict::caution::Caution;

/// A file to look at.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub path: PathBuf,
    pub identity: Identity,
}

/// A picture squashed to S×S and shown as its stored orientation says.
pub struct Photo {
    pub identity: Identity,
    pub hash: ContentHash,
    pub format: Format,
    /// As stored, in pixels.
    pub width: u32,
    pub height: u32,
    pub stored: Orientation,
    /// When it was taken, by its camera's clock: seconds as if that clock showed UTC.
    pub taken: Option<i64>,
    /// What the file says that bounds the verdict.
    pub caution: Option<Caution>,
    pub picture: Rgb8,
}

pub enum Decoded {
    Photo(Box<Photo>),
    Skipped { format: Option<Format>, skip: SkipReason },
    NotAPhoto,
}

impl Decoded {
    /// The orientation in a sidecar wins over the file's own.
    pub(super) fn shown_by_sidecar(self, path: &Path) -> Self {
        match (self, sidecar::orientation(path)) {
            (Self::Photo(photo), Some(beside)) => {
                let photo = *photo;
                let picture = photo.picture.oriented(photo.stored.inverse().then(beside));
                Self::Photo(Box::new(Photo { picture, stored: beside, ..photo }))
            }
            (looked, _) => looked,
        }
    }
}
