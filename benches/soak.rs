//! `make soak`: random changes to a library while the daemon turns photos in it; at the end the
//! database must agree with a fresh scan and no photo may have lost a pixel or been turned twice.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use turbojpeg::PixelFormat;

const N_FOLDERS: u64 = 12;
const MAX_PHOTOS: usize = 400;

fn main() -> Result<()> {
    // `cargo test --benches` and `cargo nextest` call with flags of their own.
    if std::env::args().any(|arg| arg == "--test" || arg == "--list") {
        return Ok(());
    }
    let minutes: f64 = match std::env::var("ORIENTD_SOAK_MINUTES") {
        Ok(text) => text.parse().context("ORIENTD_SOAK_MINUTES is no number")?,
        Err(_) => 20.0,
    };
    let home = tempfile::tempdir()?;
    let root = home.path().join("photos");
    let config = home.path().join("config.toml");
    fs::create_dir_all(&root)?;
    let text =
        "settle_seconds = 1\nidle_seconds = 5\nsweep_minutes = 3\n[[root]]\nfix = \"auto\"\n";
    fs::write(&config, format!("{text}path = {root:?}\n"))?;
    let log = home.path().join("log");
    let orientd = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orientd"));
        command.arg("--config").arg(&config).args(args).env("HOME", home.path());
        command.env_remove("XDG_RUNTIME_DIR").env_remove("XDG_DATA_HOME");
        command
    };
    let mut daemon = orientd(&["run"]).stderr(fs::File::create(&log)?).spawn()?;
    let mut life = Life { root: root.clone(), photos: HashMap::new(), n: 0, state: 0x5EED };
    let started = Instant::now();
    let length = Duration::from_secs_f64(minutes * 60.0);
    let mut early = None;
    while started.elapsed() < length {
        life.change()?;
        ensure!(daemon.try_wait()?.is_none(), "the daemon died: {}", fs::read_to_string(&log)?);
        if early.is_none() && started.elapsed() > length / 4 {
            early = Some(anonymous_kb(daemon.id())?);
        }
    }
    let late = anonymous_kb(daemon.id())?;
    let early = early.unwrap_or(late);
    println!("{} changes, {} photos at the end", life.n, life.photos.len());
    println!("anonymous memory: {early} kB after a quarter of the time, {late} kB at the end");

    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        std::thread::sleep(Duration::from_secs(3));
        let status: Value =
            serde_json::from_slice(&orientd(&["status", "--json"]).output()?.stdout)?;
        let daemon = &status["daemon"];
        if daemon["state"] == "watching" && daemon["queued"] == 0 {
            println!("looked at {}, turned {}", daemon["looked_at"], daemon["turned"]);
            ensure!(daemon["turned"].as_u64() <= daemon["looked_at"].as_u64(), "turned twice");
            break;
        }
        ensure!(Instant::now() < deadline, "the daemon is never done: {status}");
    }
    Command::new("kill").arg(daemon.id().to_string()).status()?;
    ensure!(daemon.wait()?.success(), "the daemon failed");
    let known = orientd(&["list", "--json"]).stderr(Stdio::inherit()).output()?.stdout;
    let known = verdicts(&known)?;
    let fresh_db = home.path().join("fresh.db");
    let fresh = orientd(&["--db", &fresh_db.to_string_lossy(), "scan", "--json"])
        .arg(&root)
        .output()?
        .stdout;
    let fresh = verdicts(&fresh)?;
    life.compare(&known, &fresh)?;
    ensure!(late < early + 40_000, "memory has grown from {early} to {late} kB");
    println!("the database agrees with a fresh scan, and every pixel is as it was");
    Ok(())
}

fn anonymous_kb(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("RssAnon")).context("no RssAnon")?;
    Ok(line.split_whitespace().nth(1).context("no number")?.parse()?)
}

/// Path to (verdict, action, stored) of every photo in JSON lines.
fn verdicts(lines: &[u8]) -> Result<HashMap<PathBuf, Value>> {
    let mut all = HashMap::new();
    for line in std::str::from_utf8(lines)?.lines() {
        let photo: Value = serde_json::from_str(line)?;
        if let Some(path) = photo["path"].as_str() {
            all.insert(PathBuf::from(path), photo.clone());
        }
    }
    Ok(all)
}

/// The library's owner: careless, quick, and seeded.
struct Life {
    root: PathBuf,
    /// The pixels each photo must have, by its present path.
    photos: HashMap<PathBuf, [u8; 32]>,
    n: u64,
    state: u64,
}

impl Life {
    fn random(&mut self, below: u64) -> u64 {
        // xorshift64
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % below
    }

    fn any(&mut self) -> Option<PathBuf> {
        let mut paths: Vec<PathBuf> = self.photos.keys().cloned().collect();
        paths.sort();
        let at = self.random(paths.len().max(1) as u64) as usize;
        paths.get(at).cloned()
    }

    fn place(&mut self) -> Result<PathBuf> {
        self.n += 1;
        let number = self.random(N_FOLDERS);
        let folder = self.root.join(format!("folder {number}"));
        fs::create_dir_all(&folder)?;
        Ok(folder.join(format!("{}.jpg", self.n)))
    }

    fn change(&mut self) -> Result<()> {
        let what = if self.photos.len() > MAX_PHOTOS { 9 } else { self.random(12) };
        match what {
            0..=3 => self.create(0)?,
            4 => self.create(5)?,
            5 => {
                let place = self.place()?;
                let part = place.with_extension("jpg.part");
                let bytes = self.photo()?;
                fs::write(&part, &bytes)?;
                self.pause(300);
                fs::rename(part, &place)?;
                self.photos.insert(place, pixels(&bytes)?);
            }
            6 | 7 => {
                if let Some(from) = self.any() {
                    let to = self.place()?;
                    fs::rename(&from, &to)?;
                    let pixels = self.photos.remove(&from).context("it was known")?;
                    self.photos.insert(to, pixels);
                }
            }
            8 => {
                // An editor: a new file over the old one.
                if let Some(path) = self.any() {
                    let bytes = self.photo()?;
                    let temp = path.with_extension("jpg.tmp");
                    fs::write(&temp, &bytes)?;
                    fs::rename(temp, &path)?;
                    self.photos.insert(path, pixels(&bytes)?);
                }
            }
            9 => {
                if let Some(path) = self.any() {
                    fs::remove_file(&path)?;
                    self.photos.remove(&path);
                }
            }
            10 => self.move_folder()?,
            _ => drop(self.any().map(fs::read)),
        }
        self.pause(400);
        Ok(())
    }

    fn create(&mut self, n_pauses: usize) -> Result<()> {
        let place = self.place()?;
        let bytes = self.photo()?;
        let mut file = fs::File::create(&place)?;
        for part in bytes.chunks(bytes.len() / (n_pauses + 1) + 1) {
            file.write_all(part)?;
            if n_pauses > 0 {
                self.pause(400);
            }
        }
        self.photos.insert(place, pixels(&bytes)?);
        Ok(())
    }

    fn move_folder(&mut self) -> Result<()> {
        let number = self.random(N_FOLDERS);
        let from = self.root.join(format!("folder {number}"));
        self.n += 1;
        let to = self.root.join(format!("moved {}", self.n));
        if fs::rename(&from, &to).is_ok() {
            let photos = std::mem::take(&mut self.photos);
            let moved = photos.into_iter().map(|(path, pixels)| match path.strip_prefix(&from) {
                Ok(name) => (to.join(name), pixels),
                Err(_) => (path, pixels),
            });
            self.photos = moved.collect();
        }
        Ok(())
    }

    fn pause(&mut self, most_ms: u64) {
        let ms = self.random(most_ms);
        std::thread::sleep(Duration::from_millis(ms));
    }

    /// A real photo, half of them with a tag that is wrong, each with a content of its own.
    fn photo(&mut self) -> Result<Vec<u8>> {
        let name = ["astronaut", "chelsea", "coffee", "rocket"][self.random(4) as usize];
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/photos/{name}.jpg"));
        let jpeg = fs::read(path)?;
        let tag = [1u8, 1, 6, 8, 3][self.random(5) as usize];
        let exif: &[u8] = &[
            b'E', b'x', b'i', b'f', 0, 0, b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0,
            0, 1, 0, tag, 0, 0, 0, 0, 0, 0,
        ];
        let mut out = vec![0xFF, 0xD8, 0xFF, 0xE1];
        out.extend(u16::try_from(exif.len() + 2)?.to_be_bytes());
        out.extend_from_slice(exif);
        self.n += 1;
        out.extend([0xFF, 0xFE, 0, 10]);
        out.extend(self.n.to_be_bytes());
        out.extend_from_slice(&jpeg[2..]);
        Ok(out)
    }

    fn compare(
        &self,
        known: &HashMap<PathBuf, Value>,
        fresh: &HashMap<PathBuf, Value>,
    ) -> Result<()> {
        for (path, expected) in &self.photos {
            let name = path.display();
            ensure!(pixels(&fs::read(path)?)? == *expected, "{name} has other pixels");
            let known = known.get(path).with_context(|| format!("{name} was missed"))?;
            let fresh = fresh.get(path).with_context(|| format!("{name}: no fresh answer"))?;
            // A turned photo is upright to a fresh look; turned twice it would not be.
            let verdict =
                if known["action"] == "tag" { "upright" } else { &text(known, "verdict") };
            ensure!(text(fresh, "verdict") == verdict, "{name}: {known} but {fresh}");
        }
        ensure!(known.len() == self.photos.len(), "the database knows photos that are gone");
        Ok(())
    }
}

fn text(photo: &Value, key: &str) -> String {
    photo[key].as_str().unwrap_or_default().to_owned()
}

fn pixels(jpeg: &[u8]) -> Result<[u8; 32]> {
    let image = turbojpeg::decompress(jpeg, PixelFormat::RGB)?;
    Ok(*blake3::hash(&image.pixels).as_bytes())
}
