//! `--fix`, `fix` and `undo`: what is written, what is refused, and the way back.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use crate::harness::{Library, exiftool, needs, needs_with_exif, text_of, with_segment};

#[test]
fn an_existing_tag_is_one_byte_in_the_same_file() {
    let library = Library::new();
    let path = library.add("a.jpg", &needs_with_exif(90, 1));
    set_attributes(&path);
    let before = fs::read(&path).unwrap();
    let was = fs::metadata(&path).unwrap();
    let said = exiftool(&path);
    let scanned = library.scan(&["--fix"]);
    assert_eq!(scanned.photos["a.jpg"]["action"], "tag");
    let after = fs::read(&path).unwrap();
    let is = fs::metadata(&path).unwrap();
    let changed: Vec<usize> = (0..before.len()).filter(|at| before[*at] != after[*at]).collect();
    assert_eq!((before.len(), changed.len()), (after.len(), 1));
    assert_eq!((before[changed[0]], after[changed[0]]), (1, 6));
    assert_eq!((was.ino(), was.mode()), (is.ino(), is.mode()));
    assert_ne!(was.mtime_nsec(), is.mtime_nsec(), "backups must see the change");
    expect_attributes(&path);
    let mut expected = said;
    expected.insert("IFD0:Orientation".into(), "\"Rotate 90 CW\"".into());
    assert_eq!(exiftool(&path), expected);
}

#[test]
fn a_missing_tag_is_inserted_and_the_rest_kept() {
    let library = Library::new();
    let path = library.add("a.jpg", &needs(270));
    set_attributes(&path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let (before, was, said) =
        (fs::read(&path).unwrap(), fs::metadata(&path).unwrap(), exiftool(&path));
    let scanned = library.scan(&["--fix"]);
    assert_eq!(scanned.photos["a.jpg"]["new"], 8);
    let after = fs::read(&path).unwrap();
    let is = fs::metadata(&path).unwrap();
    assert_eq!(after.len(), before.len() + 36);
    let at = (0..).find(|at| before[*at] != after[*at]).unwrap();
    // The block and what it pushes back may begin alike, so look for the place that fits.
    let fits = |at: usize| before[..at] == after[..at] && before[at..] == after[at + 36..];
    assert!((at.saturating_sub(4)..=at).any(fits), "all old bytes are there, in order");
    assert_eq!((was.uid(), was.gid(), was.mode()), (is.uid(), is.gid(), is.mode()));
    expect_attributes(&path);
    let mut expected = said;
    expected.insert("IFD0:Orientation".into(), "\"Rotate 270 CW\"".into());
    expected.insert("File:ExifByteOrder".into(), "\"Big-endian (Motorola, MM)\"".into());
    assert_eq!(exiftool(&path), expected);
    assert_eq!(leftovers(&library), Vec::<String>::new());
    library.ok(["undo", "--last"]);
    assert_eq!(fs::read(&path).unwrap(), before);
    expect_attributes(&path);
}

fn set_attributes(path: &Path) {
    run("setfattr", &["-n", "user.rating", "-v", "five"], path);
    run("setfacl", &["-m", "u:1234:r"], path);
}

fn expect_attributes(path: &Path) {
    assert!(run("getfattr", &["-n", "user.rating", "--only-values"], path).contains("five"));
    assert!(run("getfacl", &["-n", "-p"], path).contains("user:1234:r--"));
}

fn run(program: &str, args: &[&str], path: &Path) -> String {
    let output = Command::new(program).args(args).arg(path).output().expect(program);
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn leftovers(library: &Library) -> Vec<String> {
    let names = library.hashes().into_keys().map(|path| path.to_string_lossy().into_owned());
    names.filter(|name| name.contains(".orientd-")).collect()
}

/// Photos of every outcome.
fn mixed() -> Library {
    let library = Library::new();
    library.add("tag.jpg", &needs_with_exif(90, 1));
    library.add("insert.jpg", &needs(180));
    library.add("upright.jpg", &needs(0));
    library.add("signed.jpg", &with_segment(&needs(90), 0xEB, b"JP\0\x01c2pa"));
    library.add("trailer.jpg", &[needs(90), b"trailer".to_vec()].concat());
    library.add("two.jpg", &with_segment(&needs_with_exif(90, 1), 0xE1, b"Exif\0\0MM\0\x2A"));
    library.add("readonly.jpg", &needs(90));
    let mode = fs::Permissions::from_mode(0o444);
    fs::set_permissions(library.path("readonly.jpg"), mode).unwrap();
    library.add("linked.jpg", &needs(90));
    fs::hard_link(library.path("linked.jpg"), library.home().join("other.jpg")).unwrap();
    library.add("empty.jpg", b"");
    library
}

#[test]
fn unsafe_writes_are_refused_with_a_reason() {
    let library = mixed();
    let before = library.hashes();
    let scanned = library.scan(&["--fix"]);
    for (name, reason) in [
        ("signed.jpg", "signed_c2pa"),
        ("trailer.jpg", "trailing_data"),
        ("two.jpg", "duplicate_exif"),
        ("readonly.jpg", "read_only"),
        ("linked.jpg", "hard_linked"),
        ("empty.jpg", "empty"),
    ] {
        assert_eq!(scanned.reason(name), reason, "{name}");
        assert_eq!(scanned.photos[name]["action"], "none", "{name}");
        assert_eq!(library.hashes()[&library.path(name)], before[&library.path(name)], "{name}");
    }
    assert_eq!(scanned.summary["actions"]["tag"], 2);
}

#[test]
fn a_dry_run_prints_exactly_what_fix_does() {
    let library = mixed();
    let before = library.hashes();
    let planned = library.scan(&["--fix", "--dry-run"]);
    assert_eq!(library.hashes(), before, "a dry run writes nothing");
    let mut fixed = library.scan(&["--fix"]);
    for photo in fixed.photos.values_mut() {
        photo["known"] = false.into(); // Only the dry run opened the files.
    }
    assert_eq!(planned.photos, fixed.photos);
    assert_eq!(planned.summary["actions"], fixed.summary["actions"]);
    assert_ne!(library.hashes(), before);
    let again = library.scan(&["--fix"]);
    assert_eq!(again.summary["looked_at"], 0, "its own writes are no news");
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

#[test]
fn an_undone_turn_is_not_repeated() {
    let library = Library::new();
    let path = library.add("a.jpg", &needs_with_exif(90, 1));
    library.scan(&["--fix"]);
    library.ok(["undo", path.to_str().unwrap()]);
    let scanned = library.scan(&["--fix"]);
    assert_eq!(scanned.reason("a.jpg"), "undone");
    library.ok(["fix", "--turn", "90", path.to_str().unwrap()]);
    assert_eq!(exiftool(&path)["IFD0:Orientation"], "\"Rotate 90 CW\"");
}

#[test]
fn undo_never_overwrites_another_programs_edit() {
    let library = Library::new();
    let a = library.add("a.jpg", &needs_with_exif(90, 1));
    library.scan(&["--fix"]);
    let b = library.add("b.jpg", &needs(180));
    let b_before = fs::read(&b).unwrap();
    let run = library.scan(&["--fix"]).summary["run"].to_string();
    library.ok(["undo", "--run", &run]);
    assert_eq!(fs::read(&b).unwrap(), b_before);
    assert_eq!(exiftool(&a)["IFD0:Orientation"], "\"Rotate 90 CW\"", "run 1 is in force");

    let mut edited = fs::read(&a).unwrap();
    let end = edited.len() - 2;
    edited.splice(end..end, [0, 0]);
    fs::write(&a, &edited).unwrap();
    let output = library.run(["undo", a.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("changed on disk since"));
    assert_eq!(fs::read(&a).unwrap(), edited);
}

/// What `fix` says of a photo that it does not turn.
fn left_alone(library: &Library, path: &Path) -> String {
    let output = library.run(["fix", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn fix_applies_a_proposal_or_the_turn_given_by_hand() {
    let library = Library::new();
    let known = library.add("known.jpg", &needs(90));
    let unknown_path = library.add("stranger.jpg", &needs_with_exif(0, 1));
    let before = library.hashes();
    let message = left_alone(&library, &known);
    assert!(message.contains("nothing is known") && message.contains("--turn"), "{message}");
    library.ok(["fix", "--turn", "180", "--dry-run", unknown_path.to_str().unwrap()]);
    assert_eq!(library.hashes(), before);
    library.ok(["fix", "--turn", "180", unknown_path.to_str().unwrap()]);
    assert_eq!(exiftool(&unknown_path)["IFD0:Orientation"], "\"Rotate 180\"");
    library.scan(&[]);
    library.ok(["fix", known.to_str().unwrap()]);
    assert_eq!(exiftool(&known)["IFD0:Orientation"], "\"Rotate 90 CW\"");
    let message = left_alone(&library, &known);
    assert!(message.contains("no proposal is pending"), "{message}");
    library.ok(["undo", library.root().to_str().unwrap()]);
    assert_eq!(library.hashes(), before);
}

#[test]
fn a_photo_marked_upright_is_not_turned() {
    let library = Library::new();
    let path = library.add("a.jpg", &needs(90));
    library.scan(&[]);
    library.ok(["fix", "--turn", "0", path.to_str().unwrap()]);
    let before = library.hashes();
    assert_eq!(library.scan(&["--fix"]).reason("a.jpg"), "said_upright");
    assert_eq!(library.hashes(), before);
}

#[test]
fn the_time_is_kept_only_where_the_config_says_so() {
    let library = Library::new();
    let config = library.home().join("config.toml");
    fs::write(&config, "keep_mtime = true").unwrap();
    let paths = [library.add("a.jpg", &needs_with_exif(90, 1)), library.add("b.jpg", &needs(90))];
    let time = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.mtime(), metadata.mtime_nsec())
    };
    let was = paths.each_ref().map(|path| time(path));
    let scanned = library.scan(&["--fix", "--config", config.to_str().unwrap()]);
    assert_eq!(scanned.summary["actions"]["tag"], 2);
    assert_eq!(paths.each_ref().map(|path| time(path)), was);
}

#[test]
fn xmp_is_kept_in_step() {
    let library = Library::new();
    let packet = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
        <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description \
        rdf:about=\"\" xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\" tiff:Orientation=\"1\"/>\
        </rdf:RDF></x:xmpmeta>";
    let path = library.add("a.jpg", &with_segment(&needs_with_exif(90, 1), 0xE1, packet));
    let before = library.hashes();
    library.scan(&["--fix"]);
    let said = exiftool(&path);
    assert_eq!(said["IFD0:Orientation"], "\"Rotate 90 CW\"");
    assert_eq!(said["XMP-tiff:Orientation"], "\"Rotate 90 CW\"");
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

/// 1,000 turns and undos at random end where they began.
#[test]
fn random_turns_undone_leave_identical_bytes() {
    let library = Library::new();
    let paths = [library.add("a.jpg", &needs_with_exif(90, 1)), library.add("b.jpg", &needs(0))];
    let before = library.hashes();
    let mut state = 7u64;
    let mut random = |n: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % n
    };
    for _ in 0..250 {
        let path = paths[random(2) as usize].to_str().unwrap();
        match random(4) {
            0 => drop(library.run(["undo", path])),
            turn => drop(library.ok(["fix", "--turn", &(90 * turn).to_string(), path])),
        }
    }
    library.run(["undo", library.root().to_str().unwrap()]);
    assert_eq!(library.hashes(), before);
}
