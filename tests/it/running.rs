//! A running daemon, and what it says and knows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::Library;

/// A slow machine gets this long for what takes a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `is_so`, and says what was waited for where it never is.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A running daemon; killed where a test fails before it stops it.
pub struct Daemon<'a> {
    library: &'a Library,
    child: Child,
    log: PathBuf,
}

pub fn config_file(library: &Library) -> PathBuf {
    library.home().join(".config/orientd/config.toml")
}

/// Times short enough for tests, then `rest`.
pub fn configure(library: &Library, rest: &str) {
    let path = config_file(library);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let times = "settle_seconds = 0.5\npoll_seconds = 1\nidle_seconds = 2\n";
    fs::write(path, format!("{times}{rest}")).unwrap();
}

/// The library's folder with a policy.
pub fn root(library: &Library, fix: &str) -> String {
    format!("[[root]]\npath = {:?}\nfix = {fix:?}\n", library.root())
}

impl<'a> Daemon<'a> {
    pub fn start(library: &'a Library) -> Self {
        Self::spawn(library, library.command(["run"]))
    }

    pub fn spawn(library: &'a Library, command: Command) -> Self {
        let daemon = Self::launch(library, command);
        eventually("the daemon answers", || daemon.try_status().is_some());
        daemon.eventually_idle();
        daemon
    }

    /// Does not wait for anything.
    pub fn launch(library: &'a Library, mut command: Command) -> Self {
        let log = library.home().join("daemon.log");
        let file = fs::File::options().create(true).append(true).open(&log).unwrap();
        let child = command.stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Self { library, child, log }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn try_status(&self) -> Option<Value> {
        let text = self.library.ok(["status", "--json"]);
        let mut status: Value = serde_json::from_str(&text).unwrap();
        Some(status["daemon"].take()).filter(|daemon| !daemon.is_null())
    }

    pub fn status(&self) -> Value {
        self.try_status().unwrap_or_else(|| panic!("no status: {}", self.log()))
    }

    pub fn eventually_idle(&self) {
        eventually("it is idle", || {
            let status = self.status();
            status["state"] == "watching" && status["queued"] == 0
        });
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Ends it politely; returns how long that took.
    pub fn stop(mut self) -> Duration {
        let started = Instant::now();
        self.signal("TERM");
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
        started.elapsed()
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
        // Gone already where the test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the database knows, by path.
pub fn listed(library: &Library) -> std::collections::BTreeMap<PathBuf, Value> {
    let text = library.ok(["list", "--json"]);
    let photos = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    photos.map(|photo| (PathBuf::from(photo["path"].as_str().unwrap()), photo)).collect()
}

pub fn knows(library: &Library, path: &Path) -> bool {
    listed(library).contains_key(path)
}
