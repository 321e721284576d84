//! `make figures`: what the daemon costs. Latency from close to recorded beyond the settle time, warm
//! and cold; a burst of 5,000 photos; memory and CPU at rest over 10,000 watched folders; start with
//! 100,000 known photos.
//!
//! Not a test: it asserts nothing about times, since they belong to the machine.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

const SETTLE: f64 = 1.0;
const N_FOLDERS: usize = 10_000;
const N_PHOTOS: usize = 100_000;
const N_BURST: usize = 5_000;

fn main() -> Result<()> {
    // `cargo test --benches` and `cargo nextest` call with flags of their own.
    if std::env::args().any(|arg| arg == "--test" || arg == "--list") {
        return Ok(());
    }
    latency("warm", 60, 3600.0)?;
    latency("cold", 12, 1.0)?;
    burst()?;
    at_rest()
}

struct Daemon {
    child: Child,
    home: tempfile::TempDir,
    to_ready: Duration,
}

/// Starts and waits for the readiness that systemd is told.
fn start(home: tempfile::TempDir, idle_seconds: f64, flags: &[&str]) -> Result<Daemon> {
    let photos = home.path().join("photos");
    fs::create_dir_all(&photos)?;
    let config = home.path().join("config.toml");
    fs::write(
        &config,
        format!(
            "settle_seconds = {SETTLE}\nidle_seconds = {idle_seconds}\n[[root]]\npath = {photos:?}\n"
        ),
    )?;
    let socket = home.path().join("notify");
    let _ = fs::remove_file(&socket);
    let systemd = std::os::unix::net::UnixDatagram::bind(&socket)?;
    systemd.set_read_timeout(Some(Duration::from_secs(120)))?;
    let started = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_orientd"));
    command.arg("--config").arg(&config).arg("run").args(flags).env("NOTIFY_SOCKET", &socket);
    set_home(&mut command, home.path());
    let child = command.stderr(fs::File::create(home.path().join("log"))?).spawn()?;
    let mut text = [0; 4096];
    loop {
        let n = systemd.recv(&mut text).context("the daemon is never ready")?;
        if text[..n].starts_with(b"READY=1") {
            break;
        }
    }
    Ok(Daemon { child, home, to_ready: started.elapsed() })
}

fn set_home(command: &mut Command, home: &Path) {
    command.env("HOME", home).stdout(Stdio::null());
    for variable in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"] {
        command.env_remove(variable);
    }
}

impl Daemon {
    fn database(&self) -> Result<rusqlite::Connection> {
        Ok(rusqlite::Connection::open(self.home.path().join(".local/share/orientd/orientd.db"))?)
    }

    fn status(&self, key: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(key)).context("no such line")?;
        Ok(line.split_whitespace().nth(1).context("no number")?.parse()?)
    }

    fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let rest = stat.rsplit(')').next().context("no name")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        Ok(ticks / 100.0)
    }

    fn stop(mut self) -> Result<tempfile::TempDir> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        ensure!(self.child.wait()?.success(), "the daemon failed");
        Ok(self.home)
    }
}

fn latency(name: &str, n: usize, idle_seconds: f64) -> Result<()> {
    let daemon = start(tempfile::tempdir()?, idle_seconds, &[])?;
    let db = daemon.database()?;
    let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/photos/astronaut.jpg");
    let photo = fs::read(photo)?;
    let mut times = Vec::new();
    for at in 0..=n {
        let path = daemon.home.path().join(format!("photos/{at}.jpg"));
        fs::write(&path, &photo)?;
        let closed = Instant::now();
        let sql = "SELECT count(*) FROM photos";
        while db.query_row(sql, [], |row| row.get::<_, i64>(0))? <= at as i64 {
            std::thread::sleep(Duration::from_millis(2));
            ensure!(closed.elapsed() < Duration::from_secs(60), "a photo was never recorded");
        }
        // The first one loads the model.
        if at > 0 {
            times.push(closed.elapsed().as_secs_f64() - SETTLE);
        }
        std::thread::sleep(Duration::from_secs_f64(if name == "cold" { 2.0 } else { 0.05 }));
    }
    times.sort_by(f64::total_cmp);
    let of = |share: f64| 1e3 * times[((times.len() - 1) as f64 * share).round() as usize];
    println!("close to recorded, {name}: p50 {:.0} ms, p99 {:.0} ms of {n}", of(0.5), of(0.99));
    drop(db);
    daemon.stop()?;
    Ok(())
}

/// Copied in while the daemon watches, as from a card.
fn burst() -> Result<()> {
    // With the size of every batch in its log.
    let daemon = start(tempfile::tempdir()?, 60.0, &["-vv"])?;
    let db = daemon.database()?;
    let photo = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/photos/astronaut.jpg"))?;
    let n_photos = number("ORIENTD_FIGURES_BURST", N_BURST)?;
    for at in 0..n_photos {
        // A comment makes each another photo.
        let comment = format!("{at:06}");
        let segment = [&[0xFF, 0xFE, 0, 8][..], comment.as_bytes()].concat();
        let bytes = [&photo[..2], &segment, &photo[2..]].concat();
        fs::write(daemon.home.path().join(format!("photos/{at}.jpg")), bytes)?;
    }
    let closed = Instant::now();
    let sql = "SELECT count(*) FROM predictions";
    while db.query_row(sql, [], |row| row.get::<_, i64>(0))? < n_photos as i64 {
        std::thread::sleep(Duration::from_millis(100));
        ensure!(closed.elapsed() < Duration::from_secs(1200), "the burst is never done");
    }
    let seconds = closed.elapsed().as_secs_f64();
    let log = fs::read_to_string(daemon.home.path().join("log"))?;
    let sizes = log.lines().filter(|line| line.contains("a batch"));
    let sizes: Vec<&str> = sizes.filter_map(|line| line.rsplit('=').next()).collect();
    let n_full = sizes.iter().filter(|size| **size == "8").count();
    println!("a burst of {n_photos}: recorded {seconds:.0} s after the last was written");
    println!("  {n_full} of {} batches were full", sizes.len());
    drop(db);
    daemon.stop()?;
    Ok(())
}

fn at_rest() -> Result<()> {
    let home = tempfile::tempdir()?;
    let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/photos/astronaut.jpg");
    let photo = fs::read(photo)?;
    let n_photos = number("ORIENTD_FIGURES_PHOTOS", N_PHOTOS)?;
    for at in 0..N_FOLDERS {
        let folder = home.path().join(format!("photos/{:03}/{:02}", at / 100, at % 100));
        fs::create_dir_all(&folder)?;
        for photo in 0..n_photos / N_FOLDERS {
            // Empty files take no time to look at and are known and skipped like any photo.
            fs::write(folder.join(format!("{photo}.jpg")), b"")?;
        }
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_orientd"));
    command.args(["--no-progress", "-q", "scan"]).arg(home.path().join("photos"));
    set_home(&mut command, home.path());
    ensure!(command.status()?.success(), "the scan failed");

    let daemon = start(home, 5.0, &[])?;
    println!("start to ready, {n_photos} known photos: {:.2} s", daemon.to_ready.as_secs_f64());
    // Without a model ever loaded, then with one loaded and dropped again.
    std::thread::sleep(Duration::from_secs(20));
    println!("memory at rest, no photo seen yet: {:.1} MB", daemon.status("VmRSS")? / 1024.0);
    println!("  of it anonymous: {:.1} MB", daemon.status("RssAnon")? / 1024.0);
    fs::write(daemon.home.path().join("photos/real.jpg"), &photo)?;
    std::thread::sleep(Duration::from_secs(20));
    println!("memory at rest, model dropped: {:.1} MB", daemon.status("VmRSS")? / 1024.0);
    println!("  of it anonymous: {:.1} MB", daemon.status("RssAnon")? / 1024.0);
    let minutes = number("ORIENTD_FIGURES_MINUTES", 10)?;
    let before = daemon.cpu_seconds()?;
    std::thread::sleep(Duration::from_secs(60 * minutes as u64));
    println!("CPU over {minutes} minutes at rest: {:.2} s", daemon.cpu_seconds()? - before);
    daemon.stop()?;
    Ok(())
}

fn number(name: &str, default: usize) -> Result<usize> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} = {text:?}")),
        Err(_) => Ok(default),
    }
}
