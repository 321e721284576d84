//! What a person says of photos: `answers` does it, through the journal; `thumbnails` makes the
//! pictures; asked by a web page (`web`) or in the terminal (`terminal`).

pub mod answers;
pub mod encode;
pub mod terminal;
pub mod thumbnails;
pub mod web;
