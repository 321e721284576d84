//! HEIC, HEIF and AVIF through libheif, where the system has it: found when it is first needed, in a
//! decoding process, before that is confined.

use super::budget::Budget;
use super::confinement::Confinement;
use super::limits::Limits;
use super::picture::DecodedPicture;
use crate::error::SkipReason;
use orientd_core::format::isobmff;
use orientd_core::orientation::{Orientation, Turn};

#[cfg(feature = "heif")]
mod compare;
#[cfg(feature = "heif")]
mod library;

/// The first versions without known vulnerabilities: of libheif, and of libde265 where it is used.
const PATCHED: [[u32; 3]; 2] = [[1, 22, 0], [1, 1, 1]];

/// Are these versions (`1.22.0, libde265 1.1.1`) without known vulnerabilities?
pub fn is_patched(versions: &str) -> bool {
    let numbers = versions.split(", libde265 ").map(|version| {
        let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
        std::array::from_fn::<u32, 3, _>(|_| parts.next().unwrap_or(0))
    });
    numbers.zip(PATCHED).all(|(found, patched)| found >= patched)
}

/// Memory a pixel: the picture in planes, converted, and what the codec keeps beside.
const BYTES_PER_PIXEL: u64 = 9;

/// Memory a pixel for another picture that it is compared with, and that picture turned.
const BYTES_PER_PIXEL_KEPT: u64 = 6;

/// What became of the search for libheif.
pub(super) enum Heif {
    /// Nobody has looked yet.
    NotTried,
    Missing(String),
    #[cfg(feature = "heif")]
    Found(library::LibHeif),
}

impl Heif {
    /// Looks for the library and its codecs.
    #[cfg(feature = "heif")]
    pub(super) fn find() -> Self {
        match library::LibHeif::load() {
            Ok(library) => Self::Found(library),
            Err(why) => Self::Missing(why),
        }
    }

    #[cfg(not(feature = "heif"))]
    pub fn find() -> Self {
        Self::Missing("this orientd was built without it (feature `heif`)".into())
    }

    /// Versions with known vulnerabilities (CVE-2026-32741 in libheif before 1.22, CVE-2026-33165 in libde265
    /// before 1.1.1) are used only where the process is confined: distributions fix older ones without
    /// changing the number.
    pub(super) fn unless_unsafe(self, confinement: Confinement) -> Self {
        match self.describe() {
            Ok(versions) if !is_patched(&versions) && !confinement.seccomp => {
                let text = "which is used from 1.22 on where the kernel cannot confine it";
                Self::Missing(format!("here is {versions}, {text}"))
            }
            _ => self,
        }
    }

    pub(super) fn is_tried(&self) -> bool {
        !matches!(self, Self::NotTried)
    }

    /// Which versions were found, or why none is used.
    pub(super) fn describe(&self) -> Result<String, String> {
        match self {
            Self::NotTried => Err("not looked for".into()),
            Self::Missing(why) => Err(why.clone()),
            #[cfg(feature = "heif")]
            Self::Found(library) => Ok(library.version.clone()),
        }
    }

    /// Checked before a file is read: every scan tries such files again, since the library may have been installed.
    pub(super) fn require(&self) -> Result<(), SkipReason> {
        match self {
            Self::NotTried | Self::Missing(_) => Err(self.missing()),
            #[cfg(feature = "heif")]
            Self::Found(_) => Ok(()),
        }
    }

    fn missing(&self) -> SkipReason {
        let why = self.describe().err().unwrap_or_default();
        let hint = "install it (Debian, Ubuntu: libheif1; Fedora, Arch: libheif)";
        SkipReason::LibraryMissing(format!("HEIC and AVIF take libheif: {why}; {hint}"))
    }

    /// Decodes the primary picture as it is coded; `irot` and `imir` are its stored orientation.
    pub(super) fn decode(
        &self,
        bytes: &[u8],
        limits: &Limits,
        budget: &Budget,
    ) -> Result<(DecodedPicture, Orientation), SkipReason> {
        let primary = isobmff::primary(bytes)
            .ok_or_else(|| SkipReason::Corrupt("no primary picture in this HEIF file".into()))?;
        let n_pixels = primary.size.map_or(0, |(w, h)| u64::from(w) * u64::from(h));
        if n_pixels > limits.max_pixels {
            let text = format!("{n_pixels} pixels, more than max_pixels = {}", limits.max_pixels);
            return Err(SkipReason::TooLarge(text));
        }
        let needed = n_pixels.saturating_mul(BYTES_PER_PIXEL);
        let _share = budget.take(usize::try_from(needed).unwrap_or(usize::MAX));
        match self {
            Self::NotTried | Self::Missing(_) => Err(self.missing()),
            #[cfg(feature = "heif")]
            Self::Found(library) => {
                let picture = library.decode(bytes, limits.max_pixels, library::Shown::AsCoded)?;
                let (width, height) =
                    primary.size.unwrap_or((picture.width as u32, picture.height as u32));
                Ok((DecodedPicture { picture, width, height }, primary.stored))
            }
        }
    }
}

impl Heif {
    /// Does `new` show what `old` shows, turned?
    ///
    /// # Errors
    /// Returns an error if one of them cannot be decoded.
    pub(super) fn shows_turned(
        &self,
        old: &[u8],
        new: &[u8],
        turn: Turn,
        limits: &Limits,
        budget: &Budget,
    ) -> Result<bool, SkipReason> {
        let size = isobmff::primary(old).and_then(|primary| primary.size);
        let n_pixels = size.map_or(0, |(w, h)| u64::from(w) * u64::from(h));
        let needed = n_pixels.saturating_mul(BYTES_PER_PIXEL + BYTES_PER_PIXEL_KEPT);
        let _share = budget.take(usize::try_from(needed).unwrap_or(usize::MAX));
        match self {
            Self::NotTried | Self::Missing(_) => Err(self.missing()),
            #[cfg(feature = "heif")]
            Self::Found(library) => {
                compare::shows_turned(library, old, new, turn, limits.max_pixels)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        for (versions, expected) in [
            ("1.22.0, libde265 1.1.1", true),
            ("1.22.0", true),
            ("2.0.0, libde265 1.2.0", true),
            ("1.9.9, libde265 1.1.1", false),
            ("1.22.1, libde265 1.0.16", false),
            ("1.15.1, libde265 1.0.11", false),
            ("?", false),
        ] {
            assert_eq!(is_patched(versions), expected, "{versions}");
        }
    }
}
