//! What a round and whoever runs it tell each other while it works.

use crate::heartbeat::Heartbeat;
use crate::stop::StopFlag;

/// Progress out, the wish to stop in. Shared by every thread of a round.
#[derive(Debug, Default)]
pub struct Signals {
    pub heartbeat: Heartbeat,
    pub stop: StopFlag,
}
