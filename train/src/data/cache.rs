//! The cache: a folder with the shrunk photos one after another in `photos.qoi`, and one line of
//! JSON for each in `photos.jsonl`. Photos are stored losslessly, since a codec's blocks would show
//! the network how the photo stood when it was cached.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use image::codecs::qoi::QoiEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat};
use orientd_core::image::rgb::Rgb8;
use serde::{Deserialize, Serialize};

use crate::files::is_got;

/// Who says that a photo stands upright as cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It lay in a folder of photos said to be upright.
    Folder,
    /// A person's answer in the library.
    Person,
    /// A tag other than 1, which a camera's sensor wrote.
    Sensor,
    /// The model in use, and it was sure.
    Confident,
}

/// One cached photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// From the path, so that it stays the same from run to run.
    pub id: String,
    pub path: String,
    pub source: String,
    /// Bursts are looked for inside a folder.
    pub folder: String,
    pub taken: Option<i64>,
    pub origin: Origin,
    pub weight: f32,
    /// What the file was when it was cached, and the turn that was burnt in: where these are the
    /// same, it need not be opened again.
    pub size: u64,
    pub mtime_ns: i64,
    pub turn: u16,
    /// The EXIF number it was displayed with where the library said so; `None`: its own file's.
    #[serde(default)]
    pub shown: Option<u8>,
    /// 128 bits in hexadecimal.
    pub fingerprint: String,
    pub width: usize,
    pub height: usize,
    pub offset: u64,
    pub length: u64,
}

impl Record {
    pub fn fingerprint(&self) -> Result<u128> {
        u128::from_str_radix(&self.fingerprint, 16)
            .with_context(|| format!("the cache has a broken fingerprint for {}", self.path))
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Header {
    format: u32,
    side: usize,
}

const FORMAT: u32 = 1;
const HEADER: &str = "cache.json";
const INDEX: &str = "photos.jsonl";
const PIXELS: &str = "photos.qoi";

/// A cache open for reading; photos may be read from several threads at once.
#[derive(Debug)]
pub struct Cache {
    pub records: Vec<Record>,
    pub side: usize,
    pixels: File,
}

impl Cache {
    /// # Errors
    /// Returns an error if there is no cache at `folder`, or it is empty or damaged.
    pub fn open(folder: &Path) -> Result<Self> {
        let failed =
            || format!("no cache at {}\n  `orientd-train prepare` makes one", folder.display());
        let header = read_header(folder)?.with_context(failed)?;
        let pixels = File::open(folder.join(PIXELS)).with_context(failed)?;
        ensure_free(pixels.try_lock_shared(), folder)?;
        let records = read_index(folder)?;
        let length = pixels.metadata()?.len();
        for record in &records {
            ensure!(
                record.offset + record.length <= length,
                "the cache at {} lacks the end of {PIXELS}; run `prepare` again",
                folder.display()
            );
        }
        Ok(Self { records, side: header.side, pixels })
    }

    /// The cached photo, upright.
    pub fn read(&self, record: &Record) -> Result<Rgb8> {
        let failed = || format!("cannot read {} from the cache", record.path);
        let mut bytes = vec![0; usize::try_from(record.length)?];
        self.pixels.read_exact_at(&mut bytes, record.offset).with_context(failed)?;
        let picture = image::load(Cursor::new(bytes), ImageFormat::Qoi).with_context(failed)?;
        let picture = picture.into_rgb8();
        let width = picture.width() as usize;
        let height = picture.height() as usize;
        Ok(Rgb8 { width, height, pixels: picture.into_raw() })
    }
}

/// Many may read a cache, or one write it.
fn ensure_free(locked: Result<(), TryLockError>, folder: &Path) -> Result<()> {
    let failed = || format!("cannot lock the cache at {}", folder.display());
    ensure!(
        is_got(locked).with_context(failed)?,
        "the cache at {} is in use by another orientd-train\n  wait for it, or name another folder",
        folder.display()
    );
    Ok(())
}

fn read_header(folder: &Path) -> Result<Option<Header>> {
    let path = folder.join(HEADER);
    if !path.exists() {
        return Ok(None);
    }
    let failed = || format!("cannot read {}", path.display());
    let text = std::fs::read_to_string(&path).with_context(failed)?;
    let header: Header = serde_json::from_str(&text).with_context(failed)?;
    ensure!(header.format == FORMAT, "{} is of format {}", path.display(), header.format);
    Ok(Some(header))
}

/// Every whole line; a last one cut short by a crash is left out.
fn read_index(folder: &Path) -> Result<Vec<Record>> {
    let path = folder.join(INDEX);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(err) => return Err(err).with_context(|| format!("cannot read {}", path.display())),
    };
    let mut records = Vec::new();
    let mut lines = BufReader::new(file).lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        match serde_json::from_str(&line) {
            Ok(record) => records.push(record),
            Err(_) if lines.peek().is_none() => {}
            Err(err) => bail!("{}, line {}: {err}", path.display(), number + 1),
        }
    }
    Ok(records)
}

/// A cache open for adding photos.
pub struct Writer {
    folder: PathBuf,
    pixels: File,
    index: File,
    end: u64,
    /// What is already there, by id; a later line replaces an earlier one.
    pub known: BTreeMap<String, Record>,
}

impl Writer {
    /// Opens or makes the cache at `folder` for photos of this short side.
    ///
    /// # Errors
    /// Returns an error if it cannot be made, or holds photos of another size.
    pub fn open(folder: &Path, side: usize) -> Result<Self> {
        let failed = || format!("cannot make the cache {}", folder.display());
        std::fs::create_dir_all(folder).with_context(failed)?;
        match read_header(folder)? {
            Some(header) if header.side != side => bail!(
                "the cache at {} holds photos of side {}, not {side}\n  \
                 name another folder, or set prepare.side = {}",
                folder.display(),
                header.side,
                header.side
            ),
            Some(_) => {}
            None => {
                let header = serde_json::to_string(&Header { format: FORMAT, side })?;
                std::fs::write(folder.join(HEADER), header).with_context(failed)?;
            }
        }
        let append = OpenOptions::new().create(true).append(true).clone();
        let mut pixels = append.open(folder.join(PIXELS)).with_context(failed)?;
        ensure_free(pixels.try_lock(), folder)?;
        let length = pixels.seek(SeekFrom::End(0))?;
        let whole = |record: &Record| record.offset + record.length <= length;
        let records: Vec<_> = read_index(folder)?.into_iter().filter(whole).collect();
        let end = records.iter().map(|record| record.offset + record.length).max().unwrap_or(0);
        pixels.set_len(end).with_context(failed)?;
        let known = records.into_iter().map(|record| (record.id.clone(), record)).collect();
        let mut writer =
            Self { folder: folder.to_owned(), pixels, index: File::open(folder)?, end, known };
        writer.write_index()?;
        writer.index = append.open(folder.join(INDEX)).with_context(failed)?;
        Ok(writer)
    }

    /// Adds a photo that `encode` made, and fills in where it lies.
    ///
    /// # Errors
    /// Returns an error if the disk is full or fails; what was there stays whole.
    pub fn add(&mut self, mut record: Record, bytes: &[u8]) -> Result<()> {
        let failed = || format!("cannot write to the cache {}", self.folder.display());
        self.pixels.write_all(bytes).with_context(failed)?;
        record.offset = self.end;
        record.length = bytes.len() as u64;
        self.end += record.length;
        let mut line = serde_json::to_string(&record)?;
        line.push('\n');
        self.index.write_all(line.as_bytes()).with_context(failed)?;
        self.known.insert(record.id.clone(), record);
        Ok(())
    }

    /// Leaves only the photos named, in an order that follows from what they show: neither where
    /// they lie nor which came first decides what a seed makes of them.
    pub fn finish(mut self, wanted: &std::collections::BTreeSet<String>) -> Result<Vec<Record>> {
        self.known.retain(|id, _| wanted.contains(id));
        self.pixels.sync_all()?;
        self.write_index()?;
        Ok(self.ordered().into_iter().cloned().collect())
    }

    fn ordered(&self) -> Vec<&Record> {
        let mut records: Vec<&Record> = self.known.values().collect();
        records.sort_by(|a, b| (&a.fingerprint, &a.path).cmp(&(&b.fingerprint, &b.path)));
        records
    }

    fn write_index(&self) -> Result<()> {
        let mut text = String::new();
        for record in self.ordered() {
            text.push_str(&serde_json::to_string(record)?);
            text.push('\n');
        }
        crate::files::write_whole(&self.folder.join(INDEX), text.as_bytes())
    }
}

/// The photo as stored in the cache.
pub fn encode(photo: &Rgb8) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let width = u32::try_from(photo.width)?;
    let height = u32::try_from(photo.height)?;
    QoiEncoder::new(&mut bytes).write_image(
        &photo.pixels,
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}
