//! The shell: one file per arrow of the flow. A stage knows its two channels and the rules, never
//! another stage.

pub mod decode;
pub mod fix;
pub mod look;
pub mod policy;
pub mod record;
pub mod sidecar;
pub mod walk;
