//! Files on disk, without a word about turning photos: what tells one file from another, how one is
//! opened and written whole, what lies beside a photo, which folder a path belongs to.

pub mod identity;
pub mod open;
pub mod roots;
pub mod sidecar;
pub mod write_whole;
