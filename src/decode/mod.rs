//! From a path to a picture of the network's size, as a viewer would show it, or the reason why not.

mod budget;
mod confinement;
mod file;
mod heif;
mod jp2;
mod jpeg;
mod jxl;
mod limits;
mod photo;
mod picture;
mod raster;
mod raw;
pub mod sandbox;
mod tiff;

pub use budget::Budget;
pub use confinement::Confinement;
pub use heif::is_patched;
pub use limits::Limits;
pub use photo::{Candidate, Decoded, Photo};

use self::file::{Opened, Tools, decode_file, open};
use self::heif::Heif;

/// Reads and decodes one file to `side`×`side` pixels, in this process: a file that exploits a decoder
/// takes over the caller. Use [`sandbox::Sandbox`] for untrusted files. Never fails, never panics.
pub fn decode_in_process(
    candidate: &Candidate,
    limits: &Limits,
    budget: &Budget,
    side: usize,
) -> Decoded {
    match open(&candidate.path) {
        Ok((file, identity)) => {
            let opened = Opened { file: &file, identity, name: &candidate.path };
            let decoded =
                decode_file(opened, &Tools { limits, budget, heif: &Heif::NotTried }, side);
            decoded.shown_by_sidecar(&candidate.path)
        }
        Err(skip) => Decoded::Skipped { format: None, skip },
    }
}
