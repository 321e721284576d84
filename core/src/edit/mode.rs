//! The ways to turn a photo.

use std::str::FromStr;

use crate::edit::refusal::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// The orientation in the file.
    #[default]
    Tag,
    /// The pixels of a JPEG, without loss; the tag then says 1.
    Pixels,
    /// An XMP file beside the photo, which itself is not touched.
    Sidecar,
}

impl Mode {
    pub const ALL: [Self; 3] = [Self::Tag, Self::Pixels, Self::Sidecar];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Pixels => "pixels",
            Self::Sidecar => "sidecar",
        }
    }

    /// The mode to try where this one cannot be used for `why`; `None`: the file is left alone.
    pub fn instead(self, why: Refusal) -> Option<Self> {
        match self {
            Self::Pixels if why.is_about_pixels() => Some(Self::Tag),
            Self::Tag if why.is_about_the_format() => Some(Self::Sidecar),
            Self::Pixels | Self::Tag if why == Refusal::SidecarSpeaks => Some(Self::Sidecar),
            _ => None,
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|mode| mode.as_str() == word);
        known.ok_or_else(|| format!("unknown mode {word:?}; one of tag, pixels, sidecar"))
    }
}
