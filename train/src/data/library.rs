//! Labels out of orientd's own database: a person's answers first, then tags a sensor wrote, then
//! photos the model in use saw as upright and was sure of.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use orientd_core::orientation::{Orientation, Turn};
use rusqlite::{Connection, OpenFlags, Row};

use super::cache::Origin;
use super::sources::Item;
use crate::config::Prepare;

/// A photo of the library that has no usable label, and why.
#[derive(Debug, PartialEq)]
pub struct Unlabelled {
    pub path: PathBuf,
    pub reason: &'static str,
}

/// What the library offers for training.
#[derive(Debug, Default)]
pub struct Library {
    pub items: Vec<Item>,
    pub unlabelled: Vec<Unlabelled>,
}

/// The latest answer about a photo.
struct Label {
    hash: Vec<u8>,
    /// As it was displayed when it was asked about.
    stored: Orientation,
    turn: Turn,
    /// `sensor` where no person said it.
    source: String,
}

/// A change that was made to a file: its content went from one hash to another, and what is
/// displayed was turned.
struct Change {
    before: Vec<u8>,
    after: Vec<u8>,
    turn: Turn,
}

type ByPath<T> = BTreeMap<Vec<u8>, T>;

/// Reads the database at `path`, which a running orientd may go on using.
///
/// # Errors
/// Returns an error if it cannot be opened or its tables are others than expected.
pub fn read(path: &Path, settings: &Prepare) -> Result<Library> {
    let failed = || format!("cannot read the library {}", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags).with_context(failed)?;
    let labels = read_labels(&database).with_context(failed)?;
    let changes = read_changes(&database).with_context(failed)?;
    let by_sidecar = read_by_sidecar(&database).with_context(failed)?;
    let confident = read_confident(&database, settings.confident_from).with_context(failed)?;

    let mut library = Library::default();
    let mut photos = database.prepare(
        "SELECT path, hash, stored FROM photos \
         WHERE hash IS NOT NULL AND missing_since IS NULL ORDER BY path",
    )?;
    let mut rows = photos.query([])?;
    while let Some(row) = rows.next()? {
        let path: Vec<u8> = row.get(0)?;
        let hash: Vec<u8> = row.get(1)?;
        let stored = stored(row, 2)?;
        let sure = confident.get(&path).is_some_and(|seen| *seen == (hash.clone(), stored));
        let label = labels.get(&path);
        let changes = changes.get(&path).map_or(&[][..], Vec::as_slice);
        let is_turned = !changes.is_empty() || by_sidecar.contains(&path);
        let photo = Photo { hash: &hash, stored, changes, is_turned, sure };
        let found = choose(label, &photo, settings);
        let path = PathBuf::from(OsString::from_vec(path));
        match found {
            Ok((origin, stored, turn)) => {
                let source = "library".into();
                let weight = weight(origin, settings);
                library.items.push(Item { path, source, origin, weight, stored, turn });
            }
            Err(reason) => library.unlabelled.push(Unlabelled { path, reason }),
        }
    }
    Ok(library)
}

/// A photo as the database has it now.
struct Photo<'a> {
    hash: &'a [u8],
    stored: Orientation,
    changes: &'a [Change],
    /// By orientd, in whichever way.
    is_turned: bool,
    /// Seen as upright, surely enough.
    sure: bool,
}

/// The best label there is, how the photo is displayed where that is not its own file's affair, and
/// the turn the label asks for; or why there is none.
fn choose(
    label: Option<&Label>,
    photo: &Photo<'_>,
    settings: &Prepare,
) -> Result<(Origin, Option<Orientation>, Turn), &'static str> {
    if let Some(label) = label {
        let by_sensor = label.source == "sensor";
        let wanted = if by_sensor { settings.sensor } else { settings.person };
        let origin = if by_sensor { Origin::Sensor } else { Origin::Person };
        if wanted {
            // What was turned since has the turn in its own bytes.
            let stored = (label.hash == photo.hash).then_some(label.stored);
            let turn = turn_now(label, photo.changes, photo.hash);
            return turn.map(|turn| (origin, stored, turn)).ok_or("changed since it was labelled");
        }
    }
    let stored = Some(photo.stored);
    if settings.sensor && photo.stored != Orientation::UPRIGHT && !photo.is_turned {
        return Ok((Origin::Sensor, stored, Turn::NONE));
    }
    if settings.confident && photo.sure {
        return Ok((Origin::Confident, stored, Turn::NONE));
    }
    Err("no label")
}

fn weight(origin: Origin, settings: &Prepare) -> f32 {
    match origin {
        Origin::Sensor => settings.sensor_weight,
        Origin::Confident => settings.confident_weight,
        Origin::Person | Origin::Folder => settings.person_weight,
    }
}

/// The label's turn, less what was turned since: the changes lead from the content that was
/// labelled to the present one, or `None` if they do not.
fn turn_now(label: &Label, changes: &[Change], hash: &[u8]) -> Option<Turn> {
    let mut turn = label.turn;
    let mut content = label.hash.as_slice();
    // Each change is used at most once, so a cycle of undone fixes ends.
    let mut left: Vec<&Change> = changes.iter().collect();
    while content != hash {
        let at = left.iter().position(|change| change.before == content)?;
        let change = left.remove(at);
        let still = (4 + turn.class() - change.turn.class()) % 4;
        turn = Turn::ALL[still];
        content = &change.after;
    }
    Some(turn)
}

/// By path, the latest; a person's answer before a sensor's.
fn read_labels(database: &Connection) -> Result<ByPath<Label>> {
    let mut query = database.prepare(
        "SELECT path, hash, turn, source, stored FROM labels ORDER BY source = 'sensor' DESC, at, id",
    )?;
    let mut labels = BTreeMap::new();
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let hash = row.get(1)?;
        let source = row.get(3)?;
        let label = Label { hash, stored: stored(row, 4)?, turn: turn(row, 2)?, source };
        labels.insert(row.get(0)?, label);
    }
    Ok(labels)
}

/// Those in force. A sidecar leaves the photo's own bytes and tag as they were.
fn read_changes(database: &Connection) -> Result<ByPath<Vec<Change>>> {
    let mut query = database.prepare(
        "SELECT path, hash_before, hash_after, turn FROM changes \
         WHERE state = 'done' AND action IN ('tag', 'pixels') ORDER BY id",
    )?;
    let mut changes: ByPath<Vec<Change>> = BTreeMap::new();
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let change = Change { before: row.get(1)?, after: row.get(2)?, turn: turn(row, 3)? };
        changes.entry(row.get(0)?).or_default().push(change);
    }
    Ok(changes)
}

/// Photos beside which a sidecar of orientd's states how they are displayed.
fn read_by_sidecar(database: &Connection) -> Result<BTreeSet<Vec<u8>>> {
    let sql = "SELECT path FROM changes WHERE state = 'done' AND action = 'sidecar'";
    let mut query = database.prepare(sql)?;
    let paths = query.query_map([], |row| row.get(0))?;
    Ok(paths.collect::<Result<_, _>>()?)
}

/// The contents that the latest look at each photo saw as upright, and how they were displayed then:
/// what an earlier model said counts no longer.
fn read_confident(database: &Connection, from: f64) -> Result<ByPath<(Vec<u8>, Orientation)>> {
    let mut query = database.prepare(
        "SELECT photos.path, predictions.hash, predictions.stored, \
                predictions.verdict = 'upright' AND predictions.p0 >= ?1 \
         FROM predictions JOIN photos ON photos.id = predictions.photo_id \
         ORDER BY predictions.predicted_at, predictions.model_id",
    )?;
    let mut rows = query.query([from])?;
    let mut latest: ByPath<((Vec<u8>, Orientation), bool)> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        latest.insert(row.get(0)?, ((row.get(1)?, stored(row, 2)?), row.get(3)?));
    }
    let sure = latest.into_iter().filter(|(_, (_, is_sure))| *is_sure);
    Ok(sure.map(|(path, (seen, _))| (path, seen)).collect())
}

fn turn(row: &Row<'_>, column: usize) -> Result<Turn> {
    let degrees: u16 = row.get(column)?;
    Turn::from_degrees(degrees).with_context(|| format!("a turn of {degrees} degrees"))
}

fn stored(row: &Row<'_>, column: usize) -> Result<Orientation> {
    let tag: Option<u16> = row.get(column)?;
    Ok(Orientation::from_stored(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The columns of the root's schema that are read here.
    const SCHEMA: &str = "
        CREATE TABLE photos (id INTEGER PRIMARY KEY, path BLOB, hash BLOB, stored INTEGER,
                             missing_since INTEGER);
        CREATE TABLE predictions (photo_id INTEGER, model_id INTEGER, hash BLOB, stored INTEGER,
                                  p0 REAL, verdict TEXT, predicted_at INTEGER);
        CREATE TABLE changes (id INTEGER PRIMARY KEY, path BLOB, action TEXT, turn INTEGER,
                              hash_before BLOB, hash_after BLOB, state TEXT);
        CREATE TABLE labels (id INTEGER PRIMARY KEY, path BLOB, hash BLOB, stored INTEGER,
                             turn INTEGER, source TEXT, at INTEGER);
        INSERT INTO photos (id, path, hash, stored, missing_since) VALUES
            (1, x'61', x'01', 1, NULL), -- a: a person says 90
            (2, x'62', x'12', 6, NULL), -- b: a person said 90, then the tag was fixed
            (3, x'63', x'03', 1, NULL), -- c: labelled, then edited by somebody
            (4, x'64', x'04', 6, NULL), -- d: a sensor's tag
            (5, x'65', x'05', 1, NULL), -- e: surely upright
            (6, x'66', x'06', 1, NULL), -- f: seen as upright before it changed
            (7, x'67', x'07', 1, 99),   -- g: gone
            (8, x'68', x'08', 6, NULL), -- h: orientd's own tag, undone label or none
            (9, x'69', x'09', 1, NULL), -- i: fixed and undone
            (10, x'6a', x'0a', 6, NULL), -- j: a person said 90, and a sidecar says so since
            (11, x'6b', x'0b', 6, NULL), -- k: a sidecar after the model's own idea
            (12, x'6c', x'0c', 3, NULL), -- l: fine as another program's sidecar shows it
            (13, x'6d', x'0d', 1, NULL), -- m: upright to the first model, not to the next
            (14, x'6e', x'0e', 1, NULL); -- n: seen as upright while a sidecar showed it otherwise
        INSERT INTO labels (path, hash, stored, turn, source, at) VALUES
            (x'61', x'01', 1, 270, 'review', 1), (x'61', x'01', 1, 90, 'review', 2),
            (x'61', x'01', 1, 180, 'sensor', 3),
            (x'62', x'02', 1, 90, 'fix', 1),
            (x'63', x'ff', 1, 0, 'review', 1),
            (x'67', x'07', 1, 0, 'review', 1),
            (x'69', x'09', 1, 0, 'undo', 1),
            (x'6a', x'0a', 1, 90, 'fix', 1),
            (x'6c', x'0c', 3, 0, 'review', 1);
        INSERT INTO changes (path, action, turn, hash_before, hash_after, state) VALUES
            (x'62', 'tag', 90, x'02', x'12', 'done'),
            (x'68', 'tag', 90, x'18', x'08', 'done'),
            (x'69', 'tag', 90, x'09', x'19', 'undone'),
            (x'6a', 'sidecar', 90, x'00', x'f0', 'done'),
            (x'6b', 'sidecar', 90, x'00', x'f1', 'done');
        INSERT INTO predictions (photo_id, model_id, hash, stored, p0, verdict, predicted_at) VALUES
            (5, 1, x'05', 1, 0.6, 'review', 1), (5, 2, x'05', 1, 0.999, 'upright', 2),
            (6, 1, x'16', 1, 0.999, 'upright', 1), (8, 1, x'08', 6, 0.9, 'upright', 1),
            (13, 1, x'0d', 1, 0.999, 'upright', 1), (13, 2, x'0d', 1, 0.01, 'fix', 2),
            (14, 1, x'0e', 6, 0.999, 'upright', 1);
    ";

    fn library(change: impl FnOnce(&mut Prepare)) -> Result<Library> {
        let file = tempfile::NamedTempFile::new()?;
        Connection::open(file.path())?.execute_batch(SCHEMA)?;
        let mut settings = crate::config::Config::load(None, &[])?.prepare;
        change(&mut settings);
        read(file.path(), &settings)
    }

    fn summary(library: &Library) -> Vec<(String, Origin, u16)> {
        let line =
            |item: &Item| (item.path.display().to_string(), item.origin, item.turn.degrees());
        library.items.iter().map(line).collect()
    }

    #[test]
    #[rustfmt::skip]
    fn the_best_label_of_each_photo() -> Result<()> {
        let library = library(|_| {})?;
        assert_eq!(summary(&library), [
            ("a".into(), Origin::Person,    90),
            ("b".into(), Origin::Person,    0),
            ("d".into(), Origin::Sensor,    0),
            ("e".into(), Origin::Confident, 0),
            ("i".into(), Origin::Person,    0),
            ("j".into(), Origin::Person,    90),
            ("l".into(), Origin::Person,    0),
        ]);
        let stored: Vec<_> = library.items.iter().map(|item| item.stored.map(Orientation::to_exif)).collect();
        assert_eq!(stored, [Some(1), None, Some(6), Some(1), Some(1), Some(1), Some(3)]);
        let reasons: Vec<_> = library.unlabelled.iter().map(|photo| photo.reason).collect();
        assert_eq!(reasons, ["changed since it was labelled", "no label", "no label", "no label", "no label", "no label"]);
        assert_eq!(library.items[2].weight, 0.5);
        Ok(())
    }

    #[test]
    fn each_kind_can_be_switched_off() -> Result<()> {
        let no_person = library(|settings| settings.person = false)?;
        assert!(no_person.items.iter().all(|item| item.origin != Origin::Person));
        let person_only = library(|settings| {
            (settings.sensor, settings.confident) = (false, false);
        })?;
        assert!(person_only.items.iter().all(|item| item.origin == Origin::Person));
        Ok(())
    }

    #[test]
    fn another_database_is_an_error() -> Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), "not a database, but long enough to be looked at as one")?;
        let settings = crate::config::Config::load(None, &[])?.prepare;
        assert!(read(file.path(), &settings).is_err());
        assert!(read(Path::new("/nonexistent/library.db"), &settings).is_err());
        Ok(())
    }
}
