//! `make review-figures`: what the review page costs with 100,000 proposals. First paint of a page of 60
//! photos in a real Chromium, cold and warm; and from a key press to the durable fix of a photo.
//!
//! Not a test: it asserts nothing about times, since they belong to the machine.

#![allow(unreachable_pub, reason = "modules of the tests share what is pub")]

#[path = "../tests/it/chromium.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step ends it")]
mod chromium;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chromium::{Browser, key};
use orientd_core::image::preprocess::resize;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Turn;
use rusqlite::{Connection, params};
use turbojpeg::{Compressor, Image, PixelFormat};

const N_PROPOSALS: i64 = 100_000;
const N_ON_A_PAGE: usize = 60;

/// As phones make them: 12 megapixels.
const SIZE: (usize, usize) = (4032, 3024);

/// As many as Chromium opens to one host.
const N_CONNECTIONS: usize = 6;

fn main() -> Result<()> {
    // `cargo test --benches` and `cargo nextest` call with flags of their own.
    if std::env::args().any(|arg| arg == "--test" || arg == "--list") {
        return Ok(());
    }
    let home = tempfile::tempdir()?;
    prepare(home.path())?;
    for state in ["cold", "warm", "warm"] {
        let server = Server::start(home.path())?;
        paint(state, &server)?;
    }
    fs::remove_dir_all(home.path().join(".cache"))?;
    let server = Server::start(home.path())?;
    fetch_all("cold", &server)?;
    fetch_all("warm", &server)?;
    accept(&server, home.path())
}

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orientd"));
    command.args(args).env("HOME", home).current_dir(home);
    for variable in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
        command.env_remove(variable);
    }
    command
}

fn database(home: &Path) -> PathBuf {
    home.join(".local/share/orientd/orientd.db")
}

/// A page of real photos, the most doubtful of all, and rows as scans of 100,000 others leave them.
fn prepare(home: &Path) -> Result<()> {
    let photos = home.join("photos");
    fs::create_dir_all(&photos)?;
    let names = ["astronaut", "chelsea", "coffee", "rocket"];
    for (kind, name) in names.into_iter().enumerate() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/photos/{name}.jpg"));
        let image = turbojpeg::decompress(&fs::read(path)?, PixelFormat::RGB)?;
        let photo = Rgb8 { width: image.width, height: image.height, pixels: image.pixels };
        let large = resize(&photo, SIZE.0, SIZE.1).context("the photo")?;
        let jpeg = jpeg(&large.oriented(Turn::quarters(3).orientation()))?;
        for n in (kind..N_ON_A_PAGE).step_by(names.len()) {
            // A comment makes each content its own.
            let comment = [&[0xFF, 0xFE, 0, 4][..], &u16::try_from(n)?.to_be_bytes()].concat();
            fs::write(
                photos.join(format!("{n:02}.jpg")),
                [&jpeg[..2], &comment, &jpeg[2..]].concat(),
            )?;
        }
    }
    let size = fs::metadata(photos.join("00.jpg"))?.len() as f64 / 1e6;
    println!("{N_ON_A_PAGE} photos of {}×{}, {size:.1} MB the first", SIZE.0, SIZE.1);
    let scanned = command(home, &["scan", "-q", "photos"]).stdout(Stdio::null()).status()?;
    ensure!(scanned.success(), "the scan failed");
    let mut db = Connection::open(database(home))?;
    let adding = db.transaction()?;
    adding
        .execute("UPDATE predictions SET verdict = 'review', confidence = photo_id * 1e-6", [])?;
    for n in 0..N_PROPOSALS {
        let hash = blake3::hash(&n.to_le_bytes());
        let path = photos.join(format!("{}/gone-{n:06}.jpg", n % 500));
        adding
            .prepare_cached(
                "INSERT INTO photos(path, dev, ino, size, mtime_ns, ctime_ns, hash, format, width,
                     height, look_version, looked_at, run_id)
                 VALUES (?1, 0, ?2, 1, ?3, 1, ?4, 'jpeg', 4032, 3024, 2, 1, 1)",
            )?
            .execute(params![
                path.as_os_str().as_encoded_bytes(),
                n,
                n * 3_600_000_000_000,
                &hash.as_bytes()[..]
            ])?;
        let id = adding.last_insert_rowid();
        let confidence = 0.5 + 0.4 * n as f64 / N_PROPOSALS as f64;
        adding
            .prepare_cached(
                "INSERT INTO predictions(photo_id, model_id, hash, stored, views, p0, p90, p180, p270,
                     turn, confidence, verdict, predicted_at)
                 VALUES (?1, 1, ?2, 1, 4, ?3, ?4, 0, 0, 90, ?4, 'review', 1)",
            )?
            .execute(params![id, &hash.as_bytes()[..], 1.0 - confidence, confidence])?;
    }
    Ok(adding.commit()?)
}

fn jpeg(photo: &Rgb8) -> Result<Vec<u8>> {
    let mut compressor = Compressor::new()?;
    compressor.set_quality(92)?;
    let width = photo.width;
    let height = photo.height;
    let pixels = &photo.pixels[..];
    let image = Image { pixels, width, pitch: 3 * width, height, format: PixelFormat::RGB };
    Ok(compressor.compress_to_vec(image)?)
}

struct Server {
    child: Child,
    url: String,
    host: String,
}

impl Server {
    fn start(home: &Path) -> Result<Self> {
        let mut command = command(home, &["review", "--no-open"]);
        let began = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().context("no output")?).read_line(&mut line)?;
        let url = line.split_whitespace().last().context("no address")?.to_owned();
        let host = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
        println!("the address is there after {}", ms(began.elapsed()));
        Ok(Self { child, host: host.to_owned(), url })
    }

    fn get(&self, path: &str) -> Result<Vec<u8>> {
        let token = self.url.split_once("token=").context("no token")?.1;
        let (_, port) = self.host.rsplit_once(':').context("no port")?;
        let mut stream = TcpStream::connect(&self.host)?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: orientd_{port}={token}\r\nConnection: close\r\n\r\n",
            self.host
        )?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply)?;
        ensure!(reply.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&reply));
        let body = reply.windows(4).position(|four| four == b"\r\n\r\n").context("no body")?;
        Ok(reply.split_off(body + 4))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ms(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}

/// In a browser that has never been here.
fn paint(state: &str, server: &Server) -> Result<()> {
    let browser = Browser::start(1300, 900, &[]);
    browser.open(&server.url);
    browser.wait("document.querySelectorAll('.photo').length", N_ON_A_PAGE);
    // What is in sight: lazy pictures further down are not asked for before they are scrolled to.
    let in_sight = "[...document.querySelectorAll('#photos img')].filter((i) => i.getBoundingClientRect().top < innerHeight)";
    browser.wait(&format!("{in_sight}.every((i) => i.complete && i.naturalWidth > 0)"), true);
    let asked = |expression: &str| browser.eval(expression).as_f64().context("a number");
    let paint =
        asked("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null")?;
    let listed = asked(
        "performance.getEntriesByType('resource').find((e) => e.name.includes('/api/page')).responseEnd",
    )?;
    let pictures = asked(&format!(
        "Math.max(...performance.getEntriesByType('resource').filter((e) => {in_sight}.some((i) => i.src === e.name)).map((e) => e.responseEnd))"
    ))?;
    let n = asked(&format!("{in_sight}.length"))?;
    println!(
        "{state}: first contentful paint {paint:.0} ms, list of {N_ON_A_PAGE} there {listed:.0} ms, the {n} pictures in sight {pictures:.0} ms"
    );
    Ok(())
}

/// All 60 thumbnails, as many at a time as a browser asks for.
fn fetch_all(state: &str, server: &Server) -> Result<()> {
    let page: serde_json::Value = serde_json::from_slice(&server.get("/api/page?tab=review")?)?;
    let ids: Vec<i64> = page["items"]
        .as_array()
        .context("no items")?
        .iter()
        .filter_map(|item| item["id"].as_i64())
        .collect();
    ensure!(ids.len() == N_ON_A_PAGE, "{} on the page", ids.len());
    let began = Instant::now();
    let fetched: Vec<Result<Vec<Duration>>> = std::thread::scope(|scope| {
        let fetchers: Vec<_> = (0..N_CONNECTIONS)
            .map(|at| {
                let mine: Vec<i64> = ids.iter().copied().skip(at).step_by(N_CONNECTIONS).collect();
                scope.spawn(move || {
                    mine.into_iter()
                        .map(|id| {
                            let began = Instant::now();
                            server.get(&format!("/thumb/{id}")).map(|_| began.elapsed())
                        })
                        .collect()
                })
            })
            .collect();
        fetchers
            .into_iter()
            .map(|fetcher| fetcher.join().unwrap_or_else(|_| bail!("a fetcher panicked")))
            .collect()
    });
    let total = began.elapsed();
    let mut times: Vec<Duration> = fetched.into_iter().collect::<Result<Vec<_>>>()?.concat();
    times.sort();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    println!(
        "{state}: all {} thumbnails in {}, {N_CONNECTIONS} at a time; one takes {} (median)",
        times.len(),
        ms(total),
        ms(median)
    );
    Ok(())
}

/// From the key to the answer, which comes when the fix is durable.
fn accept(server: &Server, home: &Path) -> Result<()> {
    let browser = Browser::start(1300, 900, &[]);
    browser.open(&server.url);
    browser.wait("document.querySelectorAll('.photo').length", N_ON_A_PAGE);
    browser.eval(
        "(() => { window.times = []; let pressed; addEventListener('keydown', () => { pressed = performance.now(); }, true); \
         const real = window.fetch; window.fetch = async (...a) => { const r = await real(...a); \
         if (a[0] === '/api/answer') times.push(performance.now() - pressed); return r; }; })()",
    );
    const N: usize = 50;
    for n in 0..N {
        browser.keys(key::ENTER);
        browser.wait("times.length", n + 1);
        browser.wait("document.querySelector('.busy') === null", true);
    }
    let mut times: Vec<f64> = browser
        .eval("times")
        .as_array()
        .context("no times")?
        .iter()
        .filter_map(serde_json::Value::as_f64)
        .collect();
    times.sort_by(f64::total_cmp);
    let db = Connection::open(database(home))?;
    let sql = "SELECT count(*) FROM changes WHERE state = 'done'";
    let n_done: i64 = db.query_row(sql, [], |row| row.get(0))?;
    ensure!(n_done == N as i64, "{n_done} of {N} are done");
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or(0.0);
    println!(
        "key to durable fix, {N} photos: median {:.0} ms, nine of ten within {:.0} ms, slowest {:.0} ms",
        at(0.5),
        at(0.9),
        times.last().copied().unwrap_or(0.0)
    );
    Ok(())
}
