//! Which mode a photo is turned in, and what becomes of which file. Writes nothing.

use std::path::{Path, PathBuf};

use super::content::Content;
use super::lossless;
use crate::decode::sandbox::prover::{Proof, Prover};
use crate::error::FixError;
use crate::files::sidecar::{OnDisk, path_of};
use orientd_core::edit::mode::Mode;
use orientd_core::edit::patch::{Edit, Patch};
use orientd_core::edit::refusal::Refusal;
use orientd_core::edit::sidecar;
use orientd_core::edit::tag;
use orientd_core::format::heif::HeifLimit;
use orientd_core::format::isobmff::heif_kind;
use orientd_core::format::metadata::stored_orientation;
use orientd_core::orientation::{Orientation, Turn};

/// What is wanted of a photo.
#[derive(Clone, Copy, Debug)]
pub struct TurnRequest {
    pub turn: Turn,
    pub mode: Mode,
    /// The undo store's budget: a larger original cannot be kept.
    pub max_original: u64,
}

/// A plan for one file.
pub struct Plan {
    pub target: PathBuf,
    pub mode: Mode,
    /// Why it is not the mode that was asked for.
    pub instead: Option<Refusal>,
    pub patch: Patch,
    pub new: Content,
}

/// Plans for `photo`, which holds `bytes` and has the sidecar `beside`.
///
/// # Errors
/// Returns an error if the photo must not be written in the mode asked for, nor in one that may replace it.
pub fn plan(
    photo: &Path,
    bytes: &[u8],
    beside: Option<&OnDisk>,
    request: TurnRequest,
    prover: &Prover,
) -> Result<Plan, FixError> {
    let mut mode = request.mode;
    let mut instead = None;
    loop {
        let planned = plan_in(mode, photo, bytes, beside, request)
            .map_err(FixError::from)
            .and_then(|plan| proved(plan, bytes, request.turn, prover));
        match planned {
            Ok(plan) => return Ok(Plan { instead, ..plan }),
            Err(FixError::Refused(why)) => match mode.instead(why) {
                Some(next) => (mode, instead) = (next, Some(why)),
                None => return Err(why.into()),
            },
            Err(other) => return Err(other),
        }
    }
}

fn plan_in(
    mode: Mode,
    photo: &Path,
    bytes: &[u8],
    beside: Option<&OnDisk>,
    request: TurnRequest,
) -> Result<Plan, Refusal> {
    if mode == Mode::Sidecar {
        return plan_sidecar(photo, bytes, beside, request.turn);
    }
    if let Some(beside) = beside
        && sidecar::read(&beside.bytes)?.said.is_some()
    {
        return Err(Refusal::SidecarSpeaks);
    }
    if mode == Mode::Tag {
        return plan_tag(photo, bytes, request.turn);
    }
    match lossless::plan(bytes, request.turn)? {
        // The pixels lie right already; only the tag is wrong.
        None => plan_tag(photo, bytes, request.turn),
        Some(_) if bytes.len() as u64 > request.max_original => Err(Refusal::NoBudget),
        Some((patch, new)) => {
            let target = photo.to_owned();
            let new = Content::Bytes(new);
            Ok(Plan { target, mode: Mode::Pixels, instead: None, patch, new })
        }
    }
}

/// A turned HEIF file is written only if libheif shows the old picture in it, turned.
fn proved(plan: Plan, bytes: &[u8], turn: Turn, prover: &Prover) -> Result<Plan, FixError> {
    let (Mode::Tag, Content::Bytes(new), Some(_)) = (plan.mode, &plan.new, heif_kind(bytes)) else {
        return Ok(plan);
    };
    let not = |why| Refusal::from(HeifLimit::NotProved(why)).into();
    match prover.compare(bytes, new, turn) {
        Ok(Proof::Same) => Ok(plan),
        Ok(Proof::Different) => Err(not("libheif shows another")),
        Ok(Proof::Undecoded(skip)) => {
            tracing::debug!(photo = %plan.target.display(), "not proved: {skip}");
            Err(not("libheif cannot decode it"))
        }
        Ok(Proof::Interrupted) => Err(FixError::Interrupted),
        Err(err) => Err(FixError::NoProver(format!("{err:#}"))),
    }
}

fn plan_tag(photo: &Path, bytes: &[u8], turn: Turn) -> Result<Plan, Refusal> {
    let patch = tag::plan(bytes, turn)?;
    let new = Content::Bytes(patch.apply(bytes)?);
    let target = photo.to_owned();
    Ok(Plan { target, mode: Mode::Tag, instead: None, patch, new })
}

/// Writes the orientation to the sidecar; the photo itself is not changed.
fn plan_sidecar(
    photo: &Path,
    bytes: &[u8],
    beside: Option<&OnDisk>,
    turn: Turn,
) -> Result<Plan, Refusal> {
    let read = beside.map(|beside| sidecar::read(&beside.bytes)).transpose()?;
    let said = read.and_then(|read| read.said).map(|(orientation, _)| orientation);
    let from: Orientation = said.unwrap_or_else(|| stored_orientation(bytes, photo));
    let to = from.then(turn.orientation());
    let edit = match &read {
        Some(read) => sidecar::edit(read, to),
        None => Edit { offset: 0, old: Vec::new(), new: sidecar::fresh(to) },
    };
    let patch = Patch { edits: vec![edit], from, to };
    let new = patch.apply(beside.map_or(&[], |beside| &beside.bytes))?;
    // What is written must be read as it is meant.
    if sidecar::read(&new)?.said.map(|(orientation, _)| orientation) != Some(to) {
        return Err(Refusal::Sidecar);
    }
    let target = path_of(photo);
    let new = Content::Bytes(new);
    Ok(Plan { target, mode: Mode::Sidecar, instead: None, patch, new })
}
