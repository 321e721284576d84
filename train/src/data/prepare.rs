//! Fills the cache: every photo opened once, turned upright at full resolution, shrunk and stored.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use crossbeam_channel::bounded;
use orientd_core::image::preprocess::resize;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;
use serde::Serialize;

use super::cache::{Record, Writer, encode};
use super::fingerprint::{fingerprint, near_pairs};
use super::open_photo;
use super::photo::Opened;
use super::sources::Item;
use crate::config::Prepare;
use crate::progress;

/// Waiting for each worker, so that none starves and few photos are in memory.
const QUEUED: usize = 2;

/// A photo that was left out, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Skipped {
    pub path: String,
    pub reason: String,
}

/// What `prepare` did.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub photos: usize,
    pub added: usize,
    pub kept: usize,
    pub skipped: Vec<Skipped>,
    /// Pairs of paths.
    pub near_duplicates: Vec<(String, String)>,
}

/// Brings the cache at `folder` up to date with `items`: adds what is new or changed, drops what is
/// no longer there. Interrupted, it goes on where it was.
///
/// # Errors
/// Returns an error if the cache cannot be written. A photo that cannot be read is only skipped.
pub fn prepare(
    folder: &Path,
    items: &[Item],
    mut skipped: Vec<Skipped>,
    settings: &Prepare,
    n_workers: usize,
) -> Result<Summary> {
    let mut writer = Writer::open(folder, settings.side)?;
    let mut wanted = BTreeSet::new();
    let mut work = Vec::new();
    for item in items {
        // One photo may be found twice, in a folder and in the library; the first counts.
        if !wanted.insert(id(&item.path)) {
            continue;
        }
        match known(&writer, item) {
            Some(record) => relabel(&mut writer, record, item),
            None => work.push(item.clone()),
        }
    }
    let kept = wanted.len() - work.len();
    let mut unreadable = Vec::new();
    let added = add_all(&mut writer, work, settings.side, n_workers, &mut unreadable)?;
    for photo in &unreadable {
        wanted.remove(&id(Path::new(&photo.path)));
    }
    // A folder may have the photo that the library has no label for.
    skipped.retain(|photo| !wanted.contains(&id(Path::new(&photo.path))));
    skipped.extend(unreadable);
    let records = writer.finish(&wanted)?;
    let near_duplicates = near_duplicates(&records, settings.duplicate_bits)?;
    skipped.sort_by(|a, b| a.path.cmp(&b.path));
    let summary = Summary { photos: records.len(), added, kept, skipped, near_duplicates };
    let text = serde_json::to_string_pretty(&summary)?;
    crate::files::write_whole(&folder.join("prepare.json"), text.as_bytes())?;
    Ok(summary)
}

fn id(path: &Path) -> String {
    blake3::hash(path.as_os_str().as_bytes()).to_hex()[..16].to_owned()
}

/// The record of a photo that need not be opened again.
fn known(writer: &Writer, item: &Item) -> Option<Record> {
    let record = writer.known.get(&id(&item.path))?;
    let metadata = std::fs::metadata(&item.path).ok()?;
    let same = record.size == metadata.len()
        && record.mtime_ns == mtime_ns(&metadata)
        && record.turn == item.turn.degrees()
        && record.shown == item.stored.map(Orientation::to_exif);
    same.then(|| record.clone())
}

/// Labels may change while the pixels stay.
fn relabel(writer: &mut Writer, record: Record, item: &Item) {
    let source = item.source.clone();
    let record = Record { source, origin: item.origin, weight: item.weight, ..record };
    writer.known.insert(record.id.clone(), record);
}

fn mtime_ns(metadata: &std::fs::Metadata) -> i64 {
    metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec()
}

fn add_all(
    writer: &mut Writer,
    work: Vec<Item>,
    side: usize,
    n_workers: usize,
    skipped: &mut Vec<Skipped>,
) -> Result<usize> {
    let bar = progress::photos(work.len() as u64, "prepare");
    let n_workers = n_workers.max(1);
    let (send_item, items) = bounded::<Item>(QUEUED * n_workers);
    let (send_done, done) = bounded(QUEUED * n_workers);
    let mut added = 0;
    std::thread::scope(|scope| -> Result<()> {
        scope.spawn(move || {
            for item in work {
                if send_item.send(item).is_err() {
                    return; // the writer failed and its error is on its way
                }
            }
        });
        for _ in 0..n_workers {
            let items = items.clone();
            let send_done = send_done.clone();
            scope.spawn(move || {
                for item in items {
                    let shrunk = shrink(&item, side);
                    if send_done.send((item, shrunk)).is_err() {
                        return;
                    }
                }
            });
        }
        drop((items, send_done));
        // Owned by this closure, so that an early return ends the workers before they are joined.
        let done = done;
        for (item, shrunk) in done {
            bar.inc(1);
            match shrunk {
                Ok((record, bytes)) => {
                    writer.add(record, &bytes)?;
                    added += 1;
                }
                Err(err) => skipped.push(Skipped {
                    path: item.path.display().to_string(),
                    reason: format!("{err:#}"),
                }),
            }
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    Ok(added)
}

/// One photo, upright and small, as the cache keeps it.
fn shrink(item: &Item, side: usize) -> Result<(Record, Vec<u8>)> {
    let metadata = std::fs::metadata(&item.path)?;
    // A decoder's panic is that one photo's fault.
    let opened = std::panic::catch_unwind(|| open_photo(&item.path))
        .map_err(|_| anyhow!("the decoder panicked"))??;
    let (photo, taken) = upright(opened, item);
    let small = shrink_to(photo, side)?;
    let bytes = encode(&small)?;
    let folder = item.path.parent().unwrap_or(Path::new(""));
    let record = Record {
        id: id(&item.path),
        path: item.path.display().to_string(),
        source: item.source.clone(),
        folder: folder.display().to_string(),
        taken,
        origin: item.origin,
        weight: item.weight,
        size: metadata.len(),
        mtime_ns: mtime_ns(&metadata),
        turn: item.turn.degrees(),
        shown: item.stored.map(Orientation::to_exif),
        fingerprint: format!("{:032x}", fingerprint(&small)?),
        width: small.width,
        height: small.height,
        offset: 0,
        length: 0,
    };
    Ok((record, bytes))
}

/// Turned at full resolution, in one step.
fn upright(opened: Opened, item: &Item) -> (Rgb8, Option<i64>) {
    let orientation = item.stored.unwrap_or(opened.stored).then(item.turn.orientation());
    (opened.pixels.oriented(orientation), opened.taken)
}

/// The short side to `side`; small photos stay as they are.
fn shrink_to(photo: Rgb8, side: usize) -> Result<Rgb8> {
    let short = photo.width.min(photo.height);
    if short <= side {
        return Ok(photo);
    }
    let scaled = |n: usize| (n * side + short / 2) / short;
    Ok(resize(&photo, scaled(photo.width), scaled(photo.height))?)
}

fn near_duplicates(records: &[Record], most: u32) -> Result<Vec<(String, String)>> {
    let fingerprints: Vec<u128> = records.iter().map(Record::fingerprint).collect::<Result<_>>()?;
    let pairs = near_pairs(&fingerprints, most).into_iter();
    Ok(pairs.map(|(a, b)| (records[a].path.clone(), records[b].path.clone())).collect())
}

/// Where photos come from.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    pub photos: Vec<PathBuf>,
    pub library: Option<PathBuf>,
}

impl Inputs {
    /// Everything there is, the library's labels first, and the photos it has no label for.
    ///
    /// # Errors
    /// Returns an error if a folder or the library cannot be read, or there is no photo at all.
    pub fn list(&self, settings: &Prepare) -> Result<(Vec<Item>, Vec<Skipped>)> {
        let mut items = Vec::new();
        let mut skipped = Vec::new();
        if let Some(library) = &self.library {
            let found = super::library::read(library, settings)?;
            items.extend(found.items);
            skipped.extend(found.unlabelled.into_iter().map(|photo| Skipped {
                path: photo.path.display().to_string(),
                reason: photo.reason.to_owned(),
            }));
        }
        for folder in &self.photos {
            items.extend(super::sources::photos_in(folder)?);
        }
        ensure!(
            !items.is_empty(),
            "no photos to prepare{}",
            if skipped.is_empty() { "" } else { ": the library has no label for any of them" }
        );
        Ok((items, skipped))
    }
}
