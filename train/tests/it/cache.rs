//! `prepare`: what is cached, what is kept, what is left out.

use std::process::Output;

use anyhow::{Context, Result};
use orientd_core::orientation::{Orientation, Turn};
use orientd_train::config::Config;
use orientd_train::data::Cache;
use orientd_train::data::cache::Origin;
use orientd_train::data::prepare::{Inputs, Skipped, Summary, prepare};
use orientd_train::data::sources::Item;
use orientd_train::jpeg;

use crate::harness::{draw_photos, landscape, program};

fn fill(folder: &std::path::Path) -> Result<Summary> {
    let config = Config::load(None, &["prepare.side=40".into()])?;
    let inputs = Inputs { photos: vec![folder.join("photos")], library: None };
    let (items, skipped) = inputs.list(&config.prepare)?;
    prepare(&folder.join("cache"), &items, skipped, &config.prepare, 3)
}

#[test]
fn photos_are_added_kept_replaced_and_dropped() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let photos = folder.path().join("photos");
    draw_photos(&photos, 12)?;
    let first = fill(folder.path())?;
    assert_eq!((first.photos, first.added, first.kept), (12, 12, 0));
    let index = || std::fs::read(folder.path().join("cache/photos.jsonl"));
    let before = index()?;

    let again = fill(folder.path())?;
    assert_eq!((again.added, again.kept), (0, 12));
    assert_eq!(index()?, before);

    std::fs::remove_file(photos.join("sea/001.jpg"))?;
    std::fs::write(photos.join("hills/000.jpg"), b"cut short")?;
    std::fs::write(photos.join("hills/002.jpg"), jpeg::encode(&landscape(99, 90, 60), 90)?)?;
    let last = fill(folder.path())?;
    assert_eq!((last.photos, last.added, last.kept, last.skipped.len()), (10, 1, 9, 1));
    assert!(last.skipped[0].path.ends_with("hills/000.jpg"));

    let cache = Cache::open(&folder.path().join("cache"))?;
    let record = cache.records.iter().find(|record| record.path.ends_with("002.jpg"));
    let record = record.context("it was replaced")?;
    assert_eq!((record.width, record.height, record.source.as_str()), (60, 40, "hills"));
    assert_eq!(cache.read(record)?.pixels.len(), 60 * 40 * 3);
    Ok(())
}

/// A killed `prepare` leaves a last line cut short and pixels without a line.
#[test]
fn an_interrupted_prepare_goes_on() -> Result<()> {
    let folder = tempfile::tempdir()?;
    draw_photos(&folder.path().join("photos"), 8)?;
    fill(folder.path())?;
    let cache = folder.path().join("cache");
    let read_all = || -> Result<Vec<_>> {
        let cache = Cache::open(&cache)?;
        cache.records.iter().map(|record| cache.read(record)).collect()
    };
    let whole = read_all()?;
    let index = std::fs::read_to_string(cache.join("photos.jsonl"))?;
    std::fs::write(cache.join("photos.jsonl"), &index[..index.len() / 2])?;
    let summary = fill(folder.path())?;
    assert!(summary.kept >= 3 && summary.added >= 4 && summary.photos == 8, "{summary:?}");
    assert_eq!(read_all()?, whole);
    Ok(())
}

/// The turn of a label is burnt in after the stored orientation, whatever that is.
#[test]
fn labelled_photos_are_brought_upright() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let upright = landscape(5, 64, 48);
    let config = Config::load(None, &["prepare.side=48".into()])?;
    for turn in Turn::ALL {
        let path = folder.path().join(format!("{}.png", turn.degrees()));
        let wrong = upright.clone().oriented(turn.inverse().orientation());
        orientd_train::drawing::canvas::save_png(&wrong, &path)?;
        let origin = Origin::Person;
        let item = Item { path, source: "library".into(), origin, weight: 1.0, stored: None, turn };
        let cache = folder.path().join(format!("cache{}", turn.degrees()));
        prepare(&cache, &[item], Vec::new(), &config.prepare, 1)?;
        let cache = Cache::open(&cache)?;
        assert_eq!(cache.read(&cache.records[0])?, upright, "{turn:?}");
    }
    Ok(())
}

/// A photo has one name, whichever way its folder is named, and one label: the library's, or the
/// folder's where the library has none.
#[test]
fn a_photo_found_twice_is_cached_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let photos = folder.path().join("photos");
    draw_photos(&photos, 6)?;
    std::os::unix::fs::symlink(&photos, folder.path().join("link"))?;
    std::fs::write(folder.path().join("manifest.csv"), "title,size\nsomebody else's,3\n")?;
    let config = Config::load(None, &["prepare.side=40".into()])?;
    let folders = ["photos", "link", "photos/../photos"].map(|name| folder.path().join(name));
    let inputs = Inputs { photos: folders.to_vec(), library: None };
    let (items, _) = inputs.list(&config.prepare)?;
    let unlabelled =
        Skipped { path: items[0].path.display().to_string(), reason: "no label".into() };
    let summary =
        prepare(&folder.path().join("cache"), &items, vec![unlabelled], &config.prepare, 2)?;
    assert_eq!((summary.photos, summary.added), (6, 6));
    assert_eq!(summary.skipped, []);
    Ok(())
}

/// A sidecar may change how a photo is displayed while its file stays.
#[test]
fn a_photo_displayed_otherwise_is_cached_anew() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("photo.png");
    let photo = landscape(7, 64, 48);
    orientd_train::drawing::canvas::save_png(&photo, &path)?;
    let config = Config::load(None, &["prepare.side=48".into()])?;
    for (stored, n_added) in [(None, 1), (None, 0), (Some(6), 1), (Some(6), 0), (Some(3), 1)] {
        let shown = stored.map(|tag| Orientation::from_stored(Some(tag)));
        let item = Item {
            path: path.clone(),
            source: "library".into(),
            origin: Origin::Person,
            weight: 1.0,
            stored: shown,
            turn: Turn::NONE,
        };
        let cache = folder.path().join("cache");
        assert_eq!(prepare(&cache, &[item], Vec::new(), &config.prepare, 1)?.added, n_added);
        let cache = Cache::open(&cache)?;
        let expected = photo.clone().oriented(shown.unwrap_or(Orientation::UPRIGHT));
        assert_eq!(cache.read(&cache.records[0])?, expected, "{stored:?}");
    }
    Ok(())
}

fn run(arguments: &[&str]) -> Result<Output> {
    Ok(program().args(arguments).output()?)
}

#[test]
fn sheets_of_every_augmentation_are_written() -> Result<()> {
    let folder = tempfile::tempdir()?;
    draw_photos(folder.path(), 2)?;
    let photo = folder.path().join("hills/000.jpg");
    let sheets = folder.path().join("sheets");
    let texts = [sheets.to_string_lossy(), photo.to_string_lossy()];
    let output = run(&["augment", "--sheet", &texts[0], &texts[1]])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut names = Config::load(None, &[])?.augment.names()?;
    names.push("all".into());
    for name in names {
        let sheet = image::open(sheets.join(format!("{name}.png")))?;
        assert!(sheet.width() > 1000, "{name}");
    }
    Ok(())
}
