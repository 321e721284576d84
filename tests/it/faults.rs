//! Faults at every step of every kind of write: kills, failing disks, full disks, and other programs
//! that write at the worst moment. Whatever happens, each file has its old or its new bytes, and the
//! next start knows which.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;

use crate::harness::{Library, jpeg_with, needs, needs_with_exif, text_of, with_exif};

/// Every call that can leave a trace on the disk, SQLite's included.
const CALLS: &str = "openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,\
                     mkdir,unlink,unlinkat,fchmod,fchown,fsetxattr,flock,utimensat";
/// Those that touch the photo's folder.
const FOLDER_CALLS: &str = "openat,write,pwrite64,fsync,renameat,renameat2,unlink,fchmod,fchown";

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A kind of write: what is there before it, and the command that makes it.
struct Scenario {
    files: Vec<(&'static str, Vec<u8>)>,
    mode: &'static str,
    /// The turn is made first, and what is looked at is putting it back.
    is_undo: bool,
}

impl Scenario {
    fn library(&self) -> Library {
        let library = Library::new();
        for (name, bytes) in &self.files {
            library.add(name, bytes);
        }
        if self.is_undo {
            library.ok(self.turn(&library));
        } else {
            drop(library.run(["status"]));
        }
        library
    }

    fn photo(&self, library: &Library) -> PathBuf {
        library.path(self.files[0].0)
    }

    fn turn(&self, library: &Library) -> Vec<String> {
        let photo = self.photo(library).to_str().unwrap().to_owned();
        ["fix", "--mode", self.mode, "--turn", "90"]
            .map(str::to_owned)
            .into_iter()
            .chain([photo])
            .collect()
    }

    fn args(&self, library: &Library) -> Vec<String> {
        let photo = self.photo(library).to_str().unwrap().to_owned();
        if self.is_undo { vec!["undo".into(), photo] } else { self.turn(library) }
    }

    fn original(&self) -> Files {
        let files = self.files.iter();
        files.map(|(name, bytes)| (PathBuf::from(name), bytes.clone())).collect()
    }

    /// What the command leaves when nothing goes wrong.
    fn outcome(&self) -> Files {
        let library = self.library();
        library.ok(self.args(&library));
        files_of(&library)
    }
}

/// The name that the program is told for its new file; of itself it takes one that nobody can guess.
const TEMP: &str = ".orientd-test.tmp";

fn files_of(library: &Library) -> Files {
    let entries = fs::read_dir(library.root()).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into(), fs::read(entry.path()).unwrap())).collect()
}

fn without_temps(mut files: Files) -> Files {
    files.retain(|name, _| !name.to_string_lossy().starts_with(".orientd-"));
    files
}

fn strace(library: &Library, args: &[String], options: &[&str]) -> Output {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null"]).args(options);
    strace.arg(env!("CARGO_BIN_EXE_orientd")).args(args);
    library.set_home(&mut strace);
    strace.env("ORIENTD_TEST_TEMP", TEMP);
    strace.output().expect("strace is installed by `make test`")
}

/// Old or new after the fault; the same after the next start, with nothing left over; then undone.
fn settles(scenario: &Scenario, library: &Library, old: &Files, new: &Files, what: &str) {
    let now = without_temps(files_of(library));
    let is_whole = |now: &Files| now == old || now == new;
    let is_either = |(name, bytes): (&PathBuf, &Vec<u8>)| {
        [old, new].into_iter().any(|files| files.get(name) == Some(bytes))
    };
    // Of two files, one may be written and the other not; the next start makes them agree.
    let is_between = now.len() == old.len() && scenario.files.len() > 2;
    let is_known = is_whole(&now) || (is_between && now.iter().all(is_either));
    assert!(is_known, "{what}: neither the old nor the new bytes");
    library.fails(1, ["undo", "--run", "999"]);
    let settled = files_of(library);
    assert!(is_whole(&settled), "{what}: settling leaves nothing over, and nothing by half");
    assert!(settled == now || !is_whole(&now), "{what}: settling changes nothing that is whole");
    let status = library.ok(["status", "--json"]);
    assert!(status.contains("\"unsettled\":0"), "{what}: {status}");
    drop(library.run(["undo", library.root().to_str().unwrap()]));
    assert_eq!(files_of(library), scenario.original(), "{what}: undo");
}

/// At every call on the photo's folder; with `ORIENTD_FAULTS=all` (`make faults`), which takes
/// minutes, at those on the database and the undo store as well.
fn kill_everywhere(scenario: &Scenario) -> usize {
    let everywhere = std::env::var_os("ORIENTD_FAULTS").is_some();
    let calls = if everywhere { CALLS } else { FOLDER_CALLS };
    let new = scenario.outcome();
    for when in 1.. {
        let library = scenario.library();
        let old = files_of(&library);
        let places = places_of(scenario, &library);
        let (trace, inject) =
            (format!("trace={calls}"), format!("inject={calls}:signal=SIGKILL:when={when}"));
        let mut options = vec!["-e", &trace, "-e", &inject];
        for place in places.iter().filter(|_| !everywhere) {
            options.extend(["-P", place]);
        }
        let status = strace(&library, &scenario.args(&library), &options).status;
        settles(scenario, &library, &old, &new, &format!("killed at call {when}"));
        if status.success() {
            return when - 1;
        }
    }
    unreachable!("the command ends")
}

fn wide() -> Vec<u8> {
    let pixels = (0..32 * 16u32).flat_map(|at| [at as u8, (at / 7) as u8, 90]).collect();
    jpeg_with(&Rgb8 { width: 32, height: 16, pixels }, |_| {})
}

fn pixels(is_undo: bool) -> Scenario {
    let photo = with_exif(&wide(), Orientation::UPRIGHT);
    Scenario { files: vec![("a.jpg", photo)], mode: "pixels", is_undo }
}

fn new_sidecar(is_undo: bool) -> Scenario {
    Scenario { files: vec![("a.jpg", needs(90))], mode: "sidecar", is_undo }
}

fn merged_sidecar(is_undo: bool) -> Scenario {
    let text = "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF \
                xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description \
                rdf:about=\"\"/></rdf:RDF></x:xmpmeta>";
    let files = vec![("a.jpg", needs(90)), ("a.jpg.xmp", text.as_bytes().to_vec())];
    Scenario { files, mode: "sidecar", is_undo }
}

/// Both state an orientation, and are kept in step: by one byte, and by a new file.
fn two_sidecars(is_undo: bool) -> Scenario {
    let mut scenario = merged_sidecar(is_undo);
    let stated = String::from_utf8(scenario.files[1].1.clone()).unwrap().replace(
        "rdf:about=\"\"",
        "xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\" tiff:Orientation=\"1\"",
    );
    scenario.files.push(("a.xmp", stated.into_bytes()));
    scenario
}

fn png() -> Scenario {
    let mut picture = std::io::Cursor::new(Vec::new());
    let image = image::DynamicImage::new_rgb8(8, 4);
    image.write_to(&mut picture, image::ImageFormat::Png).unwrap();
    let picture = picture.into_inner();
    Scenario { files: vec![("a.png", picture)], mode: "tag", is_undo: false }
}

/// A rotation is inserted, and everything behind it moves.
fn heic() -> Scenario {
    let folder = tempfile::tempdir().unwrap();
    let picture = Rgb8 { width: 64, height: 64, pixels: vec![90; 64 * 64 * 3] };
    let photo = crate::heif::encoded(folder.path(), &picture, "heic");
    Scenario { files: vec![("a.heic", photo)], mode: "tag", is_undo: false }
}

fn one_byte() -> Scenario {
    Scenario { files: vec![("a.jpg", needs_with_exif(90, 1))], mode: "tag", is_undo: false }
}

#[test]
fn killed_while_turning_pixels() {
    let n = kill_everywhere(&pixels(false));
    println!("{n} kills while turning pixels");
    assert!(n >= 6, "only {n} calls were reached");
}

#[test]
fn killed_while_putting_pixels_back() {
    let n = kill_everywhere(&pixels(true));
    println!("{n} kills while putting pixels back");
    assert!(n >= 6, "only {n} calls were reached");
}

#[test]
fn killed_while_making_a_sidecar() {
    let n = kill_everywhere(&new_sidecar(false));
    println!("{n} kills while making a sidecar");
    assert!(n >= 6, "only {n} calls were reached");
}

#[test]
fn killed_while_removing_a_sidecar() {
    let n = kill_everywhere(&new_sidecar(true));
    println!("{n} kills while removing a sidecar");
    assert!(n >= 6, "only {n} calls were reached");
}

#[test]
fn killed_while_merging_a_sidecar() {
    let n = kill_everywhere(&merged_sidecar(false));
    println!("{n} kills while merging a sidecar");
    assert!(n >= 6, "only {n} calls were reached");
}

#[test]
fn killed_between_two_sidecars() {
    let n = kill_everywhere(&two_sidecars(false));
    println!("{n} kills while editing two sidecars");
    assert!(n >= 12, "only {n} calls were reached");
}

#[test]
fn killed_while_putting_two_sidecars_back() {
    let n = kill_everywhere(&two_sidecars(true));
    println!("{n} kills while putting two sidecars back");
    assert!(n >= 9, "only {n} calls were reached");
}

#[test]
fn killed_while_rewriting_a_png() {
    let n = kill_everywhere(&png());
    println!("{n} kills while rewriting a PNG");
    assert!(n >= 6, "only {n} calls were reached");
}

#[test]
fn killed_while_inserting_a_rotation() {
    let n = kill_everywhere(&heic());
    println!("{n} kills while inserting a rotation");
    assert!(n >= 6, "only {n} calls were reached");
}

/// No kind of write makes more calls of one name in the photo's folder.
const MAX_CALLS: usize = 7;

/// Each call that touches the photo's folder fails once, in each way.
fn fail_everywhere(scenario: &Scenario, error: &str) -> usize {
    let new = scenario.outcome();
    let mut n_failures = 0;
    for when in 1..=MAX_CALLS {
        let library = scenario.library();
        let old = files_of(&library);
        let places = places_of(scenario, &library);
        let inject = format!("inject={FOLDER_CALLS}:error={error}:when={when}");
        let trace = format!("trace={FOLDER_CALLS}");
        let mut options = vec!["-e", &trace, "-e", &inject];
        for place in &places {
            options.extend(["-P", place]);
        }
        let output = strace(&library, &scenario.args(&library), &options);
        // A program that reported the failure did not crash.
        assert!(output.status.code().is_some(), "{error} {when}: {}", text_of(&output));
        settles(scenario, &library, &old, &new, &format!("{error} at call {when}"));
        let said = text_of(&output);
        // A sidecar that cannot be read while looking states nothing; that is no failure.
        n_failures += usize::from(!output.status.success() || said.contains("not turned"));
    }
    n_failures
}

/// The folder, its files, and the new files of the next change.
fn places_of(scenario: &Scenario, library: &Library) -> Vec<String> {
    let photo = scenario.photo(library);
    let beside = library.path(&format!("{}.xmp", scenario.files[0].0));
    let further = scenario.files.iter().skip(2).map(|(name, _)| library.path(name));
    let temps = [TEMP, ".orientd-test-1.tmp"].map(|name| library.path(name));
    let places = [library.root(), photo, beside].into_iter().chain(further).chain(temps);
    places.map(|place| place.to_str().unwrap().to_owned()).collect()
}

#[test]
fn a_failing_disk_at_every_call() {
    let mut n_failures = 0;
    let mut scenarios = vec![one_byte(), pixels(false), new_sidecar(false), merged_sidecar(false)];
    if std::env::var_os("ORIENTD_FAULTS").is_some() {
        scenarios.push(two_sidecars(false));
    }
    for scenario in scenarios {
        for error in ["ENOSPC", "EIO", "EROFS", "EDQUOT"] {
            let n = fail_everywhere(&scenario, error);
            assert!(n >= 2, "{}: only {n} calls failed", scenario.mode);
            n_failures += n;
        }
    }
    println!("{n_failures} failures");
}

/// Runs the command with the exchange held up, and `edit` in the meantime.
fn with_an_edit_at_the_last_moment(options: &[&str]) -> (Library, PathBuf, Vec<u8>) {
    let library = Library::new();
    let path = library.add("a.jpg", &needs(90));
    drop(library.run(["status"]));
    let edited = needs(180);
    let temp = library.path(TEMP);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(&temp).args(options);
    strace.arg(env!("CARGO_BIN_EXE_orientd")).args(["fix", "--turn", "90"]).arg(&path);
    library.set_home(&mut strace);
    strace.env("ORIENTD_TEST_TEMP", TEMP);
    let mut child = strace.stdout(std::process::Stdio::null()).spawn().unwrap();
    // The new file is whole when it has the photo's mode again.
    let is_whole = |temp: &Path| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(temp).is_ok_and(|metadata| metadata.permissions().mode() & 0o777 != 0o600)
    };
    while !is_whole(&temp) && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(500));
    fs::write(&path, &edited).unwrap();
    child.wait().unwrap();
    (library, path, edited)
}

#[test]
fn another_programs_edit_at_the_last_moment_survives() {
    let delay = "inject=renameat2:delay_enter=2000000:when=1";
    let (library, path, edited) =
        with_an_edit_at_the_last_moment(&["-e", "trace=renameat2", "-e", delay]);
    assert_eq!(fs::read(&path).unwrap(), edited);
    assert_eq!(fs::read_dir(library.root()).unwrap().count(), 1);
}

/// And even where the program is killed between the exchange and the look at what was displaced.
#[test]
fn another_programs_edit_survives_a_kill_as_well() {
    let delay = "inject=renameat2:delay_enter=2000000:when=1";
    // The first look is at the new file itself.
    let kill = "inject=statx:signal=SIGKILL:when=2";
    let (library, path, edited) =
        with_an_edit_at_the_last_moment(&["-e", "trace=renameat2,statx", "-e", delay, "-e", kill]);
    library.fails(1, ["undo", "--run", "999"]);
    assert_eq!(fs::read(&path).unwrap(), edited);
    assert_eq!(fs::read_dir(library.root()).unwrap().count(), 1);
}

#[test]
fn a_full_disk_leaves_everything_as_it_was() {
    for (mode, photo) in [("tag", needs(90)), ("sidecar", needs(90)), ("pixels", wide())] {
        let library = Library::new();
        let kept = library.home().join("kept.jpg");
        fs::write(&kept, &photo).unwrap();
        let script = format!(
            "set -e; mount -t tmpfs -o size=256k none '{root}'; cp '{kept}' '{root}/a.jpg'; \
             cat /dev/zero > '{root}/fill' 2>/dev/null || true; \
             '{program}' fix --mode {mode} --turn 90 --json '{root}/a.jpg' || true; \
             cmp '{kept}' '{root}/a.jpg'; ls -A '{root}'",
            root = library.root().display(),
            kept = kept.display(),
            program = env!("CARGO_BIN_EXE_orientd"),
        );
        let mut unshare = Command::new("unshare");
        unshare.args(["-rm", "sh", "-c", &script]);
        library.set_home(&mut unshare);
        let output = unshare.output().unwrap();
        let text = text_of(&output);
        assert!(output.status.success(), "{mode}: {text}");
        assert!(text.contains("\"reason\":\"no_space\""), "{mode}: {text}");
        assert!(text.contains("a.jpg\nfill\n"), "{mode}: nothing is left over: {text}");
    }
}
