//! Every format and kind of pixel that is decoded, with its stored orientation.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use crate::harness::{Library, jpeg_with, needs_with_exif, real_photo, with_exif};

/// Stored so that 90 degrees clockwise make it upright.
fn sideways() -> Rgb8 {
    real_photo("astronaut").oriented(Orientation::from_exif(8).unwrap())
}

fn as_image(photo: Rgb8) -> DynamicImage {
    RgbImage::from_raw(photo.width as u32, photo.height as u32, photo.pixels).unwrap().into()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn cmyk_jpeg(photo: &Rgb8) -> Vec<u8> {
    // Adobe's way: inverted, with no black ink, so each channel is the colour itself.
    let pixels: Vec<u8> = photo.pixels.chunks(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    let mut compressor = Compressor::new().unwrap();
    compressor.set_subsamp(Subsamp::None).unwrap();
    let width = photo.width;
    let height = photo.height;
    let image =
        Image { pixels: &pixels[..], width, pitch: 4 * width, height, format: PixelFormat::CMYK };
    compressor.compress_to_vec(image).unwrap()
}

#[test]
fn every_image_format_is_judged() {
    let library = Library::new();
    // A GIF has lost most of its colours: it need not be as sure as the model's own threshold wants.
    crate::running::configure(&library, "auto_confidence = 0.9\n");
    let rgb = as_image(sideways());
    library.add("rgb.png", &encoded(&rgb, ImageFormat::Png));
    library.add("sixteen.png", &encoded(&rgb.to_rgb16().into(), ImageFormat::Png));
    library.add("grey.png", &encoded(&rgb.to_luma8().into(), ImageFormat::Png));
    library.add("alpha.png", &encoded(&rgb.to_rgba8().into(), ImageFormat::Png));
    library.add("rgb.webp", &encoded(&rgb, ImageFormat::WebP));
    library.add("rgb.tiff", &encoded(&rgb, ImageFormat::Tiff));
    library.add("sixteen.tiff", &encoded(&rgb.to_rgb16().into(), ImageFormat::Tiff));
    library.add("rgb.bmp", &encoded(&rgb, ImageFormat::Bmp));
    library.add("rgb.gif", &encoded(&rgb.to_rgba8().into(), ImageFormat::Gif));
    library.add("progressive.jpg", &jpeg_with(&sideways(), |c| c.set_progressive(true).unwrap()));
    library.add("grey.jpg", &jpeg_with(&sideways(), |c| c.set_subsamp(Subsamp::Gray).unwrap()));
    library.add("444.jpg", &jpeg_with(&sideways(), |c| c.set_subsamp(Subsamp::None).unwrap()));
    library.add("411.jpg", &jpeg_with(&sideways(), |c| c.set_subsamp(Subsamp::Sub4x1).unwrap()));
    library.add("cmyk.jpg", &cmyk_jpeg(&sideways()));
    let before = library.hashes();
    let scanned = library.scan(&[]);
    assert_eq!(scanned.photos.len(), 14);
    for (name, photo) in &scanned.photos {
        assert_eq!(
            (&photo["verdict"], &photo["turn"]),
            (&"fix".into(), &90.into()),
            "{name}: {photo}"
        );
        assert_eq!((&photo["width"], &photo["height"]), (&384.into(), &384.into()), "{name}");
    }
    let fixed = library.scan(&["--fix"]);
    for name in ["rgb.bmp", "rgb.gif"] {
        assert_eq!(fixed.photos[name]["action"], "sidecar", "{name}");
        assert_eq!(fixed.reason(name), "format_not_written", "{name}");
    }
    assert_eq!(fixed.summary["actions"]["tag"], 12);
    assert_eq!(library.scan(&["--rescan"]).summary["verdicts"]["upright"], 14);
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

/// All eight tags, each over pixels stored to match: all are shown upright.
#[test]
fn stored_orientations_are_applied_before_inference() {
    let library = Library::new();
    for stored in Orientation::all() {
        let pixels = real_photo("astronaut").oriented(stored.inverse());
        let jpeg = with_exif(&jpeg_with(&pixels, |_| {}), stored);
        library.add(format!("{}.jpg", stored.to_exif()), &jpeg);
    }
    library.add("wrong.jpg", &needs_with_exif(90, 3));
    let scanned = library.scan(&["--views", "4"]);
    for stored in 1..=8 {
        let photo = &scanned.photos[&format!("{stored}.jpg")];
        assert_eq!((&photo["verdict"], &photo["stored"]), (&"upright".into(), &stored.into()));
    }
    // Stored 3 shows it turned by 180 already, so 90 - 180 = 270 is missing.
    assert_eq!(scanned.photos["wrong.jpg"]["turn"], 270);
}

#[test]
fn png_webp_and_tiff_orientations_are_read() {
    let library = Library::new();
    let rgb = as_image(sideways());
    let path = library.add("a.png", &encoded(&rgb, ImageFormat::Png));
    let webp = library.add("a.webp", &encoded(&rgb, ImageFormat::WebP));
    let tiff = library.add("a.tiff", &encoded(&rgb, ImageFormat::Tiff));
    for path in [path, webp, tiff] {
        let set = std::process::Command::new("exiftool")
            .args(["-q", "-n", "-overwrite_original", "-Orientation=6"])
            .arg(&path)
            .status();
        assert!(set.expect("exiftool is installed").success());
    }
    let scanned = library.scan(&[]);
    for (name, photo) in &scanned.photos {
        assert_eq!((&photo["stored"], &photo["verdict"]), (&6.into(), &"upright".into()), "{name}");
    }
    assert_eq!(scanned.photos.len(), 3);
}

/// Viewers obey the orientation of a block of which another directory is damaged, and so must we.
#[test]
fn other_exif_damage_does_not_hide_the_orientation() {
    let library = Library::new();
    // Two fields: the orientation 6, and a GPS directory that lies nowhere.
    let mut block = b"Exif\0\0MM\0\x2A\0\0\0\x08\0\x02".to_vec();
    block.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
    block.extend(b"\x88\x25\0\x04\0\0\0\x01\0\x0F\0\0\0\0\0\0");
    let jpeg = crate::harness::with_segment(&jpeg_with(&sideways(), |_| {}), 0xE1, &block);
    library.add("a.jpg", &jpeg);
    let photo = &library.scan(&["--fix"]).photos["a.jpg"];
    assert_eq!((&photo["stored"], &photo["verdict"]), (&6.into(), &"upright".into()), "{photo}");
}

/// `make corpus` in small: two dozen odd files in every mode, checked with exiftool and Pillow.
#[test]
fn a_small_corpus_comes_through_every_mode() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = std::process::Command::new("python3")
        .env("PYTHONPATH", folder.join(".runtime/corpus"))
        .arg(folder.join("scripts/corpus.py"))
        .args(["--orientd", env!("CARGO_BIN_EXE_orientd"), "--small"])
        .output()
        .expect("Pillow is installed by `make test`");
    let text = crate::harness::text_of(&output);
    assert!(output.status.success(), "{text}");
    for outcome in [
        "jpeg | pixels | pixels | 14",
        "webp | tag | tag | 4",
        "gif | sidecar | sidecar | 1",
        "avif | tag | tag | 2",
    ] {
        assert!(text.contains(outcome), "{text}");
    }
}
