//! Parses, runs, prints the error, exits.

use std::process::ExitCode;

use clap::Parser;
use orientd::cli::{Cli, ColorWhen};
use orientd::commands;

fn main() -> ExitCode {
    let cli = Cli::parse();
    set_up_output(&cli);
    match commands::run(cli) {
        Ok(code) => code,
        Err(err) => {
            eprintln!("orientd: {err:#}");
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
    let level = match cli.global.verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(cli.global.color == ColorWhen::Always)
        .init();
    // A decoder's panic is caught and recorded with its photo; it need not shout as well.
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some(orientd::stages::look::DECODER_THREAD) {
            tracing::debug!("{panic}");
        } else {
            print(panic);
        }
    }));
}
