//! Why a file is not written. Each reason has a stable code.

use crate::format::exif::ExifError;
use crate::format::heif::HeifLimit;
use crate::format::jpeg::JpegError;
use crate::format::xmp::XmpLimit;

/// Why a file is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("only JPEG, PNG, WebP, plain TIFF, HEIC and AVIF files are written")]
    Format,
    #[error("{0}")]
    Jpeg(#[from] JpegError),
    #[error("the file has no proper end: the end-of-image marker is missing")]
    NoEnd,
    #[error("the file carries a C2PA signature, which any change would break")]
    Signed,
    #[error("the file has more than one EXIF block")]
    DuplicateExif,
    #[error("{0}")]
    Exif(ExifError),
    #[error("the EXIF block has no Orientation, and no room for one")]
    ExifFull,
    #[error("the EXIF block has no Orientation, and names data behind it that would move")]
    ExifBeyond,
    #[error("its XMP states an orientation that cannot be kept in step")]
    Xmp,
    #[error("its XMP has {0}, which no program writes")]
    XmpLimit(&'static str),
    #[error("data after the end of the image may count on where it lies")]
    TrailingData,
    #[error("a multi-picture index (MPF) that cannot be kept in step")]
    MultiPicture,
    #[error("{0}")]
    Heif(#[from] HeifLimit),
    #[error("malformed {0}")]
    Container(&'static str),
    #[error("the file holds EXIF or XMP in a text chunk that cannot be read, or EXIF in two")]
    ExifElsewhere,
    #[error(
        "the file holds several pages that are not stored alike, and only the first was looked at"
    )]
    MultiPage,
    #[error("the bytes are not what the journal says")]
    NotAsJournaled,
    #[error(
        "its sidecar cannot be kept in step: it is unreadable or unclear about the orientation"
    )]
    Sidecar,
    #[error("its sidecar states the orientation, and wins over the file")]
    SidecarSpeaks,
    #[error("only the pixels of JPEG files are turned")]
    NotJpeg,
    #[error("its sides are not whole blocks, so turning the pixels would lose an edge")]
    NotWholeBlocks,
    #[error("this kind of JPEG is not turned by its pixels: {0}")]
    Kind(&'static str),
    #[error("it holds {0}, which would no longer fit turned pixels")]
    Belongs(&'static str),
    #[error("its EXIF cannot be brought in step with turned pixels")]
    ExifNotInStep,
    #[error("the turned pixels did not prove to be the old ones")]
    NotProved,
    #[error("the original is larger than the undo store may grow")]
    NoBudget,
}

impl Refusal {
    /// The TIFF structure cannot be read at this offset.
    pub(super) fn malformed_exif(at: u32) -> Self {
        Self::Exif(ExifError::Malformed(at as usize))
    }

    /// What JSON and the database call it; never changed once released.
    pub fn code(self) -> &'static str {
        match self {
            Self::Format => "format_not_written",
            Self::Jpeg(_) => "malformed_jpeg",
            Self::NoEnd => "no_end_marker",
            Self::Signed => "signed_c2pa",
            Self::DuplicateExif => "duplicate_exif",
            Self::Exif(ExifError::Malformed(_)) => "malformed_exif",
            Self::ExifFull | Self::ExifBeyond => "exif_without_orientation",
            Self::Xmp => "xmp_orientation",
            Self::XmpLimit(_) => "xmp_limits",
            Self::TrailingData => "trailing_data",
            Self::MultiPicture => "multi_picture",
            Self::Heif(limit) => limit.code(),
            Self::Container(_) => "malformed_container",
            Self::ExifElsewhere => "exif_elsewhere",
            Self::MultiPage => "multi_page",
            Self::NotAsJournaled => "changed",
            Self::Sidecar => "unclear_sidecar",
            Self::SidecarSpeaks => "sidecar_orientation",
            Self::NotJpeg => "not_jpeg",
            Self::NotWholeBlocks => "not_whole_blocks",
            Self::Kind(_) => "jpeg_kind",
            Self::Belongs(_) => "pixels_bound",
            Self::ExifNotInStep => "exif_not_in_step",
            Self::NotProved => "not_proved",
            Self::NoBudget => "no_undo_budget",
        }
    }

    /// Only turning pixels is out of the question; the tag may still be changed.
    pub fn is_about_pixels(self) -> bool {
        matches!(
            self,
            Self::NotJpeg
                | Self::NotWholeBlocks
                | Self::Kind(_)
                | Self::Belongs(_)
                | Self::ExifNotInStep
                | Self::NotProved
                | Self::NoBudget
                | Self::TrailingData
                | Self::MultiPicture
                | Self::Xmp
                | Self::XmpLimit(_)
        )
    }

    /// The format is only read, or this file of it; a sidecar may stand in.
    pub fn is_about_the_format(self) -> bool {
        matches!(self, Self::Format | Self::Heif(_))
    }
}

impl From<XmpLimit> for Refusal {
    fn from(limit: XmpLimit) -> Self {
        Self::XmpLimit(limit.0)
    }
}
