//! One file for each command that is more than a call.

mod augment;
mod bench;
mod eval;
mod prepare;
mod retrain;

use anyhow::Result;

use crate::cli::{Cli, Command, Settings};
use crate::config::{Config, DEFAULT};
use crate::data::Cache;
use crate::export::package;
use crate::fit;

/// # Errors
/// Returns an error if the command was stopped; says by what.
pub fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Prepare(args) => {
            prepare::run(&args.photos, &args.cache, &load(&args.settings)?).map(|_| ())
        }
        Command::Fit(args) => {
            let cache = Cache::open(&args.cache)?;
            let outcome = fit::fit(&load(&args.settings)?, &cache, &args.out)?;
            println!("{}", outcome.best.display());
            Ok(())
        }
        Command::Eval(args) => eval::run(&args),
        Command::Export(args) => {
            let cache = Cache::open(&args.cache)?;
            let package = package::package(&args.run, &cache, &args.set)?;
            crate::files::write_whole(&args.out, &package.bytes)?;
            println!("{}: {}", args.out.display(), package.note);
            Ok(())
        }
        Command::Retrain(args) => retrain::run(&args),
        Command::Augment(args) => augment::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Config(args) if args.default => {
            print!("{DEFAULT}");
            Ok(())
        }
        Command::Config(args) => {
            print!("{}", load(&args.settings)?.to_toml()?);
            Ok(())
        }
    }
}

fn load(settings: &Settings) -> Result<Config> {
    Config::load(settings.config.as_deref(), &settings.set)
}
