//! Which files are found, which are passed over, and what happens to names and links.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::{Library, Scanned, needs, needs_with_exif, not_utf8};

#[test]
fn content_counts_and_housekeeping_is_passed_over() {
    let library = Library::new();
    for name in ["plain.jpg", "named.png", "no_ending", "sub/deep/er.JPG"] {
        library.add(name, &needs(0));
    }
    for name in [
        ".hidden.jpg",
        ".git/a.jpg",
        "@eaDir/a.jpg",
        ".stversions/a.jpg",
        ".Trash-1000/a.jpg",
        ".thumbnails/a.jpg",
        "lost+found/a.jpg",
        "sub/#recycle/a.jpg",
    ] {
        library.add(name, &needs(0));
    }
    let scanned = library.scan(&[]);
    let found: Vec<&String> = scanned.photos.keys().collect();
    assert_eq!(found, ["er.JPG", "named.png", "no_ending", "plain.jpg"]);
    assert_eq!(scanned.photos["named.png"]["format"], "jpeg");
}

/// What is there, and why -v says that it is passed over; "" if it is looked at.
const STORES: [(&str, &str); 22] = [
    ("albums/a.jpg", ""),
    ("cache/b.jpg", ""),
    ("profile/c.jpg", ""),
    ("Photos.photoslibrary/originals/p.jpg", "belongs to another program"),
    ("Old Previews.lrdata/p.jpg", "belongs to another program"),
    ("shoot/CaptureOne/Cache/p.jpg", "belongs to another program"),
    ("cloud/appdata_oc1x2y3z/preview/p.jpg", "belongs to another program"),
    ("immich/upload/d.jpg", ""),
    ("immich/thumbs/p.jpg", "belongs to another program"),
    ("immich/encoded-video/p.jpg", "belongs to another program"),
    ("photoprism/storage/cache/p.jpg", "belongs to another program"),
    ("photoprism/storage/sidecar/p.jpg", "belongs to another program"),
    ("nas/@Recycle/p.jpg", "a bin, or what a system keeps of earlier states"),
    ("nas/@Recently-Snapshot/p.jpg", "a bin, or what a system keeps of earlier states"),
    ("e.jpg_original", "another program's backup"),
    ("e.jpg~", "another program's backup"),
    ("e.jpg_exiftool_tmp", "another program is still writing it"),
    ("whatsapp/p.jpg", "holds .nomedia"),
    ("built/p.jpg", "holds CACHEDIR.TAG"),
    ("tagged/f.jpg", ""),
    ("prism/raw/p.jpg", "named in .orientdignore or .ppignore"),
    ("prism/raw2/g.jpg", ""),
];

#[test]
fn what_is_not_the_owners_is_passed_over() {
    let library = Library::new();
    for (name, _) in STORES {
        library.add(name, &needs(0));
    }
    library.add("whatsapp/.nomedia", b"");
    library.add("built/CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55\n# ccache");
    library.add("tagged/CACHEDIR.TAG", b"Signature: none");
    library.add("prism/.ppignore", b"# masters\nraw/\n");
    library.add("papers/scan.pdf.txt", &needs(0));
    library.add("papers/private.jpg", &needs(0));
    library.add("papers/public.jpg", &needs(0));
    library.add("papers/.orientdignore", b"*.jpg\n!public.jpg\n");

    let output = library.run([
        OsStr::new("scan"),
        "-v".as_ref(),
        "--json".as_ref(),
        library.root().as_ref(),
    ]);
    let found: BTreeSet<String> = Scanned::parse(&output.stdout).photos.into_keys().collect();
    let wanted = STORES.iter().filter(|(_, why)| why.is_empty());
    let wanted = wanted.map(|(name, _)| name.rsplit('/').next().unwrap().to_owned());
    assert_eq!(found, wanted.chain(["public.jpg".to_owned()]).collect());
    let told = String::from_utf8(output.stderr).unwrap();
    for (name, why) in STORES.iter().filter(|(_, why)| !why.is_empty()) {
        // The folder is named that was not entered, or the file.
        let is_told = |line: &str| {
            line.contains(why)
                && name
                    .match_indices('/')
                    .map(|(at, _)| &name[..at])
                    .chain([*name])
                    .any(|part| line.contains(library.path(part).to_str().unwrap()))
        };
        assert!(told.lines().any(is_told), "{name}: {told}");
    }

    // A folder that is named is looked at whatever it is called, and --no-ignore looks at everything.
    let named = library.path("Photos.photoslibrary");
    let output = library.run([OsStr::new("scan"), "--json".as_ref(), named.as_ref()]);
    assert_eq!(Scanned::parse(&output.stdout).photos.len(), 1);
    let everything = library.scan(&["--no-ignore"]);
    for name in ["p.jpg", "e.jpg_original", "e.jpg~", "private.jpg", "scan.pdf.txt"] {
        assert!(everything.photos.contains_key(name), "{name}: {:?}", everything.photos.keys());
    }
}

#[test]
fn globs_in_the_config_pass_over() {
    let library = Library::new();
    library.add("keep/a.jpg", &needs(0));
    library.add("Screenshots/b.jpg", &needs(0));
    let config = library.home().join("config.toml");
    let root = library.root();
    fs::write(
        &config,
        format!("[[root]]\npath = {:?}\nignore = [\"**/Screenshots/**\"]", root.to_str().unwrap()),
    )
    .unwrap();
    let scanned = library.scan(&["--config", config.to_str().unwrap()]);
    assert_eq!(scanned.photos.keys().collect::<Vec<_>>(), ["a.jpg"]);
}

#[test]
fn links_are_skipped_and_hard_links_are_read_once() {
    let library = Library::new();
    let outside = library.home().join("outside.jpg");
    fs::write(&outside, needs(90)).unwrap();
    library.add("a.jpg", &needs(90));
    fs::hard_link(library.path("a.jpg"), library.path("z.jpg")).unwrap();
    symlink(&outside, library.path("link.jpg")).unwrap();
    symlink("/", library.path("slash")).unwrap();
    symlink(library.root(), library.path("loop")).unwrap();
    let scanned = library.scan(&["--fix"]);
    assert_eq!(scanned.photos.len(), 1, "{:?}", scanned.photos.keys());
    assert_eq!(scanned.summary["same_file"], 1);
    assert_eq!(scanned.reason("a.jpg"), "hard_linked");
    let again = library.scan(&[]);
    assert_eq!((&again.summary["looked_at"], &again.summary["same_file"]), (&0.into(), &1.into()));
}

#[test]
fn linked_and_overlapping_roots_are_merged() {
    let library = Library::new();
    library.add("sub/a.jpg", &needs(0));
    let link = library.home().join("link");
    symlink(library.root(), &link).unwrap();
    let paths = [library.root(), library.path("sub"), library.path("sub/a.jpg"), link];
    let mut command = library.command(["scan", "--json"]);
    let output = command.args(paths).output().unwrap();
    let scanned = crate::harness::Scanned::parse(&output.stdout);
    assert_eq!(scanned.summary["photos"], 1);
}

#[test]
fn odd_names_are_photos_like_any_other() {
    use base64::Engine;
    let library = Library::new();
    let long = format!("{}.jpg", "x".repeat(251));
    for name in ["new\nline.jpg", "-rf.jpg", "quo\"te'.jpg", "\u{1b}[31mred.jpg", &long] {
        library.add(name, &needs_with_exif(90, 1));
    }
    library.add(not_utf8(), &needs(90));
    let before = library.hashes();
    let scanned = library.scan(&["--fix"]);
    assert_eq!(scanned.summary["actions"]["tag"], 6, "{}", scanned.summary);
    let odd = scanned.photos.values().find(|photo| photo.get("path_bytes").is_some()).unwrap();
    let bytes = odd["path_bytes"].as_str().unwrap();
    let bytes = base64::prelude::BASE64_STANDARD.decode(bytes).unwrap();
    assert!(bytes.ends_with(b"/caf\xe9.jpg"));
    let listed = library.ok(["list"]);
    assert!(listed.lines().count() == 6 && !listed.contains('\u{1b}'), "{listed:?}");
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

#[test]
fn a_renamed_photo_keeps_its_history() {
    let library = Library::new();
    library.add("a/wrong.jpg", &needs(90));
    let before = fs::read(library.path("a/wrong.jpg")).unwrap();
    library.scan(&["--fix"]);
    fs::rename(library.path("a"), library.path("b")).unwrap();
    let scanned = library.scan(&[]);
    assert_eq!((&scanned.summary["looked_at"], &scanned.summary["photos"]), (&0.into(), &1.into()));
    assert_eq!(scanned.photos["wrong.jpg"]["action"], "tag");
    library.ok(["undo", library.path("b/wrong.jpg").to_str().unwrap()]);
    assert_eq!(fs::read(library.path("b/wrong.jpg")).unwrap(), before);
}

/// Also where only its new place is looked through, or its old one was found empty before.
#[test]
fn a_moved_photo_keeps_its_history() {
    let library = Library::new();
    library.add("a/wrong.jpg", &needs(90));
    library.add("a/stays.jpg", &needs(0));
    library.scan(&["--fix"]);
    fs::create_dir(library.path("b")).unwrap();
    let scan_of = |folder: &str| {
        let folder = library.path(folder);
        let output = library.run(["scan", "--json", folder.to_str().unwrap()]);
        Scanned::parse(&output.stdout)
    };
    fs::rename(library.path("a/wrong.jpg"), library.path("b/other.jpg")).unwrap();
    let moved = scan_of("b");
    assert_eq!((&moved.summary["looked_at"], &moved.summary["photos"]), (&0.into(), &1.into()));
    assert_eq!(moved.photos["other.jpg"]["action"], "tag");

    let hidden = library.home().join("other.jpg");
    fs::rename(library.path("b/other.jpg"), &hidden).unwrap();
    assert_eq!(scan_of("b").summary["missing"], 1);
    fs::rename(&hidden, library.path("a/back.jpg")).unwrap();
    let back = scan_of("a");
    assert_eq!((&back.summary["looked_at"], &back.summary["photos"]), (&0.into(), &2.into()));
    assert_eq!(back.photos["back.jpg"]["action"], "tag");
}

#[test]
fn a_missing_photo_is_unlisted_but_remembered() {
    let library = Library::new();
    library.add("a.jpg", &needs(90));
    library.scan(&[]);
    let away = library.home().join("a.jpg");
    fs::rename(library.path("a.jpg"), &away).unwrap();
    assert_eq!(library.scan(&[]).summary["missing"], 1);
    assert_eq!(library.ok(["list", "--json"]), "");
    fs::rename(&away, library.path("a.jpg")).unwrap();
    assert_eq!(library.scan(&[]).photos["a.jpg"]["verdict"], "fix");
    assert_eq!(library.ok(["list", "--json"]).lines().count(), 1);
}
