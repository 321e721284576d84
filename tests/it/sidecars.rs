//! XMP files beside photos, by whichever name: what is there is read and edited, and no second one is made.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;
use serde_json::Value;

use crate::harness::{Library, jpeg_of, needs, needs_with_exif, with_exif};
use crate::owner::said_outside;
use crate::raw;
use crate::running::{Daemon, configure, eventually};

/// As other programs write it, with or without an orientation, and further attributes.
fn xmp(stated: Option<u16>, further: &str) -> String {
    let stated = stated.map_or(String::new(), |number| format!(" tiff:Orientation=\"{number}\""));
    format!(
        "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n\
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n\
         <rdf:Description rdf:about=\"\" xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\" \
         xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" \
         xmlns:photoshop=\"http://ns.adobe.com/photoshop/1.0/\" xmp:Rating=\"4\"{further}{stated}/>\n\
         </rdf:RDF></x:xmpmeta>\n"
    )
}

fn names(library: &Library) -> Vec<String> {
    let entries = fs::read_dir(library.root()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn fix(library: &Library, path: &Path, more: &[&str]) -> Value {
    let mut args = vec!["fix", "--turn", "90", "--json"];
    args.extend(more);
    args.push(path.to_str().unwrap());
    let text = library.ok(args);
    serde_json::from_str(text.lines().next().unwrap()).unwrap()
}

/// What the sidecars say is known only after a scan; `stored` of each photo.
fn stored(library: &Library) -> BTreeMap<String, u64> {
    let photos = library.scan(&["--rescan"]).photos.into_iter();
    photos.map(|(name, photo)| (name, photo["stored"].as_u64().unwrap())).collect()
}

fn text(library: &Library, name: &str) -> String {
    fs::read_to_string(library.path(name)).unwrap()
}

/// The photo, its sidecars, what it is displayed by, and what they say after a turn of 90 degrees.
type Row = (
    &'static str,
    &'static [(&'static str, Option<u16>)],
    u64,
    &'static [(&'static str, Option<u16>)],
);

#[rustfmt::skip]
const ROWS: [Row; 9] = [
    ("full.jpg",   &[("full.jpg.xmp", Some(3))],                                3, &[("full.jpg.xmp", Some(8))]),
    ("fupper.jpg", &[("fupper.jpg.XMP", Some(3))],                              3, &[("fupper.jpg.XMP", Some(8))]),
    ("stem.jpg",   &[("stem.xmp", Some(3))],                                    3, &[("stem.xmp", Some(8))]),
    ("supper.JPG", &[("supper.XMP", Some(3))],                                  3, &[("supper.XMP", Some(8))]),
    ("both.jpg",   &[("both.jpg.xmp", Some(3)), ("both.xmp", Some(3))],         3, &[("both.jpg.xmp", Some(8)), ("both.xmp", Some(8))]),
    ("apart.jpg",  &[("apart.jpg.xmp", Some(3)), ("apart.xmp", Some(6))],       3, &[("apart.jpg.xmp", Some(8)), ("apart.xmp", Some(8))]),
    ("there.jpg",  &[("there.jpg.xmp", Some(3)), ("there.xmp", Some(8))],       3, &[("there.jpg.xmp", Some(8)), ("there.xmp", Some(8))]),
    ("short.jpg",  &[("short.jpg.xmp", None), ("short.xmp", Some(6))],          6, &[("short.jpg.xmp", Some(3)), ("short.xmp", Some(3))]),
    ("long.jpg",   &[("long.jpg.xmp", Some(6)), ("long.xmp", None)],            6, &[("long.jpg.xmp", Some(3)), ("long.xmp", None)]),
];

#[test]
fn what_is_there_is_read_and_edited_by_either_name() {
    let library = Library::new();
    for (photo, sidecars, _, _) in ROWS {
        library.add(photo, &needs_with_exif(90, 1));
        for (name, stated) in sidecars {
            library.add(name, xmp(*stated, "").as_bytes());
        }
    }
    let before = library.hashes();
    let said = stored(&library);
    let files = names(&library);
    let paths: Vec<String> =
        ROWS.iter().map(|row| library.path(row.0).to_str().unwrap().to_owned()).collect();
    let args = ["fix", "--turn", "90", "--json"].map(str::to_owned).into_iter();
    let printed = library.ok(args.chain(paths));
    assert_eq!(names(&library), files, "no sidecar is made beside another");
    for ((photo, sidecars, displayed, after), line) in ROWS.into_iter().zip(printed.lines()) {
        assert_eq!(said[photo], displayed, "{photo}");
        let fixed: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&fixed["action"], &fixed["reason"]),
            (&Value::from("sidecar"), &Value::from("sidecar_orientation")),
            "{photo}: {fixed}"
        );
        assert_eq!(fs::read(library.path(photo)).unwrap(), needs_with_exif(90, 1), "{photo}");
        for ((name, was), (_, is)) in sidecars.iter().zip(after) {
            // One that was silent has gained an attribute, in another place.
            let expected = match (was, is) {
                (None, Some(is)) => xmp(None, "").replacen(
                    "<rdf:Description",
                    &format!("<rdf:Description tiff:Orientation=\"{is}\""),
                    1,
                ),
                _ => xmp(*is, ""),
            };
            let found = text(&library, name);
            let found =
                found.replacen(" xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\" tiff", " tiff", 1);
            assert_eq!(found, expected, "{name}");
        }
    }
    library.ok(["verify"]);
    let after: Vec<u64> = stored(&library).into_values().collect();
    assert!(after.iter().all(|stored| [8, 3].contains(stored)), "{after:?}");
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

/// Each change is that of its files: what is edited later beside one that was edited earlier is one file still.
#[test]
fn undo_is_refused_whole_where_one_of_two_was_changed() {
    let library = Library::new();
    let path = library.add("a.jpg", &needs(90));
    library.add("a.xmp", xmp(Some(3), "").as_bytes());
    fix(&library, &path, &[]);
    library.add("a.jpg.xmp", xmp(Some(8), "").as_bytes());
    fix(&library, &path, &[]);
    library.ok(["verify"]);
    let turned = library.hashes();
    fs::write(library.path("a.xmp"), xmp(Some(1), " xmp:Label=\"Red\"")).unwrap();
    assert!(library.run(["verify", "--json"]).status.code() == Some(1));
    let output = library.run(["undo", "--last"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&library, "a.jpg.xmp"), xmp(Some(1), ""), "neither is put back alone");
    fs::write(library.path("a.xmp"), xmp(Some(1), "")).unwrap();
    assert_eq!(library.hashes(), turned);
    library.ok(["undo", path.to_str().unwrap()]);
    assert_eq!(text(&library, "a.xmp"), xmp(Some(3), ""));
    assert_eq!(text(&library, "a.jpg.xmp"), xmp(Some(8), ""));
}

#[test]
fn a_stem_belongs_to_the_raw() {
    let library = Library::new();
    let dng = raw::dng();
    for (stem, further) in [("a", ""), ("b", " photoshop:SidecarForExtension=\"JPG\"")] {
        library.add(format!("{stem}.DNG"), &dng);
        library.add(format!("{stem}.JPG"), &needs(90));
        library.add(format!("{stem}.xmp"), xmp(Some(6), further).as_bytes());
    }
    // Left behind by a raw that is gone.
    library.add("c.jpg", &needs(90));
    library.add("c.xmp", xmp(Some(6), " photoshop:SidecarForExtension=\"NEF\"").as_bytes());
    let said = stored(&library);
    let expected = [("a.DNG", 6), ("a.JPG", 1), ("b.DNG", 3), ("b.JPG", 6), ("c.jpg", 1)]
        .map(|(name, stored)| (name.to_owned(), stored));
    assert_eq!(said, BTreeMap::from(expected));
    assert_eq!(fix(&library, &library.path("a.JPG"), &[])["action"], "tag");
    assert_eq!(fix(&library, &library.path("a.DNG"), &[])["action"], "sidecar");
    assert_eq!(text(&library, "a.xmp"), xmp(Some(3), ""));
    fix(&library, &library.path("c.jpg"), &["--mode", "sidecar"]);
    assert_eq!(
        names(&library),
        ["a.DNG", "a.JPG", "a.xmp", "b.DNG", "b.JPG", "b.xmp", "c.jpg", "c.jpg.xmp", "c.xmp"]
    );
}

#[test]
fn new_sidecars_are_named_as_the_config_says() {
    let library = Library::new();
    let config = format!(
        "sidecar_name = \"stem\"\nmode = \"sidecar\"\n[[root]]\npath = {:?}\nsidecar_name = \"full\"\n",
        library.path("full")
    );
    fs::create_dir(library.path("full")).unwrap();
    configure(&library, &config);
    let dng = raw::dng();
    for (name, bytes, sidecar) in [
        ("a.jpg", needs(90), "a.xmp"),
        ("b.JPG", needs(90), "b.JPG.xmp"),
        ("b.DNG", dng, "b.xmp"),
        ("full/a.jpg", needs(90), "full/a.jpg.xmp"),
    ] {
        let path = library.add(name, &bytes);
        if name == "b.JPG" {
            library.add("b.DNG", b"not yet");
        }
        let before = library.hashes();
        assert_eq!(fix(&library, &path, &[])["action"], "sidecar", "{name}");
        assert!(library.path(sidecar).exists(), "{name}");
        library.ok(["verify"]);
        library.ok(["undo", path.to_str().unwrap()]);
        assert_eq!(library.hashes(), before, "{name}");
        fix(&library, &path, &[]);
    }
    assert_eq!(names(&library), ["a.jpg", "a.xmp", "b.DNG", "b.JPG", "b.JPG.xmp", "b.xmp", "full"]);
}

/// Turned by its sidecar or in the file, a photo is turned on in every mode.
#[test]
fn second_turns_work_in_every_mode() {
    let library = Library::new();
    let heic = crate::heif::encoded(&library.home(), &crate::harness::real_photo("coffee"), "heic");
    let dng = raw::dng();
    let mut photos: Vec<PathBuf> = Vec::new();
    for (name, bytes, first, action) in [
        ("a.heic", &heic, "sidecar", "sidecar"),
        ("b.heic", &heic, "tag", "tag"),
        ("c.DNG", &dng, "sidecar", "sidecar"),
    ] {
        let path = library.add(name, bytes);
        if action == "sidecar" {
            // The photo itself need not be writable.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        }
        let mut new = fix(&library, &path, &["--mode", first])["new"].as_u64().unwrap();
        for mode in ["tag", "pixels", "sidecar", "tag"] {
            let fixed = fix(&library, &path, &["--mode", mode]);
            let is_beside = action == "sidecar" || library.path("b.heic.xmp").exists();
            let expected = if is_beside { "sidecar" } else { "tag" };
            assert_eq!(fixed["action"], expected, "{name} {mode}: {fixed}");
            new = match new {
                1 => 6,
                6 => 3,
                3 => 8,
                _ => 1,
            };
            assert_eq!(fixed["new"], new, "{name} {mode}: {fixed}");
        }
        photos.push(path);
    }
    for path in photos {
        library.ok(["undo", path.to_str().unwrap()]);
    }
    assert_eq!(names(&library), ["a.heic", "b.heic", "c.DNG"]);
    assert_eq!(fs::read(library.path("b.heic")).unwrap(), heic);
}

#[test]
fn a_daemon_notices_what_others_make_of_either_sidecar() {
    let library = Library::new();
    let root = format!("sidecar_name = \"stem\"\n{}", crate::running::root(&library, "auto"));
    configure(&library, &format!("mode = \"sidecar\"\n{root}"));
    library.add("a.jpg", &needs(90));
    library.add("b.jpg", &needs(180));
    library.add("b.jpg.XMP", xmp(None, "").as_bytes());
    let daemon = Daemon::start(&library);
    eventually("both are turned", || daemon.status()["turned"] == 2);
    daemon.eventually_idle();
    assert_eq!(names(&library), ["a.jpg", "a.xmp", "b.jpg", "b.jpg.XMP"]);
    for name in ["a.xmp", "b.jpg.XMP"] {
        let said = text(&library, name);
        let at = said.find("tiff:Orientation=\"").unwrap() + 18;
        fs::write(library.path(name), format!("{}1{}", &said[..at], &said[at + 1..])).unwrap();
    }
    for name in ["a.jpg", "b.jpg"] {
        eventually("it is its owner's word", || said_outside(&library, name));
    }
    daemon.eventually_idle();
    for name in ["a.xmp", "b.jpg.XMP"] {
        assert!(text(&library, name).contains("tiff:Orientation=\"1\""), "{name} is left as it is");
    }
    daemon.stop();
}

/// What is in pixels, by the programs that put it beside a photo.
#[test]
fn regions_and_crops_beside_a_photo_keep_its_pixels() {
    let library = Library::new();
    let pixels = (0..32 * 16u32).flat_map(|at| [at as u8, (at / 7) as u8, 90]).collect();
    let photo = with_exif(&jpeg_of(&Rgb8 { width: 32, height: 16, pixels }), Orientation::UPRIGHT);
    for (name, sidecar, further, action) in [
        ("rated", "rated.jpg.xmp", "", "pixels"),
        (
            "mwg",
            "mwg.jpg.xmp",
            " xmlns:mwg-rs=\"http://www.metadataworkinggroup.com/schemas/regions/\"",
            "tag",
        ),
        ("acdsee", "acdsee.xmp", " xmlns:acdsee-rs=\"http://ns.acdsee.com/regions/\"", "tag"),
        (
            "microsoft",
            "microsoft.jpg.XMP",
            " xmlns:MP=\"http://ns.microsoft.com/photo/1.2/\"",
            "tag",
        ),
        (
            "crop",
            "crop.XMP",
            " xmlns:crs=\"http://ns.adobe.com/camera-raw-settings/1.0/\" crs:CropTop=\"0\"",
            "tag",
        ),
        (
            "history",
            "history.jpg.xmp",
            " xmlns:darktable=\"http://darktable.sf.net/\" darktable:history_end=\"1\"",
            "tag",
        ),
    ] {
        let path = library.add(format!("{name}.jpg"), &photo);
        library.add(sidecar, xmp(None, further).as_bytes());
        let fixed = fix(&library, &path, &["--mode", "pixels"]);
        let reason = if action == "tag" { Value::from("pixels_bound") } else { Value::Null };
        assert_eq!((&fixed["action"], &fixed["reason"]), (&action.into(), &reason), "{name}");
        assert_eq!(text(&library, sidecar), xmp(None, further), "{name}");
        library.ok(["undo", path.to_str().unwrap()]);
        assert!(fs::read(&path).unwrap() == photo, "{name}");
    }
}
