//! HEIC and AVIF by the system's libheif, in files made by its own encoder.

use std::path::Path;
use std::process::Command;

use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::{Orientation, Turn};

use crate::harness::{Library, exiftool, jpeg_of, real_photo, with_exif};

/// Encodes by `heif-enc`, with further properties put into the primary picture.
pub fn encoded(folder: &Path, photo: &Rgb8, ending: &str) -> Vec<u8> {
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

/// Encodes a JPEG, whose EXIF goes along, by `heif-enc` with further arguments.
fn encoded_jpeg(folder: &Path, jpeg: &[u8], arguments: &[&str]) -> Vec<u8> {
    let source = folder.join("source.jpg");
    let target = folder.join("target.heic");
    std::fs::write(&source, jpeg).unwrap();
    let mut command = Command::new("heif-enc");
    let output = command.args(["-q", "60"]).args(arguments).arg(&source).arg("-o").arg(&target);
    let output = output.output().expect("heif-enc is installed by `make test`");
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

/// The picture as libheif's own tool shows it.
fn shown(library: &Library, path: &Path) -> Rgb8 {
    let shown = library.home().join("shown.png");
    let output = Command::new("heif-convert").arg(path).arg(&shown).output().unwrap();
    assert!(output.status.success(), "{}", crate::harness::text_of(&output));
    let image = image::open(&shown).unwrap().into_rgb8();
    let [width, height] = [image.width(), image.height()].map(|side| side as usize);
    Rgb8 { width, height, pixels: image.into_raw() }
}

/// Over all samples. Pictures of different sizes are as different as can be.
fn mean_difference(one: &Rgb8, other: &Rgb8) -> f64 {
    if (one.width, one.height) != (other.width, other.height) {
        return 255.0;
    }
    let off: u64 =
        one.pixels.iter().zip(&other.pixels).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    off as f64 / one.pixels.len() as f64
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
    let scanned = library.scan(&[]);
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
    assert_eq!(library.hashes(), before);
    // What is wrong is turned in the file itself, and nothing is put beside it.
    let wrong = ["sideways.heic", "sideways.avif", "wrong.heic", "wrong.avif"];
    for name in wrong {
        let turn = scanned.photos[name]["turn"].to_string();
        let fixed = fix(&library, &library.path(name), &turn);
        assert_eq!(fixed["action"], "tag", "{fixed}");
    }
    assert_eq!(library.hashes().len(), before.len());
    for (name, photo) in &library.scan(&["--rescan"]).photos {
        assert_eq!(photo["turn"], 0, "{name}: {photo}");
    }
    library.ok(["verify"]);
    library.ok(["undo", library.root().to_str().unwrap()]);
    assert_eq!(library.hashes(), before);
}

/// The sidecar states what `irot` and the turn make together, and wins from then on.
#[test]
fn a_sidecar_overrides_the_transformations() {
    let library = Library::new();
    let file = encoded(&library.home(), &real_photo("coffee"), "heic");
    let path = library.add("a.heic", &with_property(&file, b"\0\0\0\x09irot\x03"));
    let before = library.hashes();
    library.scan(&[]);
    let name = path.to_str().unwrap();
    let text = library.ok(["fix", "--mode", "sidecar", "--turn", "180", "--json", name]);
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
        let expected = photo.clone().oriented(Orientation::from_exif(exif).unwrap());
        let off = mean_difference(&shown(&library, &path), &expected);
        assert!(off < 8.0, "{exif}: off by {off} in the mean");
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

fn fix(library: &Library, path: &Path, degrees: &str) -> serde_json::Value {
    let name = path.to_str().unwrap();
    let text = library.ok(["fix", "--turn", degrees, "--json", name]);
    serde_json::from_str(text.lines().next().expect("one photo")).unwrap()
}

/// With a rotation, with a mirror, with neither; EXIF in step where it agreed, and nothing else that exiftool
/// sees is another.
#[test]
fn a_turned_heic_is_shown_turned_by_libheif() {
    let library = Library::new();
    let photo = real_photo("chelsea").oriented(Orientation::from_exif(6).unwrap());
    let jpeg = with_exif(&jpeg_of(&photo), Orientation::UPRIGHT);
    let phone = encoded_jpeg(&library.home(), &jpeg, &["-t", "64"]);
    let plain = encoded(&library.home(), &photo, "heic");
    for (name, file, degrees, exif_follows) in [
        ("phone", phone, "90", true),
        ("turned", with_property(&plain, b"\0\0\0\x09irot\x01"), "180", false),
        ("mirrored", with_property(&plain, b"\0\0\0\x09imir\x01"), "270", false),
    ] {
        let path = library.add(format!("{name}.heic"), &file);
        let before = shown(&library, &path);
        let said = exiftool(&path);
        let fixed = fix(&library, &path, degrees);
        assert_eq!(fixed["action"], "tag", "{fixed}");
        let turn = Turn::from_degrees(degrees.parse().unwrap()).unwrap();
        let expected = before.oriented(turn.orientation());
        assert_eq!(mean_difference(&shown(&library, &path), &expected), 0.0, "{name}");
        let says = exiftool(&path);
        let changed = says.iter().filter(|(tag, value)| said.get(*tag) != Some(*value));
        let changed: Vec<&str> = changed.map(|(tag, _)| tag.as_str()).collect();
        let may_change = ["QuickTime:Rotation", "QuickTime:MediaDataOffset", "IFD0:Orientation"];
        assert!(changed.iter().all(|tag| may_change.contains(tag)), "{name}: {changed:?}");
        assert_eq!(changed.contains(&"IFD0:Orientation"), exif_follows, "{name}: {changed:?}");
        library.ok(["undo", path.to_str().unwrap()]);
        assert!(std::fs::read(&path).unwrap() == file, "{name}: not put back");
    }
}

/// The second turn of a file has a byte to overwrite, and leaves the inode as it is.
#[test]
fn the_second_turn_is_one_byte_in_place() {
    use std::os::unix::fs::MetadataExt;
    let library = Library::new();
    for ending in ["heic", "avif"] {
        let file = encoded(&library.home(), &real_photo("coffee"), ending);
        let path = library.add(format!("a.{ending}"), &file);
        assert_eq!(fix(&library, &path, "90")["new"], 6);
        let once = std::fs::read(&path).unwrap();
        let inode = path.metadata().unwrap().ino();
        assert_eq!(fix(&library, &path, "90")["new"], 3);
        let twice = std::fs::read(&path).unwrap();
        assert_eq!(path.metadata().unwrap().ino(), inode);
        assert_eq!(once.len(), twice.len());
        assert_eq!(once.iter().zip(&twice).filter(|(a, b)| a != b).count(), 1);
        library.ok(["undo", path.to_str().unwrap()]);
        assert!(std::fs::read(&path).unwrap() == file);
    }
}

#[test]
fn what_a_heic_must_not_lose_gets_a_sidecar() {
    let library = Library::new();
    let file = encoded(&library.home(), &real_photo("coffee"), "heic");
    let boxed = |kind: &[u8; 4], payload: &[u8]| {
        let length = (payload.len() as u32 + 8).to_be_bytes();
        [&file[..], &length, kind, payload].concat()
    };
    let c2pa = b"\xD8\xFE\xC3\xD6\x1B\x0E\x48\x3C\x92\x97\x58\x28\x87\x7E\xC4\x81";
    for (name, bytes, reason) in [
        ("film", boxed(b"mpvd", b"\0\0\0\x08free"), "motion_photo"),
        ("signed", boxed(b"uuid", c2pa), "signed_c2pa"),
        ("trailer", [&file[..], b"SEFHxyz"].concat(), "trailing_data"),
        ("unknown", boxed(b"what", b"?"), "unknown_construction"),
    ] {
        let path = library.add(format!("{name}.heic"), &bytes);
        let fixed = fix(&library, &path, "90");
        assert_eq!(fixed["action"], "sidecar", "{name}: {fixed}");
        assert_eq!(fixed["reason"], reason, "{name}: {fixed}");
        assert!(std::fs::read(&path).unwrap() == bytes, "{name}");
        assert!(path.with_file_name(format!("{name}.heic.xmp")).exists(), "{name}");
    }
}

/// Where no decoder can say that the turned file shows the same, it is not written.
#[cfg(feature = "test-switches")]
#[test]
fn nothing_is_written_without_the_proof() {
    let library = Library::new();
    let file = encoded(&library.home(), &real_photo("coffee"), "heic");
    let path = library.add("a.heic", &file);
    library.scan(&[]);
    let mut command = library.command(["fix", "--turn", "90", "--json", path.to_str().unwrap()]);
    let output = command.env("ORIENTD_TEST_LIBHEIF", "libheif-that-is-not.so.1").output().unwrap();
    let text = crate::harness::text_of(&output);
    assert!(text.contains("\"action\":\"sidecar\"") && text.contains("not_proved"), "{text}");
    assert!(std::fs::read(&path).unwrap() == file);
}
