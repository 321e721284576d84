//! What a round and its caller share while it runs: progress and a stop flag.

use crate::heartbeat::Heartbeat;
use crate::stop::StopFlag;

/// Progress out, the wish to stop in. Shared by every thread of a round.
#[derive(Debug, Default)]
pub struct Signals {
    pub heartbeat: Heartbeat,
    pub stop: StopFlag,
}
