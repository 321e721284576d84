//! SIGKILL at the system calls of a write: the photo is the old one or the new one, and the next
//! start knows which.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use crate::harness::{Library, needs, needs_with_exif};

/// Every call that can leave a trace on the disk, SQLite's included.
const CALLS: &str = "openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,\
                     unlink,unlinkat,fchmod,fchown,fsetxattr,flock,utimensat";

/// Returns how many calls there are. With `ORIENTD_FAULTS=all` (`make faults`) at each of them, else at every third.
fn kill_everywhere(name: &str, photo: &[u8], command: &[&str], undo_first: bool) -> usize {
    let step = if std::env::var_os("ORIENTD_FAULTS").is_some() { 1 } else { 3 };
    let mut n_calls = 0;
    for when in (1..).step_by(step) {
        let library = Library::new();
        let path = library.add(name, photo);
        let args = [command, &[path.to_str().unwrap()]].concat();
        if undo_first {
            library.ok(["fix", "--turn", "90", path.to_str().unwrap()]);
        } else {
            drop(library.run(["status"]));
        }
        let old = fs::read(&path).unwrap();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={CALLS}"));
        strace.arg("-e").arg(format!("inject={CALLS}:signal=SIGKILL:when={when}"));
        strace.arg(env!("CARGO_BIN_EXE_orientd")).args(&args);
        library.set_home(&mut strace);
        let status = strace.output().expect("strace is installed by `make test`").status;
        let new = expected(photo, &args, &library);
        let now = fs::read(&path).unwrap();
        assert!(
            now == old || now == new,
            "killed at call {when}: neither the old nor the new bytes"
        );

        // The next start settles; then everything can be undone, and nothing is left over.
        library.fails(1, ["undo", "--run", "999"]);
        let still = fs::read(&path).unwrap();
        assert_eq!(still, now, "settling after call {when} does not touch the photo");
        let unsettled = library.ok(["status", "--json"]);
        assert!(unsettled.contains("\"unsettled\":0"), "after call {when}: {unsettled}");
        drop(library.run(["undo", path.to_str().unwrap()]));
        assert_eq!(fs::read(&path).unwrap(), photo, "undo after call {when}");
        let names: Vec<_> = fs::read_dir(library.root()).unwrap().collect();
        assert_eq!(names.len(), 1, "left over after call {when}: {names:?}");
        if status.signal() != Some(9) && status.code() != Some(137) {
            assert!(status.success(), "{status}");
            break;
        }
        n_calls = when;
    }
    n_calls
}

/// The outcome of the command when nothing kills it, in a library of its own.
fn expected(photo: &[u8], args: &[&str], _: &Library) -> Vec<u8> {
    if args[0] == "undo" {
        return photo.to_vec();
    }
    let library = Library::new();
    let path = library.add("expected.jpg", photo);
    let last = args.len() - 1;
    library.ok([&args[..last], &[path.to_str().unwrap()]].concat());
    fs::read(path).unwrap()
}

#[test]
fn killed_while_overwriting_a_byte() {
    let photo = needs_with_exif(90, 1);
    let n = kill_everywhere("a.jpg", &photo, &["fix", "--turn", "90"], false);
    assert!(n > 20, "only {n} calls were reached");
}

#[test]
fn killed_while_inserting_a_block() {
    let n = kill_everywhere("a.jpg", &needs(90), &["fix", "--turn", "90"], false);
    assert!(n > 30, "only {n} calls were reached");
}

#[test]
fn killed_while_undoing() {
    for photo in [needs(90), needs_with_exif(90, 1)] {
        let n = kill_everywhere("a.jpg", &photo, &["undo"], true);
        assert!(n > 20, "only {n} calls were reached");
    }
}

#[test]
fn a_failing_disk_leaves_the_photo_as_it_was() {
    for (call, error) in [
        ("fsync", "EIO"),
        ("fsync", "ENOSPC"),
        ("renameat2", "EIO"),
        ("renameat2", "EROFS"),
        ("fsetxattr", "ENOSPC"),
        ("fchown", "EPERM"),
        ("fchmod", "EPERM"),
        ("fsync", "EDQUOT"),
    ] {
        let library = Library::new();
        let path = library.add("a.jpg", &needs(90));
        let set = Command::new("setfattr").args(["-n", "user.x", "-v", "y"]).arg(&path).status();
        assert!(set.unwrap().success());
        drop(library.run(["status"]));
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(library.root());
        // Only calls that touch the photo's folder fail: by path, and by descriptors below it.
        for path in [path.clone(), library.path(TEMP)] {
            strace.arg("-P").arg(path);
        }
        strace.arg("-e").arg(format!("inject={call}:error={error}"));
        strace
            .arg(env!("CARGO_BIN_EXE_orientd"))
            .args(["fix", "--turn", "90", "--json"])
            .arg(&path);
        library.set_home(&mut strace);
        strace.env("ORIENTD_TEST_TEMP", TEMP);
        let output = strace.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{call} {error}: {text}");
        assert!(text.contains("\"action\":\"none\""), "{call} {error}: {text}");
        assert_eq!(fs::read(&path).unwrap(), needs(90), "{call} {error}");
        assert_eq!(fs::read_dir(library.root()).unwrap().count(), 1, "{call} {error}: left over");
        library.ok(["fix", "--turn", "90", path.to_str().unwrap()]);
    }
}

const TEMP: &str = ".orientd-test.tmp";
