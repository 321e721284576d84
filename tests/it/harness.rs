//! A library of photos with a home of its own, and the program run in it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use orientd_core::format::exif::minimal_block;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::{Orientation, Turn};
use serde_json::Value;
use tempfile::TempDir;
use turbojpeg::{Compressor, Image, PixelFormat};

/// The program with everything it would write kept below `home`.
pub struct Library {
    folder: TempDir,
}

/// What `scan --json` printed.
pub struct Scanned {
    /// By file name.
    pub photos: BTreeMap<String, Value>,
    pub summary: Value,
}

impl Scanned {
    pub fn parse(stdout: &[u8]) -> Self {
        let text = std::str::from_utf8(stdout).expect("JSON is UTF-8");
        let mut lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|err| panic!("{line}: {err}")))
            .collect();
        let summary = lines.pop().expect("a summary comes last")["summary"].take();
        assert!(summary.is_object(), "the last line is the summary");
        let name = |photo: &Value| {
            let path = photo["path"].as_str().expect("every photo has a path");
            path.rsplit('/').next().unwrap_or_default().to_owned()
        };
        Self { photos: lines.into_iter().map(|photo| (name(&photo), photo)).collect(), summary }
    }

    pub fn reason(&self, name: &str) -> &str {
        self.photos[name]["reason"].as_str().unwrap_or("none")
    }
}

impl Library {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(folder.path().join("photos")).unwrap();
        fs::create_dir_all(folder.path().join("home")).unwrap();
        Self { folder }
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("photos")
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Writes a file below the root.
    pub fn add(&self, name: impl AsRef<OsStr>, bytes: &[u8]) -> PathBuf {
        let path = self.root().join(name.as_ref());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The program with `args`, not yet started.
    pub fn command<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orientd"));
        command.args(args);
        self.set_home(&mut command);
        command
    }

    pub fn set_home(&self, command: &mut Command) {
        command.current_dir(self.folder.path()).env("HOME", self.home()).stdin(Stdio::null());
        for variable in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "ORT_DYLIB_PATH"] {
            command.env_remove(variable);
        }
    }

    pub fn run<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Output {
        self.command(args).output().expect("the program starts")
    }

    /// Runs and expects success; returns stdout.
    pub fn ok<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{}", text_of(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs and expects failure with `code`; returns stderr.
    pub fn fails<I: AsRef<OsStr>>(&self, code: i32, args: impl IntoIterator<Item = I>) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(code), "{}", text_of(&output));
        String::from_utf8(output.stderr).expect("UTF-8")
    }

    /// `scan --json` of the whole library with further flags.
    pub fn scan(&self, flags: &[&str]) -> Scanned {
        let root = self.root();
        let mut args: Vec<&OsStr> = vec![OsStr::new("scan"), OsStr::new("--json")];
        args.extend(flags.iter().map(OsStr::new));
        args.push(root.as_os_str());
        Scanned::parse(self.ok(args).as_bytes())
    }

    /// BLAKE3 of every file below the root, by path.
    pub fn hashes(&self) -> BTreeMap<PathBuf, String> {
        let files = walkdir::WalkDir::new(self.root()).into_iter().map(|entry| entry.unwrap());
        let files = files.filter(|entry| entry.file_type().is_file());
        files
            .map(|entry| {
                let bytes = fs::read(entry.path()).unwrap();
                (entry.into_path(), blake3::hash(&bytes).to_hex().to_string())
            })
            .collect()
    }
}

pub fn text_of(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr))
}

/// One of `tests/photos`, decoded.
pub fn real_photo(name: &str) -> Rgb8 {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/photos/{name}.jpg"));
    let image = turbojpeg::decompress(&fs::read(path).unwrap(), PixelFormat::RGB).unwrap();
    Rgb8 { width: image.width, height: image.height, pixels: image.pixels }
}

pub const REAL_PHOTOS: [&str; 4] = ["astronaut", "chelsea", "coffee", "rocket"];

/// The astronaut stored so that `degrees` clockwise make it upright, as a plain JPEG without EXIF.
pub fn needs(degrees: u16) -> Vec<u8> {
    let turn = Turn::from_degrees(degrees).unwrap();
    jpeg_of(&real_photo("astronaut").oriented(turn.inverse().orientation()))
}

/// The same with a mark at place `n` of 64, so that no two look the same.
pub fn needs_marked(degrees: u16, n: usize) -> Vec<u8> {
    let turn = Turn::from_degrees(degrees).unwrap();
    let mut photo = real_photo("astronaut");
    let side = photo.width.min(photo.height) / 16;
    for row in 0..side {
        let at = ((n / 16) * side + row) * photo.width + (n % 16) * side;
        photo.pixels[3 * at..3 * (at + side)].fill(if n % 16 < 8 { 255 } else { 0 });
    }
    jpeg_of(&photo.oriented(turn.inverse().orientation()))
}

/// The same with an EXIF block that holds `stored`.
pub fn needs_with_exif(degrees: u16, stored: u16) -> Vec<u8> {
    with_exif(&needs(degrees), Orientation::from_exif(stored).unwrap())
}

pub fn jpeg_of(photo: &Rgb8) -> Vec<u8> {
    jpeg_with(photo, |_| {})
}

pub fn jpeg_with(photo: &Rgb8, set: impl FnOnce(&mut Compressor)) -> Vec<u8> {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(92).unwrap();
    set(&mut compressor);
    let image = Image {
        pixels: &photo.pixels[..],
        width: photo.width,
        pitch: 3 * photo.width,
        height: photo.height,
        format: PixelFormat::RGB,
    };
    compressor.compress_to_vec(image).unwrap()
}

pub fn with_exif(jpeg: &[u8], stored: Orientation) -> Vec<u8> {
    with_segment(jpeg, 0xE1, &minimal_block(stored))
}

/// Puts a segment right after start of image.
pub fn with_segment(jpeg: &[u8], marker: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0xFF, 0xD8, 0xFF, marker];
    out.extend(u16::try_from(payload.len() + 2).unwrap().to_be_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(&jpeg[2..]);
    out
}

/// A file name that is not UTF-8.
pub fn not_utf8() -> &'static OsStr {
    OsStr::from_bytes(b"caf\xe9.jpg")
}

/// What exiftool says of a file, without what every change of a file changes.
pub fn exiftool(path: &Path) -> BTreeMap<String, String> {
    let output = Command::new("exiftool")
        .args(["-a", "-G1", "-s", "-j", "--FileModifyDate", "--FileAccessDate"])
        .args(["--FileInodeChangeDate", "--FileSize"])
        .arg(path)
        .output()
        .expect("exiftool is installed by `make test`");
    let parsed: Vec<BTreeMap<String, Value>> = serde_json::from_slice(&output.stdout).unwrap();
    parsed[0].iter().map(|(key, value)| (key.clone(), value.to_string())).collect()
}
