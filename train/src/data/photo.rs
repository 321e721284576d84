//! Opens one photo: decoding stands behind `open_photo` alone.

use std::io::Cursor;
use std::path::Path;

use image::ImageReader;
use orientd_core::format::metadata;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;

use crate::jpeg;

/// Larger photos are left out: they would not fit beside others in memory.
const MAX_PIXELS: u64 = 300_000_000;

/// Why a photo is left out. It is listed, and the work goes on.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot read the file")]
    Read(#[from] std::io::Error),
    #[error("cannot decode the JPEG: {0}")]
    Jpeg(#[from] turbojpeg::Error),
    #[error("cannot decode the picture: {0}")]
    Image(#[from] image::ImageError),
    #[error("{0}×{1} pixels are too many")]
    TooLarge(u64, u64),
    #[error("the picture is empty")]
    Empty,
}

/// A decoded photo, as stored, and what its file says.
#[derive(Debug)]
pub struct Opened {
    /// Before the stored orientation is applied.
    pub pixels: Rgb8,
    pub stored: Orientation,
    /// When it was taken by the camera's clock, in seconds; only differences mean anything.
    pub taken: Option<i64>,
}

impl Opened {
    /// What a viewer shows.
    pub fn displayed(self) -> Rgb8 {
        self.pixels.oriented(self.stored)
    }
}

/// # Errors
/// Returns an error if the file cannot be read, is damaged or of an unknown format.
pub fn open_photo(path: &Path) -> Result<Opened, OpenError> {
    let bytes = std::fs::read(path)?;
    let pixels = if bytes.starts_with(&[0xff, 0xd8]) {
        let header = turbojpeg::read_header(&bytes)?;
        check_size(header.width as u64, header.height as u64)?;
        jpeg::decode(&bytes)?
    } else {
        decode_other(&bytes)?
    };
    if pixels.width == 0 || pixels.height == 0 {
        return Err(OpenError::Empty);
    }
    // Absent EXIF says nothing, as for a viewer.
    let stored = metadata::embedded_orientation(&bytes);
    Ok(Opened { pixels, stored, taken: metadata::taken(&bytes) })
}

fn decode_other(bytes: &[u8]) -> Result<Rgb8, OpenError> {
    let reader = || ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let (width, height) = reader()?.into_dimensions()?;
    check_size(width.into(), height.into())?;
    let picture = reader()?.decode()?.into_rgb8();
    Ok(Rgb8 { width: width as usize, height: height as usize, pixels: picture.into_raw() })
}

fn check_size(width: u64, height: u64) -> Result<(), OpenError> {
    if width * height > MAX_PIXELS { Err(OpenError::TooLarge(width, height)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_and_strange_files_are_errors() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            open_photo(&path)
        };
        let photo = Rgb8 { width: 40, height: 30, pixels: (0..3600).map(|i| i as u8).collect() };
        let whole = jpeg::encode(&photo, 90).expect("encodes");
        let opened = open("whole.jpg", &whole).expect("a whole JPEG");
        assert_eq!((opened.pixels.width, opened.pixels.height), (40, 30));
        assert_eq!((opened.stored, opened.taken), (Orientation::UPRIGHT, None));
        assert!(open("cut.jpg", &whole[..whole.len() / 2]).is_err());
        assert!(open("text.jpg", b"not a photo").is_err());
        assert!(open("empty.jpg", b"").is_err());
        assert!(open_photo(&folder.path().join("absent.jpg")).is_err());
    }
}
