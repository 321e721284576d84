//! From a path to a picture of the network's size, as a viewer would show it, or the reason why not.

mod budget;
mod confinement;
mod file;
mod heif;
mod jpeg;
mod limits;
mod photo;
mod picture;
mod raster;
mod raw;
pub mod sandbox;

pub use budget::Budget;
pub use confinement::Confinement;
pub use heif::is_mended;
pub use limits::Limits;
pub use photo::{Candidate, Looked, Photo};

use self::file::{Opened, Tools, look_at, open};
use self::heif::Heif;

/// Reads and decodes one file to `side`×`side` pixels, in this process: what a file does to a decoder,
/// it does to the caller. [`sandbox::Isolated`] is for files of strangers. Never fails, never panics.
pub fn look(candidate: &Candidate, limits: &Limits, budget: &Budget, side: usize) -> Looked {
    match open(&candidate.path) {
        Ok((file, identity)) => {
            let opened = Opened { file: &file, identity, name: &candidate.path };
            let looked = look_at(opened, &Tools { limits, budget, heif: &Heif::NotTried }, side);
            looked.shown_by_sidecar(&candidate.path)
        }
        Err(skip) => Looked::Skipped { format: None, skip },
    }
}
