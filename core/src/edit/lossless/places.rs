//! XMP about places in a picture, or about other pictures: faces and other regions, crops, and edits whose masks lie in
//! pixels. Turned pixels would leave them behind, so such a photo is turned by its tag.

/// Namespaces of which nearly everything is such. Each packet that uses one names it.
const NAMESPACES: [&[u8]; 17] = [
    // Regions of the Metadata Working Group: Lightroom, digiKam, Picasa, Apple.
    b"http://www.metadataworkinggroup.com/schemas/regions/",
    // Regions of Microsoft's programs.
    b"http://ns.microsoft.com/photo/1.2/",
    b"http://ns.acdsee.com/regions/",
    b"http://ns.apple.com/faceinfo/",
    // Camera Raw: crops, masks, retouching.
    b"http://ns.adobe.com/camera-raw-",
    b"http://ns.adobe.com/lightroom-settings-experimental/",
    // History of edits, with crops and masks.
    b"http://darktable.sf.net/",
    b"http://ns.apple.com/adjustment-settings/",
    b"http://ns.nikon.com/",
    // Depth and gain maps, portraits, panoramas, further pictures in the file.
    b"http://ns.google.com/photos/",
    b"http://ns.apple.com/HDRGainMap/",
    b"http://ns.apple.com/depthData",
    b"http://ns.apple.com/pixeldatainfo/",
    b"http://ns.apple.com/semanticSegmentationMatte",
    b"http://ns.apple.com/portraitLightingEffect",
    b"http://ns.adobe.com/hdr-gain-map/",
    b"http://ns.adobe.com/hdr-metadata/",
];

/// Names in namespaces that also hold other things, and usual prefixes where a packet declares none.
const NAMES: [&[u8]; 17] = [
    // IPTC Extension 1.5 and later.
    b":ImageRegion",
    // EXIF's, in pixels.
    b":SubjectArea",
    b":SubjectLocation",
    // Previews within XMP.
    b":Thumbnails",
    b"mwg-rs:",
    b"MPReg:",
    b"MP:RegionInfo",
    b"acdsee-rs:",
    b"apple-fi:",
    b"crs:",
    b"darktable:",
    b"GCamera:",
    b"GDepth:",
    b"GImage:",
    b"GPano:",
    b"hdrgm:",
    b"Container:",
];

/// Does a packet of XMP, in the photo or beside it, state anything that turned pixels would leave behind?
pub fn is_about_places(xmp: &[u8]) -> bool {
    NAMESPACES.iter().chain(&NAMES).any(|part| super::contains(xmp, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn what_turned_pixels_would_leave_behind() {
        for (name, text, expected) in [
            ("a rating",              r#"xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="3""#, false),
            ("an orientation",        r#"xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="1""#, false),
            ("a place on a map",      r#"xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:City="x""#, false),
            ("a camera's lens",       r#"xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" aux:Lens="x""#, false),
            ("digiKam's tags",        r#"xmlns:digiKam="http://www.digikam.org/ns/1.0/"><digiKam:TagsList>"#, false),
            ("MWG regions",           r#"xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/""#, true),
            ("by another prefix",     r#"xmlns:r='http://www.metadataworkinggroup.com/schemas/regions/' r:Regions"#, true),
            ("IPTC image regions",    "<Iptc4xmpExt:ImageRegion>", true),
            ("ACDSee regions",        r#"xmlns:acdsee-rs="http://ns.acdsee.com/regions/""#, true),
            ("Microsoft's regions",   r#"xmlns:MP="http://ns.microsoft.com/photo/1.2/""#, true),
            ("Microsoft's, bare",     "<MP:RegionInfo>", true),
            ("Microsoft's rating",    r#"xmlns:MicrosoftPhoto="http://ns.microsoft.com/photo/1.0/""#, false),
            ("a crop",                r#"xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:CropTop="0.1""#, true),
            ("a crop, bare",          r#"crs:CropAngle="1""#, true),
            ("darktable's history",   r#"xmlns:darktable="http://darktable.sf.net/" darktable:history_end="2""#, true),
            ("a subject in pixels",   r#"xmlns:exif="http://ns.adobe.com/exif/1.0/"><exif:SubjectArea>"#, true),
            ("a preview",             "<xmp:Thumbnails><rdf:Alt>", true),
            ("a gain map",            r#"xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/""#, true),
        ] {
            assert_eq!(is_about_places(text.as_bytes()), expected, "{name}");
        }
    }
}
