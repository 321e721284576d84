//! `orientd service`: puts the systemd user unit in place, or takes it away.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::cli::ServiceAction;
use crate::output;

const UNIT: &str = include_str!("../../systemd/orientd.service");
const NAME: &str = "orientd.service";

/// Older ones take an unknown type for `simple`: they are told to reload by a signal instead.
const NOTIFY_RELOAD_SINCE: u32 = 253;

/// The program's place in the unit as it is shipped.
const SHIPPED: &str = "%h/.local/bin/orientd";

pub fn run(action: ServiceAction) -> Result<ExitCode> {
    match action {
        ServiceAction::Install => install(),
        ServiceAction::Uninstall => uninstall(),
        ServiceAction::Unit { program } => {
            output::line(unit(program)?.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn unit_path() -> Result<PathBuf> {
    let dirs = directories::BaseDirs::new().context("there is no home directory")?;
    Ok(dirs.config_dir().join("systemd/user").join(NAME))
}

/// The unit for `program` and the systemd that is here.
fn unit(program: Option<PathBuf>) -> Result<String> {
    let program = match program {
        Some(program) => program,
        None => std::env::current_exe().context("cannot tell where this program is")?,
    };
    let program = program.to_str().context("this program's path is not UTF-8")?;
    // In a unit, % and quotes have a meaning of their own.
    let quoted = program.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    let unit = UNIT.replace(SHIPPED, &format!("\"{quoted}\""));
    // Where there is no systemd, the unit is for another machine.
    if !systemd_version().is_ok_and(|version| version < NOTIFY_RELOAD_SINCE) {
        return Ok(unit);
    }
    let kill = "Type=notify\nExecReload=/bin/kill -HUP $MAINPID";
    Ok(unit.replace("Type=notify-reload", kill))
}

fn install() -> Result<ExitCode> {
    let path = unit_path()?;
    let unit = unit(None)?;
    let write = || {
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(&path, unit)
    };
    write().with_context(|| format!("cannot write {}", path.display()))?;
    systemctl(&["daemon-reload"])?;
    systemctl(&["enable", "--now", NAME])?;
    output::line(&format!("{} is in place, and orientd runs", path.display()))?;
    output::line("`systemctl --user status orientd` and `orientd status` say what it does")?;
    Ok(ExitCode::SUCCESS)
}

fn uninstall() -> Result<ExitCode> {
    let path = unit_path()?;
    if !path.exists() {
        output::line(&format!("{} is not there; nothing to do", path.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    systemctl(&["disable", "--now", NAME])?;
    std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    systemctl(&["daemon-reload"])?;
    output::line("The service is gone; the database and all photos are as they were.")?;
    Ok(ExitCode::SUCCESS)
}

/// The number in `systemd 252 (252.39-1~deb12u1)`.
fn systemd_version() -> Result<u32> {
    let output = Command::new("systemctl").arg("--version").output();
    let output = output.context("cannot run systemctl")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.split_whitespace().nth(1).and_then(|word| {
        word.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok())
    });
    number.with_context(|| format!("systemctl tells no version: {text:?}"))
}

fn systemctl(args: &[&str]) -> Result<()> {
    let output = Command::new("systemctl").arg("--user").args(args).output();
    let output = output.context("cannot run systemctl")?;
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    ensure!(output.status.success(), "systemctl --user {} failed: {text}", args.join(" "));
    Ok(())
}
