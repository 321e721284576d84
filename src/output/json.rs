//! The JSON that other programs rely on, as docs/contracts.md lists it: stable names, and
//! probabilities rounded to six decimals.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::Summary;
use crate::pipeline::photo_report::PhotoReport;
use crate::store::{PhotoState, RunId};
use orientd_core::orientation::Turn;

/// One photo.
pub(crate) fn photo(report: &PhotoReport) -> Value {
    let prediction = report.prediction.as_ref();
    let mut object = Map::new();
    add_path(&mut object, &report.path);
    let rest = json!({
        "format": report.format,
        "width": report.width,
        "height": report.height,
        "stored": report.stored.to_exif(),
        "turn": report.turn().map(Turn::degrees),
        "confidence": report.confidence().map(rounded),
        "probabilities": prediction.map(|seen| seen.probabilities.0.map(rounded)),
        "verdict": report.verdict_word(),
        "action": report.action.as_str(),
        "new": report.new_orientation().map(|new| new.to_exif()),
        "reason": report.reason.as_ref().map(|reason| &reason.code),
        "detail": report.reason.as_ref().map(|reason| &reason.detail),
        "known": report.known,
        "state": report.state.as_str(),
    });
    if let Value::Object(rest) = rest {
        object.extend(rest);
    }
    Value::Object(object)
}

/// `path` as UTF-8 where it can be; else also its bytes in base64.
pub(crate) fn add_path(object: &mut Map<String, Value>, path: &Path) {
    object.insert("path".into(), json!(path.to_string_lossy()));
    if path.to_str().is_none() {
        let bytes = BASE64_STANDARD.encode(path.as_os_str().as_bytes());
        object.insert("path_bytes".into(), json!(bytes));
    }
}

/// The last line of a scan.
pub(crate) fn summary(summary: &Summary, model: &str, run: RunId, dry_run: bool) -> Value {
    let seconds = (summary.elapsed.as_secs_f64() * 1e3).round() / 1e3;
    json!({"summary": {
        "photos": summary.n_photos,
        "looked_at": summary.n_looked_at,
        "unchanged": summary.n_unchanged,
        "same_file": summary.n_same_file,
        "missing": summary.n_missing,
        "verdicts": {
            "upright": summary.verdict("upright"),
            "fix": summary.verdict("fix"),
            "review": summary.verdict("review"),
            "skipped": summary.verdict("skipped"),
        },
        "turned": summary.state(PhotoState::Turned),
        "fine": summary.state(PhotoState::Fine),
        "waiting": summary.n_waiting(),
        "refused": summary.state(PhotoState::Refused),
        "actions": summary.actions,
        "reasons": summary.reasons,
        "skips": summary.skips.codes,
        "refusals": summary.refusals.codes,
        "seconds": seconds,
        "photos_per_second": (summary.rate() * 10.0).round() / 10.0,
        "provider": summary.engine.as_ref().map(|engine| engine.device.name()),
        "model": model,
        "run": run,
        "dry_run": dry_run,
    }})
}

fn rounded(p: f32) -> f64 {
    (f64::from(p) * 1e6).round() / 1e6
}
