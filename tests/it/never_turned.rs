//! What is no scene that could lie on its side: panoramas of a whole sphere, strips, blank pictures.

use orientd_core::image::preprocess::resize;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;

use crate::harness::{Library, jpeg_of, needs, real_photo, with_segment};

/// On its side, squeezed into this size, which the network does not see.
fn sideways(width: usize, height: usize) -> Vec<u8> {
    let photo = real_photo("astronaut").oriented(Orientation::from_exif(8).unwrap());
    jpeg_of(&resize(&photo, width, height).unwrap())
}

fn with_gpano(jpeg: &[u8], attributes: &str) -> Vec<u8> {
    let packet = format!(
        "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'>\
         <rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description \
         rdf:about='' xmlns:GPano='http://ns.google.com/photos/1.0/panorama/' {attributes}/>\
         </rdf:RDF></x:xmpmeta>"
    );
    with_segment(jpeg, 0xE1, packet.as_bytes())
}

#[test]
fn panoramas_strips_and_blank_pictures_are_upright() {
    let library = Library::new();
    crate::running::configure(&library, "auto_confidence = 0.9\n");
    let sphere = "GPano:ProjectionType='equirectangular' GPano:UsePanoramaViewer='True'";
    let blank = jpeg_of(&Rgb8 { width: 400, height: 300, pixels: vec![120; 360_000] });
    let files = [
        ("sphere.jpg", with_gpano(&sideways(500, 250), sphere), Some("panorama")),
        ("part.jpg", with_gpano(&sideways(500, 200), sphere), Some("panorama")),
        (
            "viewer.jpg",
            with_gpano(&sideways(500, 250), "GPano:UsePanoramaViewer='True'"),
            Some("panorama"),
        ),
        ("wide.jpg", sideways(3000, 150), Some("strip")),
        ("high.jpg", sideways(150, 3000), Some("strip")),
        ("blank.jpg", blank, Some("nothing_to_see")),
        ("two-to-one.jpg", sideways(500, 250), None),
        ("nineteen.jpg", sideways(2850, 150), None),
        ("plain.jpg", needs(90), None),
    ];
    for (name, bytes, _) in &files {
        library.add(name, bytes);
    }
    let before = library.hashes();
    let scanned = library.scan(&["--fix", "--dry-run"]);
    for (name, _, reason) in &files {
        let photo = &scanned.photos[*name];
        let expected = if reason.is_some() { ("upright", 0) } else { ("fix", 90) };
        assert_eq!(
            (&photo["verdict"], &photo["turn"]),
            (&expected.0.into(), &expected.1.into()),
            "{photo}"
        );
        if let Some(reason) = reason {
            assert_eq!(scanned.reason(name), *reason);
            assert_eq!(photo["state"], "upright");
            assert!(photo["detail"].is_string() && photo["new"].is_null(), "{photo}");
        }
    }
    // What is known says the same, and a person's command for all of them turns none but the others.
    let root = library.root();
    let root = root.to_str().unwrap();
    let listed = library.ok(["list", "--json", root]);
    assert_eq!(listed.matches("\"panorama\"").count(), 3, "{listed}");
    assert_eq!(listed.matches("\"strip\"").count(), 2, "{listed}");
    library.ok(["fix", "--all", "--doubtful", "--yes", root]);
    let after = library.hashes();
    for (name, _, reason) in &files {
        let path = library.path(name);
        let is_as_before = after[&path] == before[&path];
        assert_eq!(is_as_before, reason.is_some(), "{name}");
    }
}
