//! Files on disk, whatever they hold: identity, opening, whole writes, sidecars, sets of folders. Knows nothing
//! of turns.

pub mod identity;
pub mod locks;
pub mod open;
pub mod private;
pub mod roots;
pub mod sidecar;
pub mod user;
pub mod write_whole;
