//! The properties that are read, and what they are called in a packet.

pub(super) const TIFF: &str = "http://ns.adobe.com/tiff/1.0/";
const PHOTOSHOP: &str = "http://ns.adobe.com/photoshop/1.0/";
pub(super) const EXIF: &str = "http://ns.adobe.com/exif/1.0/";
pub(super) const GPANO: &str = "http://ns.google.com/photos/1.0/panorama/";

/// A property that a turn may have to change, that says that no turn is to be made, or which photo a sidecar is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    Orientation,
    ImageWidth,
    ImageLength,
    PixelXDimension,
    PixelYDimension,
    ProjectionType,
    UsePanoramaViewer,
    FullPanoWidthPixels,
    FullPanoHeightPixels,
    /// The ending of the photo that a sidecar is of.
    SidecarForExtension,
}

/// What a property is called in a packet.
pub(super) struct Known {
    pub name: Name,
    pub local: &'static str,
    pub usual_prefix: &'static str,
    pub namespace: &'static str,
}

pub(super) const KNOWN: [Known; 10] = [
    Known::new(Name::Orientation, "Orientation", "tiff", TIFF),
    Known::new(Name::ImageWidth, "ImageWidth", "tiff", TIFF),
    Known::new(Name::ImageLength, "ImageLength", "tiff", TIFF),
    Known::new(Name::PixelXDimension, "PixelXDimension", "exif", EXIF),
    Known::new(Name::PixelYDimension, "PixelYDimension", "exif", EXIF),
    Known::new(Name::ProjectionType, "ProjectionType", "GPano", GPANO),
    Known::new(Name::UsePanoramaViewer, "UsePanoramaViewer", "GPano", GPANO),
    Known::new(Name::FullPanoWidthPixels, "FullPanoWidthPixels", "GPano", GPANO),
    Known::new(Name::FullPanoHeightPixels, "FullPanoHeightPixels", "GPano", GPANO),
    Known::new(Name::SidecarForExtension, "SidecarForExtension", "photoshop", PHOTOSHOP),
];

impl Known {
    const fn new(
        name: Name,
        local: &'static str,
        usual_prefix: &'static str,
        namespace: &'static str,
    ) -> Self {
        Self { name, local, usual_prefix, namespace }
    }
}

impl Name {
    /// As it is called within its namespace.
    pub fn local(self) -> &'static str {
        let known = KNOWN.iter().find(|known| known.name == self);
        known.map_or("", |known| known.local)
    }
}
