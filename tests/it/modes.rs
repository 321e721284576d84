//! `pixels` and `sidecar` mode, the undo store, and `verify`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use image::{ImageFormat, RgbImage};
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;

use crate::harness::{
    Library, exiftool, jpeg_with, needs, needs_with_exif, real_photo, text_of, with_exif,
    with_segment,
};

fn decoded(path: &Path) -> Rgb8 {
    let image = turbojpeg::decompress(&fs::read(path).unwrap(), turbojpeg::PixelFormat::RGB);
    let image = image.unwrap();
    Rgb8 { width: image.width, height: image.height, pixels: image.pixels }
}

/// Mean difference of two pictures of one size.
fn difference(a: &Rgb8, b: &Rgb8) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let sum: u64 = a.pixels.iter().zip(&b.pixels).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.pixels.len() as f64
}

/// Wide, and of whole blocks however it is turned.
fn wide() -> Rgb8 {
    let photo = real_photo("astronaut");
    let width = photo.width / 16 * 16;
    let height = photo.height / 32 * 16;
    let rows = (0..height).flat_map(|y| {
        let at = 3 * y * photo.width;
        photo.pixels[at..at + 3 * width].to_vec()
    });
    Rgb8 { width, height, pixels: rows.collect() }
}

#[test]
fn pixels_turn_without_loss_from_every_tag() {
    for stored in Orientation::all() {
        for progressive in [false, true] {
            let library = Library::new();
            let jpeg = jpeg_with(&wide(), |c| c.set_progressive(progressive).unwrap());
            let path = library.add("a.jpg", &with_exif(&jpeg, stored));
            let before = library.hashes();
            let old = decoded(&path);
            let name = path.to_str().unwrap();
            let turn = Orientation::from_exif(6).unwrap();
            let text = library.ok(["fix", "--mode", "pixels", "--turn", "90", "--json", name]);
            let apply = stored.then(turn);
            // Where the tag and the turn cancel out, only the tag was wrong.
            let action = if apply == Orientation::UPRIGHT { "tag" } else { "pixels" };
            assert!(text.contains(&format!("\"action\":\"{action}\"")), "{stored:?}: {text}");
            assert!(text.contains("\"new\":1"), "{stored:?}: {text}");
            let said = exiftool(&path);
            assert_eq!(said["IFD0:Orientation"], "\"Horizontal (normal)\"");
            let process = said["File:EncodingProcess"].contains("Progressive");
            assert_eq!(process, progressive);
            assert!(difference(&decoded(&path), &old.oriented(apply)) < 1.0, "{stored:?}");
            library.ok(["verify"]);
            library.ok(["undo", "--last"]);
            assert_eq!(library.hashes(), before, "{stored:?}");
        }
    }
}

#[test]
fn sizes_thumbnail_and_xmp_agree_with_turned_pixels() {
    let library = Library::new();
    let thumbnail = Rgb8 { width: 32, height: 16, pixels: vec![90; 32 * 16 * 3] };
    let thumb_path = library.home().join("t.jpg");
    fs::write(&thumb_path, jpeg_with(&thumbnail, |_| {})).unwrap();
    let photo = wide();
    let path = library.add("a.jpg", &jpeg_with(&photo, |_| {}));
    let mut set = Command::new("exiftool");
    set.args(["-q", "-n", "-overwrite_original", "-Orientation=1", "-Model=Camera"]);
    set.arg(format!("-ExifImageWidth={}", photo.width));
    set.arg(format!("-ExifImageHeight={}", photo.height));
    set.arg(format!("-XMP-exif:ExifImageWidth={}", photo.width));
    set.arg(format!("-XMP-exif:ExifImageHeight={}", photo.height));
    set.args(["-XMP-tiff:Orientation=1", "-IPTC:City=Oslo", "-Comment=kept"]);
    set.arg(format!("-ThumbnailImage<={}", thumb_path.display())).arg(&path);
    assert!(set.status().unwrap().success());
    let before = library.hashes();
    let mut said = exiftool(&path);
    assert!(said.contains_key("IFD1:ThumbnailLength"), "{said:?}");
    library.ok(["fix", "--mode", "pixels", "--turn", "270", path.to_str().unwrap()]);
    let mut now = exiftool(&path);
    for (across, down) in [
        ("ExifIFD:ExifImageWidth", "ExifIFD:ExifImageHeight"),
        ("XMP-exif:ExifImageWidth", "XMP-exif:ExifImageHeight"),
        ("File:ImageWidth", "File:ImageHeight"),
    ] {
        let a = said[across].clone();
        let b = said[down].clone();
        said.insert(across.into(), b);
        said.insert(down.into(), a);
    }
    for key in ["Composite:ImageSize", "IFD1:ThumbnailLength", "IFD1:ThumbnailImage"] {
        assert_eq!(said.remove(key).is_some(), now.remove(key).is_some(), "{key}");
    }
    assert_eq!(now, said);
    let read = Command::new("exiftool").args(["-b", "-ThumbnailImage"]).arg(&path).output();
    let turned = turbojpeg::read_header(&read.unwrap().stdout).unwrap();
    assert_eq!((turned.width, turned.height), (16, 32));
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

/// By a prefix of its own, as any program may write it.
const IPTC_REGION: &[u8] = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
    <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description \
    xmlns:ext=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\"><ext:ImageRegion><rdf:Bag/>\
    </ext:ImageRegion></rdf:Description></rdf:RDF></x:xmpmeta>";

/// With an orientation, and a maker note that holds `preview`.
fn with_maker_note(jpeg: &[u8], preview: &[u8]) -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        let number = [count, value].map(u32::to_le_bytes).concat();
        [&[tag, kind].map(u16::to_le_bytes).concat()[..], &number].concat()
    };
    let note = [b"Maker\0\x01\0", preview, &[0; 9]].concat();
    let first = [entry(0x0112, 3, 1, 1), entry(0x8769, 4, 1, 38)].concat();
    let details = entry(0x927C, 7, note.len() as u32, 56);
    let head = b"Exif\0\0II*\0\x08\0\0\0";
    let block = [&head[..], &[2, 0], &first, &[0; 4], &[1, 0], &details, &[0; 4], &note].concat();
    with_segment(jpeg, 0xE1, &block)
}

#[test]
fn what_cannot_turn_losslessly_turns_by_tag() {
    let library = Library::new();
    let odd = Rgb8 { width: 50, height: 33, pixels: vec![80; 50 * 33 * 3] };
    let jpeg = jpeg_with(&wide(), |_| {});
    let exif = |jpeg: &[u8]| with_exif(jpeg, Orientation::UPRIGHT);
    for (name, bytes, reason) in [
        ("odd.jpg", exif(&jpeg_with(&odd, |_| {})), "not_whole_blocks"),
        ("mpf.jpg", exif(&with_segment(&jpeg, 0xE2, b"MPF\0rest")), "multi_picture"),
        ("video.jpg", [exif(&jpeg), b"ftypmp42".to_vec()].concat(), "trailing_data"),
        (
            "gain.jpg",
            exif(&with_segment(&jpeg, 0xE2, b"urn:iso:std:iso:ts:21496:-1\0")),
            "pixels_bound",
        ),
        ("region.jpg", exif(&with_segment(&jpeg, 0xE1, IPTC_REGION)), "pixels_bound"),
        ("nikon.jpg", with_maker_note(&jpeg, &jpeg), "pixels_bound"),
        ("minolta.jpg", with_maker_note(&jpeg, &[b"\x02", &jpeg[1..]].concat()), "pixels_bound"),
        ("thermal.jpg", exif(&with_segment(&jpeg, 0xE1, b"FLIR\0")), "pixels_bound"),
        (
            "arithmetic.jpg",
            exif(&jpeg_with(&wide(), |c| c.set_arithmetic(true).unwrap())),
            "jpeg_kind",
        ),
    ] {
        let path = library.add(name, &bytes);
        let args = ["fix", "--mode", "pixels", "--turn", "90", "--json"];
        let dry = library.ok([&args[..], &["--dry-run", path.to_str().unwrap()]].concat());
        let text = library.ok([&args[..], &[path.to_str().unwrap()]].concat());
        assert_eq!(dry, text, "{name}");
        assert!(text.contains("\"action\":\"tag\""), "{name}: {text}");
        assert!(text.contains(&format!("\"reason\":\"{reason}\"")), "{name}: {text}");
        library.ok(["undo", path.to_str().unwrap()]);
        assert_eq!(fs::read(&path).unwrap(), bytes, "{name}");
    }
    let signed = library.add("signed.jpg", &with_segment(&jpeg, 0xEB, b"JP\0\x01c2pa"));
    let output = library.run(["fix", "--mode", "pixels", "--turn", "90", signed.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("C2PA"));
}

#[test]
fn sidecars_are_created_edited_and_removed() {
    let library = Library::new();
    let path = library.add("a.jpg", &needs(90));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let before = library.hashes();
    let planned = library.scan(&["--fix=sidecar", "--dry-run"]);
    assert_eq!(library.hashes(), before);
    let fixed = library.scan(&["--fix=sidecar"]);
    assert_eq!(fixed.photos["a.jpg"]["action"], "sidecar");
    assert_eq!(planned.photos["a.jpg"]["new"], fixed.photos["a.jpg"]["new"]);
    let sidecar = library.path("a.jpg.xmp");
    assert_eq!(exiftool(&sidecar)["XMP-tiff:Orientation"], "\"Rotate 90 CW\"");
    assert_eq!(fs::read(&path).unwrap(), needs(90), "the photo itself is not touched");
    // It is read back, and its own work is no news.
    assert_eq!(library.scan(&["--fix=sidecar"]).summary["looked_at"], 0);
    let again = library.scan(&["--rescan"]);
    let photo = &again.photos["a.jpg"];
    assert_eq!((&photo["stored"], &photo["verdict"]), (&6.into(), &"upright".into()), "{photo}");
    library.ok(["verify"]);
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
    assert_eq!(library.scan(&["--fix=sidecar", "--rescan"]).photos["a.jpg"]["stored"], 1);
}

/// As darktable writes it, shortened.
const DARKTABLE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <!-- <rdf:Description tiff:Orientation="3"/> -->
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
   xmp:Rating="3"
   darktable:history_end="2">
   <darktable:history><rdf:Seq><rdf:li darktable:num="0"/></rdf:Seq></darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"#;

#[test]
fn other_programs_work_in_a_sidecar_keeps_every_byte() {
    let library = Library::new();
    let path = library.add("a.jpg", &needs(90));
    let sidecar = library.add("a.jpg.xmp", DARKTABLE.as_bytes());
    let before = library.hashes();
    library.ok(["fix", "--mode", "sidecar", "--turn", "90", path.to_str().unwrap()]);
    let merged = fs::read_to_string(&sidecar).unwrap();
    let added = " xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\" tiff:Orientation=\"6\"";
    assert_eq!(merged.replacen(added, "", 1), DARKTABLE);
    let said = exiftool(&sidecar);
    assert_eq!(said["XMP-tiff:Orientation"], "\"Rotate 90 CW\"");
    assert_eq!(said["XMP-xmp:Rating"], "3");
    // Now it speaks, and wins over the file: it is edited in every mode.
    for (mode, states) in [("tag", "3"), ("pixels", "8"), ("sidecar", "1")] {
        let path = path.to_str().unwrap();
        let said = library.ok(["fix", "--mode", mode, "--turn", "90", path]);
        let is_instead = said.contains("by sidecar instead: its sidecar states");
        assert_eq!(is_instead, mode != "sidecar", "{mode}: {said}");
        let stated = format!("tiff:Orientation=\"{states}\"");
        let turned_on = merged.replacen("tiff:Orientation=\"6\"", &stated, 1);
        assert_eq!(fs::read_to_string(&sidecar).unwrap(), turned_on, "{mode}");
    }
    library.ok(["undo", library.root().to_str().unwrap()]);
    assert_eq!(library.hashes(), before);
}

#[test]
fn unclear_sidecars_are_left_alone() {
    let description = |inner: &str| {
        format!(
            "<x xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" \
             xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\"><rdf:RDF>{inner}</rdf:RDF></x>"
        )
    };
    for (name, text) in [
        ("not XML", "rating: 3".to_owned()),
        ("cut short", DARKTABLE[..300].to_owned()),
        ("no description", description("")),
        ("nine", description("<rdf:Description tiff:Orientation=\"9\"/>")),
        (
            "twice",
            description(
                "<rdf:Description tiff:Orientation=\"1\"/><rdf:Description tiff:Orientation=\"6\"/>",
            ),
        ),
        (
            "a list",
            description(
                "<rdf:Description><tiff:Orientation><rdf:Seq/></tiff:Orientation></rdf:Description>",
            ),
        ),
    ] {
        let library = Library::new();
        let path = library.add("a.jpg", &needs(90));
        library.add("a.jpg.xmp", text.as_bytes());
        let before = library.hashes();
        let output =
            library.run(["fix", "--mode", "sidecar", "--turn", "90", path.to_str().unwrap()]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("unreadable or unclear"), "{name}: {text}");
        assert_eq!(library.hashes(), before, "{name}");
    }
}

#[test]
fn formats_that_are_only_read_get_a_sidecar() {
    let library = Library::new();
    // A GIF has lost most of its colours: it need not be as sure as the model's own threshold wants.
    crate::running::configure(&library, "auto_confidence = 0.9\n");
    let photo = real_photo("astronaut").oriented(Orientation::from_exif(8).unwrap());
    let image = RgbImage::from_raw(photo.width as u32, photo.height as u32, photo.pixels).unwrap();
    for name in ["a.bmp", "a.gif"] {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let format = ImageFormat::from_extension(&name[2..]).unwrap();
        image::DynamicImage::from(image.clone()).to_rgba8().write_to(&mut bytes, format).unwrap();
        library.add(name, &bytes.into_inner());
    }
    let before = library.hashes();
    let fixed = library.scan(&["--fix"]);
    for name in ["a.bmp", "a.gif"] {
        assert_eq!(fixed.photos[name]["action"], "sidecar", "{name}");
    }
    let again = library.scan(&["--rescan"]);
    assert_eq!(again.photos["a.gif"]["verdict"], "upright");
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

#[test]
fn the_undo_store_drops_the_oldest_and_undo_says_so() {
    let library = Library::new();
    let jpeg = |quality: i32| jpeg_with(&wide(), |c| c.set_quality(quality).unwrap());
    let paths = [library.add("a.jpg", &jpeg(90)), library.add("b.jpg", &jpeg(91))];
    let config = library.home().join("config.toml");
    let budget = fs::read(&paths[1]).unwrap().len() + 100;
    fs::write(&config, format!("mode = \"pixels\"\noriginals_max_bytes = {budget}")).unwrap();
    let config = config.to_str().unwrap();
    for path in &paths {
        let path = path.to_str().unwrap();
        let text = library.ok(["fix", "--config", config, "--turn", "90", "--json", path]);
        assert!(text.contains("\"action\":\"pixels\""), "{text}");
    }
    let changed = library.hashes();
    let output = library.run(["verify", "--json"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("original_dropped") && text.contains("\"sound\":1,\"failed\":1"),
        "{text}"
    );
    let output = library.run(["undo", paths[0].to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("original"));
    assert_eq!(library.hashes(), changed);
    library.ok(["undo", paths[1].to_str().unwrap()]);
    assert_eq!(fs::read(&paths[1]).unwrap(), jpeg(91));
    // An original that can never fit is not given up: the tag is changed instead.
    let tight = library.home().join("tight.toml");
    fs::write(&tight, "mode = \"pixels\"\noriginals_max_bytes = 10").unwrap();
    let c = library.add("c.jpg", &jpeg(80));
    let args = ["fix", "--config", tight.to_str().unwrap(), "--turn", "90", "--json"];
    let text = library.ok([&args[..], &[c.to_str().unwrap()]].concat());
    assert!(text.contains("no_undo_budget") && text.contains("\"action\":\"tag\""), "{text}");
}

#[test]
fn verify_names_what_was_changed_or_is_gone() {
    let library = Library::new();
    let names = ["sound.jpg", "edited.jpg", "gone.jpg"];
    let paths = names.map(|name| library.add(name, &needs_with_exif(90, 1)));
    for path in &paths {
        library.ok(["fix", "--turn", "90", path.to_str().unwrap()]);
    }
    library.ok(["verify"]);
    fs::write(&paths[1], needs(0)).unwrap();
    fs::remove_file(&paths[2]).unwrap();
    let output = library.run(["verify", library.root().to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("edited.jpg  changed on disk") && text.contains("gone.jpg  the file is gone"),
        "{text}"
    );
    assert!(!text.contains("sound.jpg"), "{text}");
}

#[test]
fn a_folders_mode_holds_for_scans_too() {
    let library = Library::new();
    library.add("tag/a.jpg", &needs_with_exif(90, 1));
    library.add("beside/b.jpg", &needs_with_exif(90, 1));
    let config = library.home().join("config.toml");
    let text = format!("[[root]]\npath = {:?}\nmode = \"sidecar\"", library.path("beside"));
    fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let fixed = library.scan(&["--fix", "--config", config]);
    assert_eq!(fixed.photos["a.jpg"]["action"], "tag");
    assert_eq!(fixed.photos["b.jpg"]["action"], "sidecar");
    assert!(library.path("beside/b.jpg.xmp").exists());
}

#[test]
fn the_undo_store_drops_what_is_too_old() {
    let library = Library::new();
    let paths = ["a.jpg", "b.jpg"].map(|name| library.add(name, &jpeg_with(&wide(), |_| {})));
    let config = library.home().join("config.toml");
    fs::write(&config, "mode = \"pixels\"\noriginals_max_days = 30").unwrap();
    let fix = |path: &Path| {
        let args = ["fix", "--config", config.to_str().unwrap(), "--turn", "90"];
        library.ok([&args[..], &[path.to_str().unwrap()]].concat());
    };
    fix(&paths[0]);
    fs::write(&paths[1], jpeg_with(&wide(), |c| c.set_quality(50).unwrap())).unwrap();
    let data = library.home().join(".local/share/orientd");
    let db = rusqlite::Connection::open(data.join("orientd.db")).unwrap();
    let month = 31 * 86_400;
    assert_eq!(db.execute("UPDATE originals SET kept_at = kept_at - ?1", [month]).unwrap(), 1);
    drop(db);
    fix(&paths[1]);
    let verified = || text_of(&library.run(["verify", "--json"]));
    assert!(verified().contains("\"sound\":1,\"failed\":1"), "{}", verified());
    assert!(verified().contains("original_dropped"), "{}", verified());
    let n_kept = || {
        let files = walkdir::WalkDir::new(data.join("originals")).into_iter();
        files.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_type().is_file())).count()
    };
    assert_eq!(n_kept(), 1);
    // Nothing need come for the old to go.
    let db = rusqlite::Connection::open(data.join("orientd.db")).unwrap();
    db.execute("UPDATE originals SET kept_at = kept_at - ?1", [month]).unwrap();
    drop(db);
    library.scan(&["--config", config.to_str().unwrap()]);
    assert_eq!(n_kept(), 0);
}
