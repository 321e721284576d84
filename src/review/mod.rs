//! What a person says of photos: `answers` does it, through the journal; `thumbnails` makes the
//! pictures; asked by a web page (`web`) or in the terminal (`terminal`).

pub(crate) mod answers;
mod decoders;
pub(crate) mod encode;
pub(crate) mod session;
pub(crate) mod terminal;
pub(crate) mod thumbnails;
pub(crate) mod web;
