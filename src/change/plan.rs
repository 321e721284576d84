//! Which mode a photo is turned in, and what becomes of which file. Writes nothing.

use std::path::{Path, PathBuf};

use super::content::Content;
use super::lossless;
use crate::decode::sandbox::prover::{Proof, Prover};
use crate::error::FixError;
use crate::files::sidecar::{OnDisk, name_of_new};
use orientd_core::edit::lossless::is_about_places;
use orientd_core::edit::mode::Mode;
use orientd_core::edit::patch::{Edit, Patch};
use orientd_core::edit::refusal::Refusal;
use orientd_core::edit::sidecar::{self, Sidecar};
use orientd_core::edit::tag;
use orientd_core::format::heif::HeifLimit;
use orientd_core::format::isobmff::heif_kind;
use orientd_core::format::metadata::stored_orientation;
use orientd_core::format::sidecar_name::{SidecarName, SidecarStyle};
use orientd_core::orientation::Turn;

/// What is wanted of a photo.
#[derive(Clone, Copy, Debug)]
pub struct TurnRequest {
    pub turn: Turn,
    pub mode: Mode,
    /// The undo store's budget: a larger original cannot be kept.
    pub max_original: u64,
    /// How a new sidecar is to be named.
    pub new_sidecar: SidecarStyle,
}

/// A plan for one file.
pub struct Plan {
    pub target: PathBuf,
    pub mode: Mode,
    /// Which sidecar is the target, in mode `sidecar`.
    pub sidecar: SidecarName,
    /// Why it is not the mode that was asked for.
    pub instead: Option<Refusal>,
    pub patch: Patch,
    pub new: Content,
    /// Plans for other sidecars, which are kept in step with the target.
    pub further: Vec<Plan>,
}

impl Plan {
    fn of_photo(photo: &Path, mode: Mode, patch: Patch, new: Vec<u8>) -> Self {
        Self {
            target: photo.to_owned(),
            mode,
            sidecar: SidecarName::Full,
            instead: None,
            patch,
            new: Content::Bytes(new),
            further: Vec::new(),
        }
    }
}

/// Plans for `photo`, which holds `bytes` and has the sidecars `beside`.
///
/// # Errors
/// Returns an error if the photo must not be written in the mode asked for, nor in one that may replace it.
pub fn plan(
    photo: &Path,
    bytes: &[u8],
    beside: &[OnDisk],
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
    beside: &[OnDisk],
    request: TurnRequest,
) -> Result<Plan, Refusal> {
    let stated = beside.iter().map(|beside| sidecar::read(&beside.bytes));
    let stated = stated.collect::<Result<Vec<Sidecar>, Refusal>>()?;
    if mode == Mode::Sidecar {
        return plan_sidecars(photo, bytes, &Beside { on_disk: beside, stated }, request);
    }
    if stated.iter().any(|stated| stated.said.is_some()) {
        return Err(Refusal::SidecarSpeaks);
    }
    if mode == Mode::Tag {
        return plan_tag(photo, bytes, request.turn);
    }
    if beside.iter().any(|beside| is_about_places(&beside.bytes)) {
        return Err(Refusal::Belongs("regions, crops or edits in its sidecar"));
    }
    match lossless::plan(bytes, request.turn)? {
        // The pixels lie right already; only the tag is wrong.
        None => plan_tag(photo, bytes, request.turn),
        Some(_) if bytes.len() as u64 > request.max_original => Err(Refusal::NoBudget),
        Some((patch, new)) => Ok(Plan::of_photo(photo, Mode::Pixels, patch, new)),
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
    let new = patch.apply(bytes)?;
    Ok(Plan::of_photo(photo, Mode::Tag, patch, new))
}

/// The sidecars of a photo, what wins first, with what each states.
struct Beside<'a> {
    on_disk: &'a [OnDisk],
    stated: Vec<Sidecar>,
}

/// Writes the orientation to the first sidecar, or a new one, and to each that states one; the photo itself is not
/// changed.
fn plan_sidecars(
    photo: &Path,
    bytes: &[u8],
    beside: &Beside<'_>,
    request: TurnRequest,
) -> Result<Plan, Refusal> {
    let mut said = beside.stated.iter().filter_map(|stated| stated.said);
    let from = said.next().map(|(orientation, _)| orientation);
    let from = from.unwrap_or_else(|| stored_orientation(bytes, photo));
    let to = from.then(request.turn.orientation());
    let mut plans = Vec::new();
    for (on_disk, stated) in beside.on_disk.iter().zip(&beside.stated) {
        let was = stated.said.map(|(orientation, _)| orientation);
        // The first is the one that wins. One that says nothing beside it need not begin to.
        if !plans.is_empty() && (was.is_none() || was == Some(to)) {
            continue;
        }
        let edit = sidecar::edit(stated, to);
        let patch = Patch { edits: vec![edit], from: was.unwrap_or(from), to };
        plans.push(plan_sidecar(&on_disk.path, on_disk.name, patch, &on_disk.bytes)?);
    }
    if beside.on_disk.is_empty() {
        let name = name_of_new(photo, request.new_sidecar);
        let edit = Edit { offset: 0, old: Vec::new(), new: sidecar::fresh(to) };
        let patch = Patch { edits: vec![edit], from, to };
        return plan_sidecar(&name.path_of(photo), name, patch, &[]);
    }
    let further = plans.split_off(1);
    let first = plans.into_iter().next().ok_or(Refusal::Sidecar)?;
    Ok(Plan { further, ..first })
}

fn plan_sidecar(
    path: &Path,
    name: SidecarName,
    patch: Patch,
    bytes: &[u8],
) -> Result<Plan, Refusal> {
    let new = patch.apply(bytes)?;
    // What is written must be read as it is meant.
    if sidecar::read(&new)?.said.map(|(orientation, _)| orientation) != Some(patch.to) {
        return Err(Refusal::Sidecar);
    }
    Ok(Plan { sidecar: name, ..Plan::of_photo(path, Mode::Sidecar, patch, new) })
}
