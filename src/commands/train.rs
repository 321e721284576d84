//! `orientd train`: hands over to `orientd-train`, a program of its own since it needs libtorch.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, anyhow};

use crate::cli::{self, Global};
use crate::config::data_dir;
use crate::context::CommandContext;
use crate::files::write_whole::{Durability, write_whole};
use crate::output;
use crate::store::Store;

const PROGRAM: &str = "orientd-train";

/// Replaces this process by the trainer; returns only if it cannot. `--library` stands for all arguments that
/// retraining on the photos in the database needs; the arguments after it are passed on.
pub fn run(global: Global, args: &[OsString]) -> Result<ExitCode> {
    let mut runtime = global.ort_lib.clone();
    let whole = match args.split_first() {
        Some((first, rest)) if first == "--library" => {
            let context = CommandContext::new(global)?;
            runtime = context.library();
            retrain(context, rest)?
        }
        _ => args.to_vec(),
    };
    let beside = std::env::current_exe().ok().map(|program| program.with_file_name(PROGRAM));
    let program = beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(PROGRAM));
    let mut command = Command::new(&program);
    // The trainer finds ONNX Runtime where this program was told it is.
    command.envs(runtime.map(|library| ("ORT_DYLIB_PATH", library)));
    let err = command.args(whole).exec();
    if err.kind() == std::io::ErrorKind::NotFound {
        let is_help = |word: &OsString| word == "--help" || word == "-h";
        if args.iter().any(is_help) {
            let help = cli::command().find_subcommand_mut("train").map(|train| train.render_help());
            output::line(&help.map(|help| help.to_string()).unwrap_or_default())?;
        }
        return Err(anyhow!(
            "the trainer is not installed\n  in orientd's source folder, `make train` builds it"
        ));
    }
    Err(anyhow!("cannot start {}: {err}", program.display()))
}

/// The trainer's command line. The database is the one named right after `--library`, else the one
/// in force.
fn retrain(context: CommandContext, rest: &[OsString]) -> Result<Vec<OsString>> {
    let is_value = |word: &&OsString| !word.as_encoded_bytes().starts_with(b"-");
    let (db, rest) = match rest.split_first().filter(|(word, _)| is_value(word)) {
        Some((db, rest)) => (PathBuf::from(db), rest),
        None => (context.db_path()?, rest),
    };
    let store = Store::open_existing(&db)?.with_context(|| {
        format!("there is no database {}\n  run `orientd scan` on a folder first", db.display())
    })?;
    let model = context.model(Some(&store))?;
    drop(store);

    let work = data_dir()?.join("training");
    let present = work.join("present.onnx");
    write_whole(&present, &model.bytes, 0o600, Durability::ProcessCrash)
        .with_context(|| format!("cannot write {}", present.display()))?;
    let program = std::env::current_exe().context("cannot tell which program this is")?;

    let mut args = vec![OsString::from("retrain"), "--library".into(), db.into()];
    let ours = [("--work", work), ("--present", present), ("--orientd", program)];
    for (flag, value) in ours {
        if !rest.iter().any(|word| is_flag(word, flag)) {
            args.extend([flag.into(), value.into()]);
        }
    }
    args.extend_from_slice(rest);
    Ok(args)
}

/// `--flag`, or `--flag=value`.
fn is_flag(word: &OsStr, flag: &str) -> bool {
    let after = word.as_encoded_bytes().strip_prefix(flag.as_bytes());
    after.is_some_and(|after| after.is_empty() || after.starts_with(b"="))
}
