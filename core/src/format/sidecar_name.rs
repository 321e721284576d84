//! Which XMP files beside a photo are its own, by their names. darktable and digiKam add `.xmp` to the whole name;
//! Lightroom and Capture One put it in place of the ending, so that files of one stem would share it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::format::sniff::is_raw_by;

/// How a sidecar is named after its photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum SidecarName {
    /// `photo.jpg.xmp`
    #[default]
    Full,
    /// `photo.jpg.XMP`
    FullUpper,
    /// `photo.xmp`
    Stem,
    /// `photo.XMP`
    StemUpper,
}

impl SidecarName {
    /// What wins comes first: the longer name, as Immich and darktable have it.
    pub const ALL: [Self; 4] = [Self::Full, Self::FullUpper, Self::Stem, Self::StemUpper];

    /// What the database calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full.xmp",
            Self::FullUpper => "full.XMP",
            Self::Stem => "stem.xmp",
            Self::StemUpper => "stem.XMP",
        }
    }

    pub fn is_of_stem(self) -> bool {
        matches!(self, Self::Stem | Self::StemUpper)
    }

    /// Where the sidecar of `photo` with this name is.
    pub fn path_of(self, photo: &Path) -> PathBuf {
        let ending = if matches!(self, Self::Full | Self::Stem) { "xmp" } else { "XMP" };
        if self.is_of_stem() {
            return photo.with_extension(ending);
        }
        let mut path = OsString::from(photo.as_os_str());
        path.push(".");
        path.push(ending);
        path.into()
    }
}

impl FromStr for SidecarName {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|name| name.as_str() == word);
        known.ok_or_else(|| format!("unknown name of a sidecar {word:?}"))
    }
}

/// How a new sidecar is to be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SidecarStyle {
    #[default]
    Full,
    Stem,
}

impl FromStr for SidecarStyle {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "full" => Ok(Self::Full),
            "stem" => Ok(Self::Stem),
            _ => Err(format!("unknown sidecar_name {word:?}; one of full, stem")),
        }
    }
}

/// Whose a sidecar is that is named by the stem, the first in line first. Lightroom writes one for what it does not
/// write itself: camera raw, then HEIC; a JPEG or DNG beside it holds its own.
fn rank(ending: &str) -> u8 {
    match ending {
        "dng" => 1,
        raw if is_raw_by(raw) => 0,
        "heic" | "heif" | "hif" | "heics" | "heifs" | "avif" | "avifs" | "avci" => 2,
        _ => 3,
    }
}

/// Is a sidecar that is named by the stem that of the photo with this `ending`? `stated`: the ending that the
/// sidecar names itself. `others`: the endings of the other photos with this stem. Where two have the same claim, it is
/// neither's.
pub fn has_stem<'a>(
    ending: &str,
    stated: Option<&str>,
    mut others: impl Iterator<Item = &'a str>,
) -> bool {
    if let Some(stated) = stated {
        return stated.trim_start_matches('.').eq_ignore_ascii_case(ending);
    }
    let own = rank(&ending.to_ascii_lowercase());
    !others.any(|other| rank(&other.to_ascii_lowercase()) <= own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sidecars_are_found_by_either_name() {
        for (photo, expected) in [
            ("/a/IMG.HEIC", ["IMG.HEIC.xmp", "IMG.HEIC.XMP", "IMG.xmp", "IMG.XMP"]),
            ("/a/b.tar.cr2", ["b.tar.cr2.xmp", "b.tar.cr2.XMP", "b.tar.xmp", "b.tar.XMP"]),
            ("/a/IMG", ["IMG.xmp", "IMG.XMP", "IMG.xmp", "IMG.XMP"]),
        ] {
            let paths = SidecarName::ALL.map(|name| name.path_of(Path::new(photo)));
            assert_eq!(paths, expected.map(|name| Path::new("/a").join(name)), "{photo}");
        }
        for name in SidecarName::ALL {
            assert_eq!(name.as_str().parse(), Ok(name));
        }
        assert_eq!("stem".parse(), Ok(SidecarStyle::Stem));
        assert!("both".parse::<SidecarStyle>().is_err());
    }

    #[test]
    #[rustfmt::skip]
    fn a_stem_has_one_owner() {
        for (name, ending, stated, others, expected) in [
            ("a JPEG alone",                 "JPG",  None,        &[][..],         true),
            ("a HEIC alone",                 "HEIC", None,        &[],             true),
            ("raw beside a JPEG",            "CR2",  None,        &["JPG"],        true),
            ("a JPEG beside raw",            "JPG",  None,        &["CR2"],        false),
            ("a JPEG beside raw, lower",     "jpg",  None,        &["nef"],        false),
            ("a JPEG beside DNG",            "jpg",  None,        &["dng"],        false),
            ("DNG beside the raw it is of",  "dng",  None,        &["ARW"],        false),
            ("the raw beside its DNG",       "ARW",  None,        &["dng", "jpg"], true),
            ("HEIC beside raw",              "HEIC", None,        &["DNG"],        false),
            ("HEIC beside a JPEG",           "HEIC", None,        &["JPG"],        true),
            ("a JPEG beside HEIC",           "JPG",  None,        &["HEIC"],       false),
            ("a JPEG beside a PNG",          "jpg",  None,        &["png"],        false),
            ("two raw files",                "nef",  None,        &["cr2"],        false),
            ("it names this one",            "jpg",  Some("JPG"), &["cr2"],        true),
            ("it names this one by a dot",   "jpg",  Some(".jpg"), &["cr2"],       true),
            ("it names the raw",             "jpg",  Some("CR2"), &["cr2"],        false),
            ("it names a raw that is gone",  "jpg",  Some("CR2"), &[],             false),
            ("one of two it names",          "nef",  Some("NEF"), &["cr2"],        true),
        ] {
            assert_eq!(has_stem(ending, stated, others.iter().copied()), expected, "{name}");
        }
    }
}
