//! Turns in every mode and undos at random, on photos of every written format: put back altogether,
//! they end byte-identical.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use image::{DynamicImage, ImageFormat, RgbImage};
use orientd::change::journal::{self, ChangeContext};
use orientd::change::plan::TurnRequest;
use orientd::change::prepare::{Precondition, prepare};
use orientd::decode::Limits;
use orientd::decode::sandbox::prover::Prover;
use orientd::error::Reason;
use orientd::files::identity::Identity;
use orientd::store::{Observation, Observed, PhotoId, RetentionPolicy, RunKind, Store, UndoOf};
use orientd_core::edit::mode::Mode;
use orientd_core::format::sidecar_name::SidecarStyle;
use orientd_core::orientation::Turn;

use crate::harness::{jpeg_with, needs, needs_with_exif, real_photo, with_exif};

const N_SEQUENCES: u64 = 1000;
const LONGEST: u64 = 6;

fn photos() -> Vec<(&'static str, Vec<u8>)> {
    let image = RgbImage::from_fn(16, 32, |x, y| image::Rgb([x as u8 * 9, y as u8 * 5, 70]));
    let encoded = |format| {
        let mut out = std::io::Cursor::new(Vec::new());
        DynamicImage::from(image.clone()).write_to(&mut out, format).unwrap();
        out.into_inner()
    };
    let photo = real_photo("astronaut");
    let tagged =
        with_exif(&jpeg_with(&photo, |_| {}), orientd_core::orientation::Orientation::UPRIGHT);
    vec![
        ("plain.jpg", needs(90)),
        ("tagged.jpg", needs_with_exif(90, 6)),
        ("whole.jpg", tagged),
        ("a.png", encoded(ImageFormat::Png)),
        ("a.webp", encoded(ImageFormat::WebP)),
        ("a.tiff", encoded(ImageFormat::Tiff)),
        ("a.bmp", encoded(ImageFormat::Bmp)),
        ("two.jpg", needs(90)),
    ]
}

/// Beside `two.jpg`: one that says nothing yet, and one that speaks.
fn sidecars() -> [(&'static str, String); 2] {
    let text = |stated: &str| {
        format!(
            "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF \
             xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description \
             xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\"{stated}/></rdf:RDF></x:xmpmeta>"
        )
    };
    [("two.jpg.xmp", text("")), ("two.xmp", text(" tiff:Orientation=\"6\""))]
}

#[test]
fn a_thousand_random_sequences_end_byte_identical() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("photos");
    fs::create_dir(&root).unwrap();
    let mut store = Store::open(&folder.path().join("orientd.db")).unwrap();
    let run = store.begin_run(RunKind::Fix).unwrap();
    let retention = RetentionPolicy { max_bytes: u64::MAX, max_days: 0 };
    let mut known: Vec<(PathBuf, PhotoId)> = Vec::new();
    for (name, bytes) in photos() {
        let path = root.join(name);
        fs::write(&path, bytes).unwrap();
        let identity = Identity::from(&fs::symlink_metadata(&path).unwrap());
        let outcome = Observed::Skipped { format: None, reason: Reason::new("no_answer", "") };
        let ids = store
            .record(run, None, &[Observation { path: path.clone(), identity, outcome }])
            .unwrap();
        known.push((path, ids[0].expect("a photo")));
    }
    for (name, text) in sidecars() {
        fs::write(root.join(name), text).unwrap();
    }
    let files = || -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    };
    let before = files();
    let mut state = 11u64;
    let mut random = |n: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % n
    };
    let mut made: BTreeMap<&str, usize> = BTreeMap::new();
    let prover = Prover::alone(Limits { max_file_bytes: 1 << 30, max_pixels: 1 << 30 });
    for sequence in 0..N_SEQUENCES {
        let (path, photo) = &known[random(known.len() as u64) as usize];
        for _ in 0..=random(LONGEST) {
            let turn = Turn::quarters(1 + random(3) as u8);
            let mode = Mode::ALL[random(3) as usize];
            if random(4) == 0 {
                if let Some(change) = store.changes_below(path).unwrap().first() {
                    journal::undo(&mut store, change, UndoOf::Many, false).unwrap();
                }
                continue;
            }
            let expected = Precondition { identity: None, hash: None, stored: None };
            let request = TurnRequest {
                turn,
                mode,
                max_original: retention.max_bytes,
                new_sidecar: [SidecarStyle::Full, SidecarStyle::Stem][random(2) as usize],
            };
            // A refusal leaves everything as it was; the sequence goes on.
            if let Ok(prepared) = prepare(path, expected, request, &prover) {
                *made.entry(prepared.mode.as_str()).or_default() += 1;
                let change_context =
                    ChangeContext { run, photo: *photo, turn, keep_mtime: false, retention };
                journal::apply(&mut store, change_context, &prepared).unwrap();
            }
        }
        for change in store.changes_below(path).unwrap() {
            journal::undo(&mut store, &change, UndoOf::OnePhoto, false).unwrap();
        }
        assert_eq!(files(), before, "sequence {sequence}");
    }
    assert!(made.len() == 3 && made.values().all(|n| *n > 100), "{made:?}");
    println!("{made:?}");
}
