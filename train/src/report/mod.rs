//! What a person looks at: drawings, contact sheets and the HTML report.

pub mod canvas;
pub mod drawings;
pub mod html;
pub mod plots;
