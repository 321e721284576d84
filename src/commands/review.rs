//! `orientd review`: serves the page until it is interrupted.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use crate::cli::{ReviewArgs, ReviewOrder};
use crate::config;
use crate::context::CommandContext;
use crate::pipeline::policy::Fixing;
use crate::review::terminal::{self, TerminalSettings};
use crate::review::thumbnails::Thumbnails;
use crate::review::web::{self, PageSettings};

/// Shorter passwords are too easily guessed over a network.
const SHORTEST_PASSWORD: usize = 12;

/// Permissions of the group and of everybody.
const OTHERS: u32 = 0o077;

pub fn run(context: &CommandContext, args: &ReviewArgs) -> Result<ExitCode> {
    let password = args.password_file.as_deref().map(read_password).transpose()?;
    if !args.listen.is_loopback() && password.is_none() {
        bail!(
            "{} can be reached from other machines, so a password is needed\n  \
             --password-file FILE names a file that holds it",
            args.listen
        );
    }
    let mut writer = context.open_store()?;
    let model = context.model(Some(&writer))?;
    let model = match writer.known_model(&model.hash, context.config.thresholds)? {
        Some(id) => Some(id),
        None => writer.latest_model()?.map(|model| model.id),
    };
    let cache = config::cache_dir()?.join("thumbnails");
    let turns = context.turn_settings(Fixing::Apply, None);
    if args.tty {
        terminal::run(TerminalSettings {
            reader: context.open_store()?,
            writer,
            model,
            turns,
            thumbnails: Thumbnails::new(cache, context.config.limits, 1)?,
            graphics: args.pictures,
            descending: args.order == ReviewOrder::Confident,
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    web::serve(PageSettings {
        address: (args.listen, args.port).into(),
        hosts: args.hosts.clone(),
        password,
        opens_browser: !args.no_open,
        limits: context.config.limits,
        turns,
        n_decoders: context.config.n_threads.clamp(1, 8),
        cache,
        reader: context.open_store()?,
        writer,
        model,
    })?;
    Ok(ExitCode::SUCCESS)
}

fn read_password(path: &Path) -> Result<String> {
    let shown = path.display();
    let mut file = fs::File::open(path).with_context(|| format!("cannot read {shown}"))?;
    let metadata = file.metadata().with_context(|| format!("cannot read {shown}"))?;
    ensure!(
        metadata.mode() & OTHERS == 0,
        "others can read the password in {shown}\n  `chmod 600` makes it yours alone"
    );
    let mut text = String::new();
    file.read_to_string(&mut text).with_context(|| format!("cannot read {shown}"))?;
    let password = text.lines().next().unwrap_or_default().to_owned();
    ensure!(
        password.chars().count() >= SHORTEST_PASSWORD,
        "the password in {shown} is shorter than {SHORTEST_PASSWORD} characters"
    );
    Ok(password)
}
