//! The engine in a process of its own, so that its memory goes back to the system when it is not
//! needed: ONNX Runtime never gives back what it has taken.
//!
//! The child runs this same program. The first message sends it the model, and it replies what it loaded; then it
//! answers one batch of pictures after another. It ends when its input is closed.

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

use super::answer::{Loaded, NetworkAnswer, Views};
use super::device::Device;
use super::model::ModelFile;
use super::session::InProcess;
use crate::ipc;
use orientd_core::image::rgb::Rgb8;
use orientd_core::model_spec::ModelSpec;
use orientd_core::verdict::decision::Probabilities;

/// The hidden command that is the child's side.
pub const COMMAND: &str = "engine-host";

/// Bytes of one answer: the number of views, zero where there is none, and four numbers.
const ANSWER_LEN: usize = 17;

/// What the child says once, when the model is loaded.
#[derive(Serialize, Deserialize)]
struct LoadedMessage {
    device: String,
    passed_over: Vec<(String, String)>,
    metadata: Vec<(String, String)>,
}

/// The parent's end of a child that owns the session.
pub struct Host {
    pipe: Pipe,
    pub loaded: Loaded,
}

/// The pipes to the child, which ends when they close.
struct Pipe {
    child: Child,
    to: Option<BufWriter<ChildStdin>>,
    from: BufReader<ChildStdout>,
    /// The latest answer.
    bytes: Vec<u8>,
}

impl Host {
    /// Starts the child, which loads the model. See [`super::Engine::load`].
    ///
    /// # Errors
    /// Returns an error if the child cannot be started, or cannot load the model.
    pub fn start(
        library: Option<&Path>,
        model: &ModelFile,
        device: Device,
        n_threads: usize,
    ) -> Result<Self> {
        // The file itself, even where another version has been installed over it meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.arg(COMMAND).args(["--device", device.name()]);
        command.args(["--threads", &n_threads.to_string()]);
        if let Some(library) = library {
            command.arg("--ort-lib").arg(library);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start a process for the network")?;
        let to = child.stdin.take();
        let from = child.stdout.take();
        let (Some(to), Some(from)) = (to, from) else { bail!("the process has no pipes") };
        let mut pipe = Pipe {
            child,
            to: Some(BufWriter::new(to)),
            from: BufReader::new(from),
            bytes: Vec::new(),
        };
        let text = pipe.ask(&[model.name.as_bytes(), b"\0", &model.bytes])?;
        let loaded: LoadedMessage = serde_json::from_slice(text)?;
        let spec = ModelSpec::from_metadata(|key| {
            let of_key = loaded.metadata.iter().find(|(known, _)| known == key);
            of_key.map(|(_, value)| value.clone())
        })?;
        let device: Device = loaded.device.parse()?;
        let passed_over = loaded.passed_over.into_iter();
        let passed_over =
            passed_over.map(|(name, why)| Ok((name.parse()?, why))).collect::<Result<_>>()?;
        tracing::info!(provider = device.name(), model = model.name, "model loaded");
        Ok(Self { pipe, loaded: Loaded { spec, device, passed_over } })
    }

    /// See [`super::Engine::answer`].
    pub fn answer(&mut self, photos: &[&Rgb8], views: Views) -> Result<Vec<Option<NetworkAnswer>>> {
        let head = [views as u8];
        let mut parts: Vec<&[u8]> = vec![&head];
        parts.extend(photos.iter().map(|photo| photo.pixels.as_slice()));
        let (answers, rest) = self.pipe.ask(&parts)?.as_chunks::<ANSWER_LEN>();
        let n = answers.len();
        ensure!(rest.is_empty() && n == photos.len(), "{n} answers for {} photos", photos.len());
        Ok(answers.iter().map(read_answer).collect())
    }
}

impl Pipe {
    /// Sends a message and waits for the answer, whose first byte says whether it is an error.
    fn ask(&mut self, parts: &[&[u8]]) -> Result<&[u8]> {
        if let Err(err) = self.exchange(parts) {
            let ended = self.child.try_wait().ok().flatten();
            let how = ended.map_or_else(String::new, |status| format!(" ({status})"));
            return Err(anyhow!(err).context(format!("the network's process has ended{how}")));
        }
        match self.bytes.split_first() {
            Some((0, answer)) => Ok(answer),
            Some((_, text)) => bail!("{}", String::from_utf8_lossy(text)),
            None => bail!("the network's process sent nothing"),
        }
    }

    fn exchange(&mut self, parts: &[&[u8]]) -> std::io::Result<()> {
        let Some(to) = &mut self.to else { return Err(std::io::ErrorKind::BrokenPipe.into()) };
        ipc::write(&mut *to, parts)?;
        let answer = ipc::read(&mut self.from, ipc::MAX_LEN)?;
        self.bytes = answer.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        Ok(())
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // It ends by itself when its input is closed; one that hangs is killed.
        self.to = None;
        if let Err(err) = self.child.kill().and_then(|()| self.child.wait()) {
            tracing::debug!("the network's process: {err}");
        }
    }
}

/// The child's side: loads what the first message holds, then answers until `from` ends.
///
/// # Errors
/// Returns an error if the parent cannot be read from or written to. What is wrong with the model is told to it.
pub fn serve(
    from: &mut impl Read,
    to: &mut impl Write,
    library: Option<&Path>,
    device: Device,
    n_threads: usize,
) -> Result<()> {
    let Some(mut bytes) = ipc::read(&mut *from, ipc::MAX_LEN)? else { return Ok(()) };
    let at = bytes.iter().position(|byte| *byte == 0).context("a message without a name")?;
    let name = String::from_utf8_lossy(&bytes[..at]).into_owned();
    let model = ModelFile::from_bytes(name, bytes.split_off(at + 1));
    let loaded = InProcess::load(library, &model, device, n_threads);
    let mut engine = match loaded {
        Ok(engine) => engine,
        Err(err) => return tell(to, Err(err)),
    };
    let passed_over = engine.loaded.passed_over.iter();
    let loaded = LoadedMessage {
        device: engine.loaded.device.name().to_owned(),
        passed_over: passed_over.map(|(d, why)| (d.name().to_owned(), why.clone())).collect(),
        metadata: engine.loaded.spec.to_metadata(),
    };
    tell(to, Ok(serde_json::to_vec(&loaded)?))?;
    while let Some(bytes) = ipc::read(&mut *from, ipc::MAX_LEN)? {
        tell(to, answer(&mut engine, &bytes))?;
    }
    Ok(())
}

fn answer(engine: &mut InProcess, message: &[u8]) -> Result<Vec<u8>> {
    let (views, pixels) = message.split_first().context("an empty message")?;
    let views = [Views::One, Views::Four, Views::Cascade]
        .into_iter()
        .find(|known| *known as u8 == *views)
        .context("unknown views")?;
    let side = engine.loaded.spec.input.size;
    let pictures = pixels.chunks_exact(3 * side * side);
    ensure!(pictures.remainder().is_empty(), "part of a picture");
    let picture = |pixels: &[u8]| Rgb8 { width: side, height: side, pixels: pixels.to_vec() };
    let pictures: Vec<Rgb8> = pictures.map(picture).collect();
    let answers = engine.answer(&pictures.iter().collect::<Vec<_>>(), views)?;
    Ok(answers.iter().flat_map(write_answer).collect())
}

fn tell(to: &mut impl Write, said: Result<Vec<u8>>) -> Result<()> {
    match said {
        Ok(bytes) => ipc::write(&mut *to, &[&[0], &bytes])?,
        Err(err) => ipc::write(&mut *to, &[&[1], format!("{err:#}").as_bytes()])?,
    }
    Ok(())
}

fn write_answer(answer: &Option<NetworkAnswer>) -> [u8; ANSWER_LEN] {
    let mut bytes = [0; ANSWER_LEN];
    if let Some(answer) = answer {
        bytes[0] = answer.views;
        for (number, out) in answer.probabilities.0.iter().zip(bytes[1..].as_chunks_mut::<4>().0) {
            *out = number.to_le_bytes();
        }
    }
    bytes
}

fn read_answer(bytes: &[u8; ANSWER_LEN]) -> Option<NetworkAnswer> {
    let mut numbers = [0.0; 4];
    for (number, bytes) in numbers.iter_mut().zip(bytes[1..].as_chunks::<4>().0) {
        *number = f32::from_le_bytes(*bytes);
    }
    let views = bytes[0];
    (views > 0).then_some(NetworkAnswer { probabilities: Probabilities(numbers), views })
}
