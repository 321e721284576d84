//! A photo as the recorder judges it: what was seen, and where.

use std::path::Path;

use crate::files::identity::Identity;
use crate::store::{DisplayedPhoto, PhotoId};

/// A photo that was looked at.
pub(super) struct SeenPhoto<'a> {
    pub id: PhotoId,
    pub path: &'a Path,
    pub identity: Identity,
    pub now: DisplayedPhoto,
}
