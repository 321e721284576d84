//! `make bench`: photos a second and CPU-seconds a photo of decoding alone, the network alone, a whole
//! scan by the real program, and of the Python scripts named in `ORIENTD_PEERS`, all on the same
//! 12-megapixel photos with the same model in one run.
//!
//! Not a test: it asserts nothing, since times belong to the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use orientd::decode::{Budget, Candidate, Decoded, Limits, decode_in_process};
use orientd::engine::{Device, Engine, ModelFile, Views};
use orientd_core::image::preprocess::resize;
use orientd_core::image::rgb::Rgb8;
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

const WIDTH: usize = 4032;
const HEIGHT: usize = 3024;
const LIMITS: Limits = Limits { max_file_bytes: u64::MAX, max_pixels: u64::MAX };

fn main() -> Result<()> {
    // `cargo test --benches` and `cargo nextest` call with flags of their own.
    if std::env::args().any(|arg| arg == "--test" || arg == "--list") {
        return Ok(());
    }
    let n_photos = env_number("ORIENTD_BENCH_PHOTOS", 200)?;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-photos");
    let photos = draw_photos(&folder, n_photos)?;
    let n_bytes: u64 = photos.iter().map(|path| fs::metadata(path).map_or(0, |m| m.len())).sum();
    let n_threads = std::thread::available_parallelism()?.get();
    println!(
        "{n_photos} JPEG photos of {WIDTH}×{HEIGHT}, {:.1} MB each, {n_threads} cores",
        n_bytes as f64 / 1e6 / n_photos as f64
    );
    println!("{:<34} {:>10} {:>16} {:>12}", "", "photos/s", "CPU-s a photo", "cores busy");

    let mut engine = Engine::load(None, &ModelFile::built_in(), Device::Cpu, n_threads)?;
    let (pictures, decoding) = decode_all(&photos, engine.loaded().spec.input.size, n_threads)?;
    decoding.print("decode only", n_photos);
    for (name, views) in
        [("one view", Views::One), ("cascade", Views::Cascade), ("four views", Views::Four)]
    {
        let network = infer_all(&mut engine, &pictures, views)?;
        network.print(&format!("network only, {name}"), n_photos);
        let flag = match views {
            Views::One => "1",
            Views::Four => "4",
            Views::Cascade => "cascade",
        };
        let scan = scan(&folder, flag)?;
        scan.print(&format!("whole scan, {name}"), n_photos);
        let parts = decoding.cpu + network.cpu;
        println!("{:<34} {:>10.3}", "  CPU of the scan over its parts", scan.cpu / parts);
    }
    #[cfg(feature = "test-switches")]
    isolation(&folder, n_photos)?;
    #[cfg(not(feature = "test-switches"))]
    println!("What isolation costs was left out: it takes --features test-switches.");
    peers(&folder, n_photos)
}

/// What decoding in processes of its own costs: scans with and without, in turns, so that whatever
/// else the machine does meets both. Only a build for tests can do without its processes.
#[cfg(feature = "test-switches")]
fn isolation(folder: &Path, n_photos: usize) -> Result<()> {
    let rounds = env_number("ORIENTD_BENCH_ROUNDS", 5)?;
    let mut with = Vec::new();
    let mut without = Vec::new();
    for _ in 0..rounds {
        without.push(scan_with(folder, "cascade", &[("ORIENTD_BENCH_IN_PROCESS", "1")])?);
        with.push(scan_with(folder, "cascade", &[])?);
    }
    let ratios = |of: fn(&Cost) -> f64| {
        let mut ratios: Vec<f64> = with.iter().zip(&without).map(|(w, o)| of(w) / of(o)).collect();
        ratios.sort_by(f64::total_cmp);
        (ratios[0], ratios[ratios.len() / 2], ratios[ratios.len() - 1])
    };
    // The pairs first: finding the middle sorts.
    let ratios = [("time", ratios(|cost| cost.wall)), ("CPU", ratios(|cost| cost.cpu))];
    middle(&mut without).print("whole scan, decoding in process", n_photos);
    middle(&mut with).print("whole scan, decoding isolated", n_photos);
    for (name, (least, median, most)) in ratios {
        println!("  {name} of isolation: ×{median:.3} (×{least:.3} to ×{most:.3}, {rounds} pairs)");
    }
    Ok(())
}

#[cfg(feature = "test-switches")]
fn middle(costs: &mut [Cost]) -> Cost {
    costs.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    costs[costs.len() / 2]
}

fn env_number(name: &str, default: usize) -> Result<usize> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} = {text:?}")),
        Err(_) => Ok(default),
    }
}

/// Wall and CPU seconds.
#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    cpu: f64,
}

impl Cost {
    fn print(&self, name: &str, n: usize) {
        let rate = n as f64 / self.wall;
        let each = self.cpu / n as f64;
        let busy = self.cpu / self.wall;
        println!("{name:<34} {rate:>10.1} {each:>16.4} {busy:>12.2}");
    }
}

/// Measures `work` with the CPU time of `who`: this process or its children.
fn measure<T>(who: i32, work: impl FnOnce() -> Result<T>) -> Result<(T, Cost)> {
    let before = cpu_seconds(who);
    let started = Instant::now();
    let result = work()?;
    let wall = started.elapsed().as_secs_f64();
    Ok((result, Cost { wall, cpu: cpu_seconds(who) - before }))
}

fn cpu_seconds(who: i32) -> f64 {
    // SAFETY: getrusage fills the struct that it is given.
    let usage = unsafe {
        let mut usage = std::mem::zeroed();
        libc::getrusage(who, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn decode_all(photos: &[PathBuf], side: usize, n_threads: usize) -> Result<(Vec<Rgb8>, Cost)> {
    let budget = Budget::new(usize::MAX);
    let part = photos.len().div_ceil(n_threads);
    measure(libc::RUSAGE_SELF, || {
        std::thread::scope(|scope| {
            let parts: Vec<_> = photos
                .chunks(part)
                .map(|part| scope.spawn(|| part.iter().map(|p| decode(p, &budget, side)).collect()))
                .collect();
            let join = |part: std::thread::ScopedJoinHandle<'_, Result<Vec<Rgb8>>>| {
                part.join().map_err(|_| anyhow::anyhow!("a decoder panicked"))?
            };
            Ok(parts.into_iter().map(join).collect::<Result<Vec<_>>>()?.concat())
        })
    })
}

fn decode(path: &Path, budget: &Budget, side: usize) -> Result<Rgb8> {
    let identity = (&fs::metadata(path)?).into();
    match decode_in_process(&Candidate { path: path.to_owned(), identity }, &LIMITS, budget, side) {
        Decoded::Photo(photo) => Ok(photo.picture),
        _ => anyhow::bail!("{} cannot be decoded", path.display()),
    }
}

fn infer_all(engine: &mut Engine, pictures: &[Rgb8], views: Views) -> Result<Cost> {
    let n_batch = engine.loaded().preferred_batch();
    let ((), cost) = measure(libc::RUSAGE_SELF, || {
        for batch in pictures.chunks(n_batch) {
            engine.answer(&batch.iter().collect::<Vec<_>>(), views)?;
        }
        Ok(())
    })?;
    Ok(cost)
}

fn scan(folder: &Path, views: &str) -> Result<Cost> {
    scan_with(folder, views, &[])
}

fn scan_with(folder: &Path, views: &str, environment: &[(&str, &str)]) -> Result<Cost> {
    let home = tempfile::tempdir()?;
    let (status, cost) = measure(libc::RUSAGE_CHILDREN, || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orientd"));
        command.args(["--no-progress", "--device", "cpu", "scan", "--json", "--views", views]);
        command.arg(folder).env("HOME", home.path()).env_remove("XDG_DATA_HOME");
        command.envs(environment.iter().copied());
        Ok(command.stdout(Stdio::null()).status()?)
    })?;
    ensure!(status.success(), "the scan failed: {status}");
    Ok(cost)
}

/// The scripts a person would write instead, where they are at hand.
fn peers(folder: &Path, n_photos: usize) -> Result<()> {
    let script = std::env::var("ORIENTD_PEERS");
    let python = std::env::var("ORIENTD_PYTHON");
    let (Ok(script), Ok(python)) = (script, python) else {
        println!("The Python scripts to compare with were left out: they are not here.");
        return Ok(());
    };
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/orientd.onnx");
    for (name, flags) in [
        ("Python, plain, one view", &["--views", "1"][..]),
        ("Python, --fast, one view", &["--views", "1", "--fast"]),
        ("Python, --fast, four views", &["--views", "4", "--fast"]),
    ] {
        let (status, cost) = measure(libc::RUSAGE_CHILDREN, || {
            let mut command = Command::new(&python);
            command.arg(&script).arg(model).arg(folder).args(flags);
            Ok(command.stdout(Stdio::null()).stderr(Stdio::null()).status()?)
        })?;
        ensure!(status.success(), "{script} failed: {status}");
        cost.print(name, n_photos);
    }
    Ok(())
}

/// Real photos enlarged to 12 megapixels, with sensor noise so that they weigh what photos weigh.
fn draw_photos(folder: &Path, n_photos: usize) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let paths: Vec<PathBuf> = (0..n_photos).map(|at| folder.join(format!("{at:04}.jpg"))).collect();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !paths.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    let originals = ["astronaut", "chelsea", "coffee", "rocket"];
    for (at, path) in paths.iter().enumerate().filter(|(_, path)| !path.exists()) {
        let name = originals[at % originals.len()];
        let original = format!("{}/tests/photos/{name}.jpg", env!("CARGO_MANIFEST_DIR"));
        fs::write(path, enlarged(&fs::read(original)?, at as u64 + 1)?)?;
    }
    Ok(paths)
}

fn enlarged(jpeg: &[u8], seed: u64) -> Result<Vec<u8>> {
    let small = turbojpeg::decompress(jpeg, PixelFormat::RGB)?;
    let small = Rgb8 { width: small.width, height: small.height, pixels: small.pixels };
    let mut large = resize(&small, WIDTH, HEIGHT)?;
    let mut state = seed;
    for value in &mut large.pixels {
        // xorshift64: noise of about ±6, as a phone's sensor has indoors.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *value = value.saturating_add_signed((state % 13) as i8 - 6);
    }
    let mut compressor = Compressor::new()?;
    compressor.set_quality(90)?;
    compressor.set_subsamp(Subsamp::Sub2x2)?;
    let image = Image {
        pixels: &large.pixels[..],
        width: WIDTH,
        pitch: 3 * WIDTH,
        height: HEIGHT,
        format: PixelFormat::RGB,
    };
    Ok(compressor.compress_to_vec(image)?)
}
