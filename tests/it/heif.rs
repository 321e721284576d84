//! HEIC and AVIF by the system's libheif, in files made by its own encoder.

use std::path::{Path, PathBuf};
use std::process::Command;

use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;

use crate::harness::{Library, jpeg_of, real_photo};

/// Encodes by `heif-enc`, with further properties put into the primary picture.
fn encoded(folder: &Path, photo: &Rgb8, ending: &str) -> Vec<u8> {
    let source = folder.join("source.jpg");
    let target = folder.join(format!("target.{ending}"));
    std::fs::write(&source, jpeg_of(photo)).unwrap();
    let mut command = Command::new("heif-enc");
    command.args(["-q", "60"]).args((ending == "avif").then_some("-A"));
    let output = command.arg(&source).arg("-o").arg(&target).output();
    let output = output.expect("heif-enc is installed by `make test`");
    assert!(output.status.success(), "{}", crate::harness::text_of(&output));
    std::fs::read(target).unwrap()
}

/// Adds `property` to the end of `ipco` and to the first item's list in `ipma`.
fn with_property(file: &[u8], property: &[u8]) -> Vec<u8> {
    let mut out = file.to_vec();
    let find = |bytes: &[u8], kind: &[u8]| bytes.windows(4).position(|w| w == kind).unwrap() - 4;
    let grow = |bytes: &mut Vec<u8>, at: usize, by: usize| {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) + by as u32;
        bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
    };
    let ipco = find(&out, b"ipco");
    let length = u32::from_be_bytes(out[ipco..ipco + 4].try_into().unwrap()) as usize;
    let mut n_properties = 0u8;
    let mut at = ipco + 8;
    while at < ipco + length {
        at += u32::from_be_bytes(out[at..at + 4].try_into().unwrap()) as usize;
        n_properties += 1;
    }
    out.splice(ipco + length..ipco + length, property.iter().copied());
    grow(&mut out, ipco, property.len());
    let ipma = find(&out, b"ipma");
    // Version and flags, the number of items, the first item's id, the number of its properties.
    let count = ipma + 8 + 4 + 4 + 2;
    let end = count + 1 + usize::from(out[count]);
    out[count] += 1;
    out.insert(end, 0x80 | (n_properties + 1));
    grow(&mut out, ipma, 1);
    let added = property.len() + 1;
    for parent in [b"iprp", b"meta"] {
        let at = find(&out, parent);
        grow(&mut out, at, added);
    }
    // The picture's data moved: iloc, version 0 or 1, one item with one extent, offsets of 4 bytes.
    let iloc = find(&out, b"iloc");
    let old = u32::from_be_bytes(file[find(file, b"mdat") + 4 - 4..][..4].try_into().unwrap());
    assert!(old > 0);
    let data = (find(file, b"mdat") + 8) as u32;
    let end_of_iloc = iloc + u32::from_be_bytes(out[iloc..iloc + 4].try_into().unwrap()) as usize;
    let place = (iloc + 8..end_of_iloc - 3)
        .find(|at| {
            let value = u32::from_be_bytes(out[*at..at + 4].try_into().unwrap());
            value == data
        })
        .expect("iloc says where the picture's data is");
    out[place..place + 4].copy_from_slice(&(data + added as u32).to_be_bytes());
    out
}

#[test]
fn heif_transformations_are_the_stored_orientation() {
    let library = Library::new();
    let photo = real_photo("coffee");
    let by = |exif| Orientation::from_exif(exif).unwrap();
    for ending in ["heic", "avif"] {
        let upright = encoded(&library.home(), &photo, ending);
        library.add(format!("upright.{ending}"), &upright);
        let sideways = encoded(&library.home(), &photo.clone().oriented(by(8)), ending);
        library.add(format!("sideways.{ending}"), &sideways);
        // Three quarter turns counter-clockwise are one clockwise: EXIF 6, which mends it.
        let repaired = with_property(&sideways, b"\0\0\0\x09irot\x03");
        library.add(format!("repaired.{ending}"), &repaired);
        // Shown upside down by its tag.
        library.add(format!("wrong.{ending}"), &with_property(&upright, b"\0\0\0\x09irot\x02"));
        let mirrored = encoded(&library.home(), &photo.clone().oriented(by(4)), ending);
        library.add(format!("flipped.{ending}"), &with_property(&mirrored, b"\0\0\0\x09imir\0"));
    }
    let before = library.hashes();
    let scanned = library.scan(&["--fix"]);
    for ending in ["heic", "avif"] {
        let format = if ending == "heic" { "heif" } else { "avif" };
        for (name, stored, turn, width) in [
            ("upright", 1, 0, 384),
            ("sideways", 1, 90, 256),
            ("repaired", 6, 0, 256),
            ("wrong", 3, 180, 384),
            ("flipped", 4, 0, 384),
        ] {
            let photo = &scanned.photos[&format!("{name}.{ending}")];
            assert_eq!(photo["format"], format, "{photo}");
            assert_eq!(
                (&photo["stored"], &photo["turn"]),
                (&stored.into(), &turn.into()),
                "{photo}"
            );
            assert_eq!(photo["width"], width, "{photo}");
        }
    }
    for (path, hash) in &before {
        assert_eq!(library.hashes().get(path), Some(hash), "they are read, never written");
    }
}

/// The sidecar states what `irot` and the turn make together, and wins from then on.
#[test]
fn a_sidecar_overrides_the_transformations() {
    let library = Library::new();
    let file = encoded(&library.home(), &real_photo("coffee"), "heic");
    let path = library.add("a.heic", &with_property(&file, b"\0\0\0\x09irot\x03"));
    let before = library.hashes();
    library.scan(&[]);
    let text = library.ok(["fix", "--turn", "180", "--json", path.to_str().unwrap()]);
    assert!(text.contains("\"action\":\"sidecar\""), "{text}");
    assert!(text.contains("\"stored\":6") && text.contains("\"new\":8"), "{text}");
    assert_eq!(library.scan(&["--rescan"]).photos["a.heic"]["stored"], 8);
    library.ok(["verify"]);
    library.ok(["undo", path.to_str().unwrap()]);
    assert_eq!(library.hashes(), before);
    assert_eq!(library.scan(&["--rescan"]).photos["a.heic"]["stored"], 6);
}

/// libheif itself, told to apply them, must show the same picture.
#[test]
fn transformations_are_read_as_libheif_does() {
    let library = Library::new();
    let photo = real_photo("coffee");
    let file = encoded(&library.home(), &photo, "heic");
    for (property, exif) in [
        (b"\0\0\0\x09irot\x01", 8),
        (b"\0\0\0\x09irot\x02", 3),
        (b"\0\0\0\x09irot\x03", 6),
        (b"\0\0\0\x09imir\x00", 4),
        (b"\0\0\0\x09imir\x01", 2),
    ] {
        let path = library.add("one.heic", &with_property(&file, property));
        let shown: PathBuf = library.home().join("shown.jpg");
        let output = Command::new("heif-convert").arg(&path).arg(&shown).output().unwrap();
        assert!(output.status.success(), "{}", crate::harness::text_of(&output));
        let bytes = std::fs::read(&shown).unwrap();
        let image = turbojpeg::decompress(&bytes, turbojpeg::PixelFormat::RGB).unwrap();
        let expected = photo.clone().oriented(Orientation::from_exif(exif).unwrap());
        assert_eq!((image.width, image.height), (expected.width, expected.height), "{exif}");
        let off: u64 =
            image.pixels.iter().zip(&expected.pixels).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        let mean = off as f64 / image.pixels.len() as f64;
        assert!(mean < 8.0, "{exif}: off by {mean} in the mean");
        let scanned = library.scan(&["--rescan"]);
        assert_eq!(scanned.photos["one.heic"]["stored"], exif);
    }
}

#[test]
fn a_heic_cut_short_anywhere_is_a_reason() {
    let library = Library::new();
    let file = encoded(&library.home(), &real_photo("coffee"), "heic");
    for percent in (5..100).step_by(5) {
        library.add(format!("{percent}.heic"), &file[..file.len() * percent / 100]);
    }
    let scanned = library.scan(&[]);
    assert_eq!(scanned.photos.len(), 19);
    for (name, photo) in &scanned.photos {
        let reason = scanned.reason(name);
        assert!(matches!(reason, "truncated" | "corrupt"), "{name}: {photo}");
    }
}

/// With a name that the loader cannot find, as where libheif is not installed.
#[cfg(feature = "test-switches")]
#[test]
fn without_libheif_the_reason_says_what_to_install() {
    let library = Library::new();
    library.add("a.heic", &encoded(&library.home(), &real_photo("coffee"), "heic"));
    let mut command = library.command(["scan", "--json"]);
    command.arg(library.root()).env("ORIENTD_TEST_LIBHEIF", "libheif-that-is-not.so.1");
    let output = command.output().unwrap();
    let scanned = crate::harness::Scanned::parse(&output.stdout);
    assert_eq!(scanned.reason("a.heic"), "library_missing");
    assert_eq!(scanned.photos["a.heic"]["format"], "heif");
    let detail = scanned.photos["a.heic"]["detail"].as_str().unwrap();
    assert!(detail.contains("libheif1"), "{detail}");
    assert_eq!(library.scan(&[]).photos["a.heic"]["verdict"], "upright");
}
