//! Parses, runs, prints the error, exits.

use std::io;
use std::process::ExitCode;

use clap::FromArgMatches;
use orientd::cli::{self, Cli, ColorWhen, Command};
use orientd::commands;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    // SAFETY: no other thread runs yet.
    unsafe { orientd::engine::runtime::disable_telemetry() };
    let parsed = Cli::from_arg_matches(&cli::command().get_matches());
    let cli = parsed.unwrap_or_else(|err| err.exit());
    set_up_output(&cli);
    match commands::run(cli) {
        Ok(code) => code,
        Err(err) => {
            commands::print_error(&err);
            ExitCode::FAILURE
        }
    }
}

fn set_up_output(cli: &Cli) {
    use anstream::ColorChoice;
    match cli.global.color {
        ColorWhen::Auto => {}
        ColorWhen::Always => ColorChoice::AlwaysAnsi.write_global(),
        ColorWhen::Never => ColorChoice::Never.write_global(),
    }
    let is_daemon = matches!(cli.command, Command::Run);
    let level = match cli.global.verbose {
        0 if !is_daemon || cli.global.quiet => tracing::Level::WARN,
        0 => tracing::Level::INFO,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    let journal = (is_daemon && is_journal()).then(tracing_journald::layer).and_then(Result::ok);
    if let Some(journal) = journal {
        // path, turn, confidence and run are fields: `journalctl --user ORIENTD_TURN=90`.
        let journal = journal.with_field_prefix(Some("ORIENTD".into()));
        tracing_subscriber::registry().with(LevelFilter::from_level(level)).with(journal).init();
    } else {
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(io::stderr)
            // Else a stderr that is gone would end the thread that had something to say.
            .log_internal_errors(false)
            .with_ansi(cli.global.color == ColorWhen::Always)
            .init();
    }
    // A decoder's panic is caught and recorded with its photo, so it is not printed as well.
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some(orientd::pipeline::decode_pool::DECODER_THREAD) {
            tracing::debug!("{panic}");
        } else {
            print(panic);
        }
    }));
}

/// Does stderr go straight to the journal? systemd then names its device and inode.
fn is_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    let stderr = rustix::fs::fstat(std::io::stderr());
    stderr.is_ok_and(|stderr| named == format!("{}:{}", stderr.st_dev, stderr.st_ino))
}
