//! `orientd doctor`: what is wrong with this machine, and what to do about it.

mod privacy;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;

use self::privacy::Privacy;
use super::unsettled;
use crate::cli::Global;
use crate::config;
use crate::context::CommandContext;
use crate::decode::{self, sandbox};
use crate::engine::{Engine, ModelFile, Views, runtime};
use crate::output::{self, human};
use crate::store::Store;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Turn;

/// A photo with a plain up and down, for asking the model a question with a known answer.
static SELF_TEST: &[u8] = include_bytes!("../../assets/selftest.jpg");

/// Watches of a photo library: one a folder.
const ENOUGH_WATCHES: u64 = 65_536;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Good,
    /// Works, but a person may want to know.
    Remark,
    Bad,
}

struct Finding {
    name: &'static str,
    state: Severity,
    text: String,
    /// What to do about it.
    advice: Option<String>,
}

fn good(name: &'static str, text: String) -> Finding {
    Finding { name, state: Severity::Good, text, advice: None }
}

fn bad(name: &'static str, err: &anyhow::Error, advice: &str) -> Finding {
    let advice = (!advice.is_empty()).then(|| advice.to_owned());
    Finding { name, state: Severity::Bad, text: format!("{err:#}"), advice }
}

/// Exits with 1 where something is broken.
pub fn run(global: Global, as_json: bool) -> Result<ExitCode> {
    let mut findings = Vec::new();
    let named = global.config.clone();
    match CommandContext::new(global) {
        Ok(context) => {
            let path = named.map_or_else(config::default_path, Ok)?;
            findings.push(check_config(&context, &path));
            findings.push(check_privacy(&context)?);
            findings.extend(check_database(&context));
            findings.extend(check_engine(&context));
        }
        Err(err) => findings.push(bad("config", &err, "`orientd config --default` shows all keys")),
    }
    findings.extend(check_decoding());
    findings.push(check_watches(Path::new("/proc/sys/fs/inotify")));
    let is_broken = findings.iter().any(|finding| finding.state == Severity::Bad);
    for finding in &findings {
        output::line(&if as_json { as_object(finding) } else { as_lines(finding) })?;
    }
    Ok(if is_broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn check_config(context: &CommandContext, path: &Path) -> Finding {
    let roots = &context.config.roots;
    let folders = human::plural(roots.len() as u64, "folder");
    let state = if path.exists() { "is valid" } else { "is not there, which means all defaults" };
    let text = format!("{} {state}; {folders} with settings of their own", path.display());
    let missing: Vec<String> = roots
        .iter()
        .filter(|root| !root.path.exists())
        .map(|root| root.path.display().to_string())
        .collect();
    if missing.is_empty() {
        return good("config", text);
    }
    let text = format!("{text}; not there: {}", missing.join(", "));
    let advice = "correct the path, or mount the disk; the service waits for a folder that is away";
    Finding { name: "config", state: Severity::Remark, text, advice: Some(advice.into()) }
}

/// Before anything opens the database, which closes it.
fn check_privacy(context: &CommandContext) -> Result<Finding> {
    let Privacy { was_open, text, advice } = privacy::check(context)?;
    let state = if was_open { Severity::Remark } else { Severity::Good };
    Ok(Finding { name: "private", state, text, advice })
}

fn check_database(context: &CommandContext) -> Vec<Finding> {
    let check = || -> Result<String> {
        let path = context.db_path()?;
        let Some(store) = Store::open_existing(&path)? else {
            return Ok(format!("{} is not there yet; the first scan makes it", path.display()));
        };
        let problems = store.quick_check()?;
        anyhow::ensure!(problems.is_empty(), "{}: {}", path.display(), problems.join("; "));
        let counts = store.count_changes()?;
        let mut rest = String::new();
        if counts.n_unsettled > 0 {
            rest += "; changes cut short are to be settled by the next scan";
        }
        for line in unsettled::stuck(&store)? {
            rest += &format!("; {line}");
        }
        let changes = human::plural(counts.n_in_force, "change");
        Ok(format!("{} is sound, {changes} in force{rest}", path.display()))
    };
    let advice = "move the file away and scan again, or put back a .backup-v file beside it; \
                  photos are never in it, but the way back of changed ones is";
    vec![check().map_or_else(|err| bad("database", &err, advice), |text| good("database", text))]
}

fn check_engine(context: &CommandContext) -> Vec<Finding> {
    let library = context.library();
    let runtime = match runtime::load(library.as_deref()) {
        Ok(runtime) => runtime,
        Err(err) => return vec![bad("library", &err, "")],
    };
    let mut findings =
        vec![good("library", format!("ONNX Runtime from {}", runtime.path.display()))];
    let model = Store::open_existing(&context.db_path().unwrap_or_default())
        .ok()
        .flatten()
        .map_or_else(|| context.model(None), |store| context.model(Some(&store)));
    let loaded = model.and_then(|model| {
        let n_threads = context.config.n_threads;
        Engine::load(library.as_deref(), &model, context.device(), n_threads)
            .map(|engine| (model, engine))
    });
    match loaded {
        Err(err) => findings.push(bad(
            "model",
            &err,
            "`orientd model use built-in` goes back to the built-in one",
        )),
        Ok((model, mut engine)) => {
            findings.push(describe_device(&engine));
            findings.push(ask(&model, &mut engine));
        }
    }
    findings
}

fn describe_device(engine: &Engine) -> Finding {
    let mut text = format!("{} is used", engine.loaded().device.name());
    let mut state = Severity::Good;
    for (device, why) in &engine.loaded().passed_over {
        // A provider that is there and fails is worth a remark; one that is not built in is not.
        if !why.starts_with("not built into") {
            state = Severity::Remark;
            text += &format!("; {} did not load: {why}", device.name());
        }
    }
    Finding { name: "device", state, text, advice: None }
}

/// Shows the self-test photo in all four turns and expects all four answers.
fn ask(model: &ModelFile, engine: &mut Engine) -> Finding {
    match answers(engine) {
        Ok(wrong) if wrong.is_empty() => {
            let text =
                format!("{} answers the self-test photo right in all four turns", model.name);
            good("model", text)
        }
        Ok(wrong) => Finding {
            name: "model",
            state: Severity::Bad,
            text: format!("{} is wrong about the self-test photo turned by {wrong:?}", model.name),
            advice: Some("`orientd model use built-in` goes back to the built-in one".into()),
        },
        Err(err) => bad("model", &err, "the device may be at fault: try --device cpu"),
    }
}

/// The turns, in degrees, for which the answer was wrong.
fn answers(engine: &mut Engine) -> Result<Vec<u16>> {
    let image = turbojpeg::decompress(SELF_TEST, turbojpeg::PixelFormat::RGB)
        .context("the self-test photo cannot be decoded")?;
    let photo = Rgb8 { width: image.width, height: image.height, pixels: image.pixels };
    let square = engine.loaded().spec.input.squash(&photo)?;
    let views = Turn::ALL.map(|turn| square.clone().oriented(turn.inverse().orientation()));
    let pictures: Vec<&Rgb8> = views.iter().collect();
    let answers = engine.answer(&pictures, Views::Four)?;
    let is_wrong = |(turn, answer): &(Turn, Option<crate::engine::NetworkAnswer>)| {
        answer.is_none_or(|answer| answer.probabilities.best().0 != *turn)
    };
    let wrong = Turn::ALL.into_iter().zip(answers).filter(is_wrong);
    Ok(wrong.map(|(turn, _)| turn.degrees()).collect())
}

/// Starts a decoding process, confined as for photos, and asks what it found.
fn check_decoding() -> Vec<Finding> {
    match sandbox::examine() {
        Ok((confinement, heif)) => vec![describe_confinement(confinement), describe_heif(heif)],
        Err(err) => vec![bad("decoding", &err, "/proc must be mounted, and programs may start")],
    }
}

fn describe_confinement(confinement: decode::Confinement) -> Finding {
    let missing: Vec<&str> = [("seccomp", confinement.seccomp), ("Landlock", confinement.landlock)]
        .into_iter()
        .filter_map(|(name, holds)| (!holds).then_some(name))
        .collect();
    if missing.is_empty() {
        let text = "photos are decoded in processes that reach no file, network or program";
        return good("decoding", text.into());
    }
    let text = format!(
        "photos are decoded in processes of their own with limits, but without {}, which this \
         kernel does not offer",
        missing.join(" and ")
    );
    Finding { name: "decoding", state: Severity::Remark, text, advice: None }
}

fn describe_heif(found: Result<String, String>) -> Finding {
    let (text, advice) = match found {
        Ok(versions) if decode::is_patched(&versions) => {
            return good("heif", format!("HEIC and AVIF are read by libheif {versions}"));
        }
        Ok(versions) => (
            format!(
                "HEIC and AVIF are read by libheif {versions}; by their numbers they have known \
                 holes, unless the distribution fixed them"
            ),
            "libheif 1.22 and libde265 1.1.1 are without; until then the confinement of the decoders \
             is what holds",
        ),
        Err(why) => (
            format!("HEIC and AVIF files are skipped: {why}"),
            "install libheif (Debian, Ubuntu: libheif1; Fedora, Arch: libheif)",
        ),
    };
    Finding { name: "heif", state: Severity::Remark, text, advice: Some(advice.into()) }
}

/// Watching takes one inotify watch a folder.
fn check_watches(limits: &Path) -> Finding {
    let read = |name: &str| -> Option<u64> {
        std::fs::read_to_string(limits.join(name)).ok()?.trim().parse().ok()
    };
    let Some(n) = read("max_user_watches") else {
        let text = "the kernel does not tell its inotify limits".to_owned();
        return Finding { name: "watches", state: Severity::Remark, text, advice: None };
    };
    let text = format!("{n} inotify watches for each user, one a folder");
    if n >= ENOUGH_WATCHES {
        return good("watches", text);
    }
    let advice = format!(
        "for larger libraries: echo fs.inotify.max_user_watches={} | sudo tee \
         /etc/sysctl.d/60-orientd.conf && sudo sysctl --system",
        8 * ENOUGH_WATCHES
    );
    Finding { name: "watches", state: Severity::Remark, text, advice: Some(advice) }
}

fn as_lines(finding: &Finding) -> String {
    use anstyle::AnsiColor::{Green, Red, Yellow};
    let (color, word) = match finding.state {
        Severity::Good => (Green, "good  "),
        Severity::Remark => (Yellow, "remark"),
        Severity::Bad => (Red, "BAD   "),
    };
    let style = color.on_default();
    let advice =
        finding.advice.as_ref().map_or_else(String::new, |to_do| format!("\n       → {to_do}"));
    format!("{style}{word}{style:#} {}: {}{advice}", finding.name, finding.text)
}

fn as_object(finding: &Finding) -> String {
    let state = match finding.state {
        Severity::Good => "good",
        Severity::Remark => "remark",
        Severity::Bad => "bad",
    };
    json!({"check": finding.name, "state": state, "text": finding.text, "advice": finding.advice})
        .to_string()
}
