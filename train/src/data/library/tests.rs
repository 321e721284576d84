use orientd::files::identity::Identity;
use orientd::store::{
    ChangeState, FileState, Label, ModelId, NewChange, Observation, Observed, Prediction, RunId,
    RunKind, ThresholdOverrides,
};
use orientd_core::edit::patch::Patch;
use orientd_core::format::sidecar_name::SidecarName;
use orientd_core::verdict::decision::{Probabilities, Thresholds, decide};

use super::*;

/// A model is sure of what it sees, or not.
const SURE: f32 = 0.999;
const UNSURE: f32 = 0.9;

/// A database as orientd fills it.
struct Database {
    store: Store,
    run: RunId,
    models: [ModelId; 2],
}

impl Database {
    fn new(path: &Path) -> Result<Self> {
        let mut store = Store::open(path)?;
        let run = store.begin_run(RunKind::Scan)?;
        let models = [add_model(&mut store, "first")?, add_model(&mut store, "second")?];
        Ok(Self { store, run, models })
    }

    /// The first model looks at a photo whose content is named by `content`.
    fn predict(&mut self, path: &str, content: u8, stored: u16, upright: f32) -> Result<PhotoId> {
        self.predict_with(0, path, content, stored, upright)
    }

    fn predict_with(
        &mut self,
        model: usize,
        path: &str,
        content: u8,
        stored: u16,
        upright: f32,
    ) -> Result<PhotoId> {
        let probabilities = Probabilities([upright, 1.0 - upright, 0.0, 0.0]);
        let outcome = Observed::Photo {
            hash: hash(content),
            format: "jpeg",
            width: 4,
            height: 3,
            stored: orientation(stored),
            taken: None,
            caution: None,
            picture: None,
            prediction: Prediction {
                decision: decide(&probabilities, THRESHOLDS),
                probabilities,
                views: 1,
            },
        };
        let seen = Observation { path: path.into(), identity: IDENTITY, outcome };
        let ids = self.store.record(self.run, Some(self.models[model]), &[seen])?;
        ids[0].context("a photo")
    }

    /// Somebody or something says which turn makes the photo upright.
    fn label(
        &mut self,
        photo_id: PhotoId,
        content: u8,
        stored: u16,
        degrees: u16,
        source: LabelSource,
    ) -> Result<()> {
        let hash = hash(content);
        let stored = orientation(stored);
        let turn = turn(degrees);
        let path = "labelled".into();
        let label = Label { photo_id, path, hash, stored, turn, source, change: None, run: None };
        self.store.add_label(&label, "somebody")
    }

    /// A turn by 90 degrees, as the journal has it in the end. `stored`: what the photo is displayed
    /// with from then on.
    fn turn(
        &mut self,
        photo: PhotoId,
        mode: Mode,
        before: u8,
        after: u8,
        state: ChangeState,
        stored: u16,
    ) -> Result<()> {
        let patch = Patch { edits: vec![], from: Orientation::UPRIGHT, to: orientation(6) };
        let is_sidecar = mode == Mode::Sidecar;
        let change = self.store.begin_change(&NewChange {
            run: self.run,
            photo,
            path: Path::new("turned"),
            turn: turn(90),
            mode,
            sidecar: SidecarName::Full,
            further: &[],
            patch: &patch,
            content: hash(before),
            hash_before: (!is_sidecar).then(|| hash(before)),
            hash_after: hash(after),
            temp: ".orientd-0.tmp",
        })?;
        let content = if state == ChangeState::Done { after } else { before };
        let content = (!is_sidecar).then(|| (IDENTITY, hash(content)));
        let now_is = FileState { photo, stored: orientation(stored), content, swapped: false };
        self.store.set_change_state(change, state, Some(now_is))
    }

    /// Another program writes the photo.
    fn edit(&mut self, photo: PhotoId, content: u8) -> Result<()> {
        self.store.set_content(photo, &IDENTITY, &hash(content))
    }
}

const IDENTITY: Identity = Identity { dev: 1, ino: 1, size: 1, mtime_ns: 1, ctime_ns: 1 };

const THRESHOLDS: Thresholds = Thresholds { auto_confidence: 0.9, review_confidence: 0.5 };

fn add_model(store: &mut Store, name: &str) -> Result<ModelId> {
    let hash = ContentHash::of(name.as_bytes());
    store.add_model(&hash, name, "lite0", THRESHOLDS, ThresholdOverrides::default())
}

/// The hash of a content that is named by one byte.
fn hash(content: u8) -> ContentHash {
    ContentHash::of(&[content])
}

fn orientation(tag: u16) -> Orientation {
    Orientation::from_exif(tag).expect("an EXIF number")
}

fn turn(degrees: u16) -> Turn {
    Turn::from_degrees(degrees).expect("a quarter turn")
}

/// What a person or a sensor said.
fn fill_with_answers(db: &mut Database) -> Result<()> {
    use LabelSource::{Fix, Review, Sensor, Undo};
    // a: a person says 90, after another idea; a sensor says something else
    let a = db.predict("a", 0x01, 1, UNSURE)?;
    db.label(a, 0x01, 1, 270, Review)?;
    db.label(a, 0x01, 1, 90, Review)?;
    db.label(a, 0x01, 1, 180, Sensor)?;
    // b: a person said 90, then the tag was fixed
    let b = db.predict("b", 0x02, 1, UNSURE)?;
    db.label(b, 0x02, 1, 90, Fix)?;
    db.turn(b, Mode::Tag, 0x02, 0x12, ChangeState::Done, 6)?;
    // c: labelled, then edited by somebody
    let c = db.predict("c", 0xff, 1, UNSURE)?;
    db.label(c, 0xff, 1, 0, Review)?;
    db.edit(c, 0x03)?;
    // g: gone
    let g = db.predict("g", 0x07, 1, SURE)?;
    db.label(g, 0x07, 1, 0, Review)?;
    db.store.mark_missing(&[g])?;
    // i: fixed and undone
    let i = db.predict("i", 0x09, 1, UNSURE)?;
    db.turn(i, Mode::Tag, 0x09, 0x19, ChangeState::Undone, 1)?;
    db.label(i, 0x09, 1, 0, Undo)?;
    // j: a person said 90, and a sidecar says so since
    let j = db.predict("j", 0x0a, 1, UNSURE)?;
    db.label(j, 0x0a, 1, 90, Fix)?;
    db.turn(j, Mode::Sidecar, 0, 0xf0, ChangeState::Done, 6)?;
    // l: fine as another program's sidecar shows it
    let l = db.predict("l", 0x0c, 3, UNSURE)?;
    db.label(l, 0x0c, 3, 0, Review)
}

/// What nobody was asked about.
fn fill_without_answers(db: &mut Database) -> Result<()> {
    // d: a sensor's tag
    db.predict("d", 0x04, 6, UNSURE)?;
    // e: surely upright to the latest model
    db.predict("e", 0x05, 1, 0.6)?;
    db.predict_with(1, "e", 0x05, 1, SURE)?;
    // f: seen as upright before it changed
    let f = db.predict("f", 0x16, 1, SURE)?;
    db.edit(f, 0x06)?;
    // h: the tag is orientd's own
    let h = db.predict("h", 0x18, 1, UNSURE)?;
    db.turn(h, Mode::Tag, 0x18, 0x08, ChangeState::Done, 6)?;
    db.predict("h", 0x08, 6, UNSURE)?;
    // k: a sidecar after the model's own idea
    let k = db.predict("k", 0x0b, 1, UNSURE)?;
    db.turn(k, Mode::Sidecar, 0, 0xf1, ChangeState::Done, 6)?;
    // m: upright to the first model, not to the next
    db.predict("m", 0x0d, 1, SURE)?;
    db.predict_with(1, "m", 0x0d, 1, 0.01)?;
    // n: seen as upright while a sidecar showed it otherwise
    let n = db.predict("n", 0x0e, 6, SURE)?;
    db.turn(n, Mode::Sidecar, 0, 0xf2, ChangeState::Undone, 1)
}

fn library(change: impl FnOnce(&mut Prepare)) -> Result<Library> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("orientd.db");
    let mut db = Database::new(&path)?;
    fill_with_answers(&mut db)?;
    fill_without_answers(&mut db)?;
    let mut settings = crate::config::Config::load(None, &[])?.prepare;
    change(&mut settings);
    read(&path, &settings)
}

fn summary(library: &Library) -> Vec<(String, Origin, u16)> {
    let line = |item: &Item| (item.path.display().to_string(), item.origin, item.turn.degrees());
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
    let reasons: Vec<_> = library.unlabelled.iter().map(|photo| (photo.path.to_str().unwrap_or(""), photo.reason)).collect();
    assert_eq!(reasons, [
        ("c", "changed since it was labelled"),
        ("f", "no label"),
        ("h", "no label"),
        ("k", "no label"),
        ("m", "no label"),
        ("n", "no label"),
    ]);
    assert_eq!(library.items[2].weight, 0.5);
    Ok(())
}

#[test]
fn each_kind_can_be_switched_off() -> Result<()> {
    let no_person = library(|settings| settings.person = false)?;
    assert!(no_person.items.iter().all(|item| item.origin != Origin::Person));
    let person_only = library(|settings| {
        settings.sensor = false;
        settings.confident = false;
    })?;
    assert!(person_only.items.iter().all(|item| item.origin == Origin::Person));
    Ok(())
}

#[test]
fn a_renamed_photo_keeps_its_label() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("orientd.db");
    let mut db = Database::new(&path)?;
    let photo = db.predict("before", 0x01, 1, UNSURE)?;
    db.label(photo, 0x01, 1, 90, LabelSource::Review)?;
    db.store.rename(photo, Path::new("after"), &IDENTITY)?;
    let library = read(&path, &crate::config::Config::load(None, &[])?.prepare)?;
    assert_eq!(summary(&library), [("after".into(), Origin::Person, 90)]);
    Ok(())
}

#[test]
fn another_database_is_an_error() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    let settings = crate::config::Config::load(None, &[])?.prepare;
    let empty = read(file.path(), &settings).expect_err("an empty database").to_string();
    assert!(empty.contains(&file.path().display().to_string()), "{empty}");
    std::fs::write(file.path(), "not a database, but long enough to be looked at as one")?;
    assert!(read(file.path(), &settings).is_err());
    assert!(read(Path::new("/nonexistent/library.db"), &settings).is_err());
    Ok(())
}
