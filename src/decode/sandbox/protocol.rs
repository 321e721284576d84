//! What the scan and a decoding process say to each other, each message a frame of JSON.

use serde::{Deserialize, Serialize};

use crate::decode::confinement::Confinement;
use crate::decode::limits::Limits;
use crate::error::SkipReason;
use crate::files::identity::{ContentHash, Identity};
use orientd_core::format::sniff::Format;
use orientd_core::verdict::caution::Caution;

/// The longest message but pixels.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// What a decoding process is asked to do. Descriptors follow (`SCM_RIGHTS`, with one byte each).
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Look at one file.
    Look(Look),
    /// Two files: does the second show what the first shows, turned clockwise by so many quarters?
    Compare { limits: Limits, quarters: u8 },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Look {
    /// The file's name, without its folder: its ending is a hint, and it is all that is told of it.
    pub name: String,
    pub identity: Identity,
    pub limits: Limits,
    /// Side S of the picture that is wanted.
    pub side: usize,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The first message: what holds the process, and the address space it has before any file.
    Ready {
        confinement: Confinement,
        address_space: u64,
        heif: Option<Result<String, String>>,
    },
    /// Decoding takes so many bytes of pixels. Waits for [`GO`].
    Needs(usize),
    /// A frame of S×S×3 bytes follows.
    Photo {
        format: Format,
        width: u32,
        height: u32,
        stored: u8,
        taken: Option<i64>,
        caution: Option<Caution>,
        hash: ContentHash,
    },
    Skipped {
        format: Option<Format>,
        skip: SkipReason,
    },
    NotAPhoto,
    /// The answer to [`Request::Compare`].
    Compared(bool),
    /// A file for libheif, which must be loaded before the process is confined.
    NeedsHeif,
}

/// The answer to [`Reply::Needs`].
pub(super) const GO: &[u8] = b"go";
