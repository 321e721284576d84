//! From the network's answer to a decision, and from a person's answers to the threshold of acting.

pub mod auto_threshold;
pub mod binomial;
pub mod caution;
pub mod decision;
pub mod standing;
