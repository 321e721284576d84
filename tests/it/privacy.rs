//! Nothing leaves the machine, and nothing is written outside orientd's own folders: every command that
//! loads ONNX Runtime is watched at its system calls.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Library, needs, text_of};
use crate::review_server::Server;
use crate::running::{Daemon, configure, eventually, knows, root};

const CALLS: &str = "socket,connect,bind,sendto,sendmsg,open,openat,creat,mkdir,mkdirat,rename,renameat,\
                     renameat2,link,linkat,symlink,symlinkat";

/// The program under strace, which writes what it did to `trace`. The process is the program itself.
fn traced(library: &Library, trace: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-q", "-s", "4096", "-e", &format!("trace={CALLS}"), "-o"]);
    command.arg(trace).arg(env!("CARGO_BIN_EXE_orientd")).args(args);
    library.set_home(&mut command);
    command.env_remove("ORT_DISABLE_TELEMETRY");
    command
}

/// What was done beyond what is promised, one line a call.
fn broken_promises(trace: &str, own: &[PathBuf], may_listen: bool) -> Vec<String> {
    let mut broken = Vec::new();
    for line in trace.lines() {
        let Some((_, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let is_internet = call.contains("AF_INET");
        let is_listening = may_listen
            && (call.starts_with("socket(")
                || call.starts_with("bind(") && call.contains("127.0.0.1"));
        let writes = ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| call.contains(flag))
            || ["creat(", "mkdir", "rename", "link", "symlink"].iter().any(|c| call.starts_with(c));
        let failed = call.contains(" = -1 ");
        if is_internet && !is_listening || writes && !failed && !is_own(call, own) {
            broken.push(line.to_owned());
        }
    }
    broken
}

/// Are all paths of the call in or around orientd's own folders, or files that hold nothing?
fn is_own(call: &str, own: &[PathBuf]) -> bool {
    let paths = call.split('"').skip(1).step_by(2).map(Path::new);
    let is_own = |path: &Path| {
        path.starts_with("/dev/null")
            || path.starts_with("/proc/self")
            || own.iter().any(|folder| path.starts_with(folder) || folder.starts_with(path))
    };
    paths.into_iter().all(is_own)
}

fn own_folders(library: &Library) -> Vec<PathBuf> {
    let below = [".local/share/orientd", ".cache/orientd", ".config/orientd"];
    below.iter().map(|folder| library.home().join(folder)).collect()
}

/// The trace, once the tracer has written its end.
fn ended(trace: &Path) -> String {
    let text = || fs::read_to_string(trace).unwrap_or_default();
    eventually("the trace ends", || text().contains("+++ ") && is_quiet(trace));
    text()
}

/// The tracer outlives the program by a moment.
fn is_quiet(trace: &Path) -> bool {
    let before = fs::metadata(trace).map(|metadata| metadata.len()).unwrap_or(0);
    std::thread::sleep(std::time::Duration::from_millis(200));
    before > 0 && fs::metadata(trace).is_ok_and(|metadata| metadata.len() == before)
}

fn check(library: &Library, trace: &Path, may_listen: bool) {
    let text = ended(trace);
    assert!(text.contains("libonnxruntime"), "the network's library was loaded");
    let broken = broken_promises(&text, &own_folders(library), may_listen);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let cache = library.home().join(".cache");
    let others = fs::read_dir(cache).into_iter().flatten().flatten();
    let others = others.filter(|entry| entry.file_name() != "orientd");
    assert_eq!(others.count(), 0, "another program's cache");
}

#[test]
fn scan_and_doctor_tell_nobody() {
    let library = Library::new();
    library.add("a.jpg", &needs(90));
    for args in [vec!["scan", library.root().to_str().unwrap()], vec!["doctor"]] {
        let trace = library.home().join("trace");
        let output = traced(&library, &trace, &args).output().expect("strace is installed");
        // A doctor may find something to say of this machine.
        assert!(output.status.code().is_some_and(|code| code < 2), "{}", text_of(&output));
        check(&library, &trace, false);
        fs::remove_file(&trace).unwrap();
    }
}

#[test]
fn the_daemon_tells_nobody() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    let trace = library.home().join("trace");
    let daemon = Daemon::spawn(&library, traced(&library, &trace, &["run"]));
    let path = library.add("a.jpg", &needs(90));
    eventually("the photo is known", || knows(&library, &path));
    daemon.stop();
    check(&library, &trace, false);
}

#[test]
fn the_page_only_listens_here() {
    let library = Library::new();
    library.add("a.jpg", &needs(90));
    library.scan(&[]);
    let trace = library.home().join("trace");
    let server = Server::spawn(traced(&library, &trace, &["review", "--no-open"]));
    assert_eq!(server.get("/api/page?tab=review").status, 200);
    drop(server);
    let text = ended(&trace);
    let broken = broken_promises(&text, &own_folders(&library), true);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
#[rustfmt::skip]
fn what_breaks_the_promise_is_seen() {
    let own = [PathBuf::from("/home/ada/.cache/orientd")];
    for (call, is_broken) in [
        ("7 socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) = 4", true),
        ("7 connect(4, {sa_family=AF_INET, sin_port=htons(443)}, 16) = 0", true),
        ("7 socket(AF_UNIX, SOCK_STREAM, 0) = 4", false),
        (r#"7 openat(AT_FDCWD, "/home/ada/.cache/Microsoft/deviceid", O_WRONLY|O_CREAT, 0600) = 5"#, true),
        (r#"7 openat(AT_FDCWD, "/home/ada/.cache/Microsoft/deviceid", O_RDONLY) = 5"#, false),
        (r#"7 mkdir("/home/ada/.cache/Microsoft", 0700) = 0"#, true),
        (r#"7 mkdir("/home/ada/.cache", 0700) = 0"#, false),
        (r#"7 openat(AT_FDCWD, "/home/ada/.cache/orientd/x", O_WRONLY|O_CREAT, 0600) = 5"#, false),
    ] {
        assert_eq!(!broken_promises(call, &own, false).is_empty(), is_broken, "{call}");
    }
}
