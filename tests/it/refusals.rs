//! Files that must not be written: pinned by their attributes, held by another program, another
//! person's, on a disk or in a folder that takes no writes. Whatever the mode, they stay as they are.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use orientd::change::plan::TurnRequest;
use orientd::change::prepare::{Precondition, prepare};
use orientd::decode::Limits;
use orientd::decode::sandbox::prover::Prover;
use orientd::error::FixError;
use orientd_core::edit::mode::Mode;
use orientd_core::format::sidecar_name::SidecarStyle;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::{Orientation, Turn};

use crate::harness::{Library, jpeg_with, text_of, with_exif};

/// Can be turned by its tag and by its pixels.
fn photo() -> Vec<u8> {
    let pixels = (0..64 * 32u32).flat_map(|at| [at as u8, (at / 7) as u8, 90]).collect();
    with_exif(&jpeg_with(&Rgb8 { width: 64, height: 32, pixels }, |_| {}), Orientation::UPRIGHT)
}

/// Turns `path` in `mode` and gives the reason why not.
fn refused(library: &Library, path: &Path, mode: &str) -> String {
    let args = ["fix", "--mode", mode, "--turn", "90", "--json", path.to_str().unwrap()];
    let output = library.run(args);
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(1), "{mode}: {text}");
    let line = text.lines().find(|line| line.starts_with('{')).unwrap_or_default();
    let object: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    object["reason"].as_str().unwrap_or(&text).to_owned()
}

/// `chattr`; where this user or this disk knows no such attributes there is nothing to show.
fn pinned(attribute: &str, path: &Path) -> bool {
    let status = Command::new("chattr").arg(attribute).arg(path).stderr(Stdio::null()).status();
    let is_set = status.expect("chattr is installed by `make test`").success();
    if !is_set {
        println!("chattr {attribute} does not work here");
    }
    is_set
}

#[test]
fn immutable_and_append_only_files_and_folders() {
    let library = Library::new();
    let path = library.add("a.jpg", &photo());
    let before = library.hashes();
    for attribute in ["i", "a"] {
        for (target, modes) in
            [(&path, &["tag", "pixels"][..]), (&library.root(), &["pixels", "sidecar"][..])]
        {
            if !pinned(&format!("+{attribute}"), target) {
                return;
            }
            library.scan(&[]); // The attribute has changed the file's ctime.
            let reasons = modes.iter().map(|mode| refused(&library, &path, mode));
            let reasons: Vec<_> = reasons.collect();
            assert!(pinned(&format!("-{attribute}"), target));
            assert_eq!(reasons, ["read_only"; 2], "+{attribute} {}", target.display());
            assert_eq!(library.hashes(), before);
        }
    }
    library.scan(&[]);
    library.ok(["fix", "--turn", "90", path.to_str().unwrap()]);
}

/// Holds a lock or lease on a file until its standard input closes.
const HOLDER: &str = r#"
import fcntl, signal, struct, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = open(sys.argv[2], "r+b")
if sys.argv[1] == "flock":
    fcntl.flock(file, fcntl.LOCK_SH)
elif sys.argv[1] == "posix":
    fcntl.lockf(file, fcntl.LOCK_EX, 10, 5)
elif sys.argv[1] == "ofd":
    fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
else:
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
sys.stdin.read()
"#;

fn hold(kind: &str, path: &Path) -> Child {
    let mut holder = Command::new("python3")
        .args(["-c", HOLDER, kind])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n", "{kind}");
    holder
}

#[test]
fn files_that_another_program_holds() {
    let library = Library::new();
    let path = library.add("a.jpg", &photo());
    library.scan(&[]);
    let before = library.hashes();
    for kind in ["flock", "posix", "ofd", "lease"] {
        let mut holder = hold(kind, &path);
        for mode in ["tag", "pixels"] {
            assert_eq!(refused(&library, &path, mode), "locked", "{kind} {mode}");
        }
        drop(holder.stdin.take());
        assert!(holder.wait().unwrap().success(), "{kind}");
        // Not before: reading would wait for a lease.
        assert_eq!(library.hashes(), before, "{kind}");
    }
    // The photo itself is not written by this, so its lock is no obstacle.
    let mut holder = hold("flock", &path);
    library.ok(["fix", "--mode", "sidecar", "--turn", "90", path.to_str().unwrap()]);
    drop(holder.stdin.take());
    holder.wait().unwrap();
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

/// Plans as another user would: on Linux, the system call changes one thread only.
fn prepare_as(user: u32, path: &Path, mode: Mode) -> Result<(), FixError> {
    let work = || {
        // SAFETY: changes the user of this thread, which does nothing else and ends.
        let result = unsafe { libc::syscall(libc::SYS_setresuid, user, user, user) };
        assert_eq!(result, 0);
        let expected = Precondition { identity: None, hash: None, stored: None };
        let request = TurnRequest {
            turn: Turn::quarters(1),
            mode,
            max_original: u64::MAX,
            new_sidecar: SidecarStyle::Full,
        };
        let prover = Prover::alone(Limits { max_file_bytes: 1 << 30, max_pixels: 1 << 30 });
        prepare(path, expected, request, &prover).map(|_| ())
    };
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

#[test]
fn foreign_files_and_closed_folders_are_refused() {
    let library = Library::new();
    let path = library.add("a.jpg", &photo());
    if path.metadata().unwrap().uid() != 0 {
        println!("only root can become somebody else");
        return;
    }
    for folder in path.ancestors().skip(1).take_while(|folder| *folder != Path::new("/tmp")) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let code = |mode| prepare_as(4321, &path, mode).map_err(|err| err.code());
    assert_eq!(code(Mode::Tag), Err("not_owner"));
    assert_eq!(code(Mode::Pixels), Err("not_owner"));
    assert_eq!(code(Mode::Sidecar), Err("no_permission"), "the folder is not theirs");
    chown(&path, Some(4321), None).unwrap();
    // One byte is overwritten in place and needs no new file; new pixels do.
    assert_eq!(code(Mode::Tag), Ok(()));
    assert_eq!(code(Mode::Pixels), Err("no_permission"));
}

#[test]
fn a_disk_that_is_mounted_read_only() {
    let library = Library::new();
    let path = library.add("a.jpg", &photo());
    let before = library.hashes();
    for mode in ["tag", "pixels", "sidecar"] {
        let script = format!(
            "set -e; mount --bind '{root}' '{root}'; mount -o remount,bind,ro '{root}'; \
             '{program}' fix --mode {mode} --turn 90 --json '{path}' || true",
            root = library.root().display(),
            path = path.display(),
            program = env!("CARGO_BIN_EXE_orientd"),
        );
        let mut unshare = Command::new("unshare");
        unshare.args(["-rm", "sh", "-c", &script]);
        library.set_home(&mut unshare);
        let text = text_of(&unshare.output().unwrap());
        assert!(text.contains("\"reason\":\"read_only\""), "{mode}: {text}");
        assert_eq!(library.hashes(), before);
    }
}
