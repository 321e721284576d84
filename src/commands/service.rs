//! `orientd service`: puts the systemd user unit in place, or takes it away.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

use crate::cli::{Global, ServiceAction};
use crate::context::CommandContext;
use crate::daemon::protocol;
use crate::output;

const UNIT: &str = include_str!("../../systemd/orientd.service");
const NAME: &str = "orientd.service";

/// Older ones take an unknown type for `simple`: they are told to reload by a signal instead.
const NOTIFY_RELOAD_SINCE: u32 = 253;

/// The program's place in the unit as it is shipped.
const SHIPPED: &str = "%h/.local/bin/orientd";

pub fn run(global: Global, action: ServiceAction) -> Result<ExitCode> {
    match action {
        ServiceAction::Install => install(global),
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

fn install(global: Global) -> Result<ExitCode> {
    refuse_beside_another(global)?;
    reach_manager()?;
    let path = unit_path()?;
    let unit = unit(None)?;
    let write = || {
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(&path, unit)
    };
    write().with_context(|| format!("cannot write {}", path.display()))?;
    systemctl(&["daemon-reload"])?;
    // One that runs already is to be this program from now on.
    let was_running = systemctl(&["is-active", NAME]).is_ok();
    systemctl(&["enable", "--now", NAME])?;
    if was_running {
        systemctl(&["restart", NAME])?;
    }
    output::line(&format!("{} is in place, and orientd runs", path.display()))?;
    output::line("`systemctl --user status orientd` and `orientd status` say what it does")?;
    if ends_with_the_session() {
        let user = login_name();
        output::line(&format!(
            "It ends when you log out; `loginctl enable-linger {user}` keeps it"
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The service could not start beside a daemon that was started otherwise, since there is one a database.
fn refuse_beside_another(global: Global) -> Result<()> {
    let context = CommandContext::new(global)?;
    let Some(daemon) = protocol::status(&context.db_path()?)? else { return Ok(()) };
    let pid = daemon.pid.to_string();
    if systemctl(&["show", "--value", "-p", "MainPID", NAME]).is_ok_and(|main| main == pid) {
        return Ok(());
    }
    bail!(
        "orientd runs already, as process {pid}, and not as this service\n  \
         end it first: Ctrl-C where it runs, or `kill {pid}`; then install again"
    )
}

/// Before anything is written: can the user's systemd be asked at all?
fn reach_manager() -> Result<()> {
    let Err(err) = systemctl(&["show", "-p", "Version"]) else { return Ok(()) };
    let user = login_name();
    bail!(
        "there is no systemd of this user here, so nothing was installed ({err:#})\n  \
         on a server: `sudo loginctl enable-linger {user}`, log in again, and install again\n  \
         without systemd: `orientd run` does the same in the foreground"
    )
}

/// Of this user; what a shell makes it of, where the environment does not have it.
fn login_name() -> String {
    std::env::var("USER").ok().filter(|name| !name.is_empty()).unwrap_or("$(id -un)".to_owned())
}

/// Does the user's systemd end at the last logout? No where that cannot be told.
fn ends_with_the_session() -> bool {
    let args = ["show-user", &login_name(), "--value", "-p", "Linger"];
    let asked = Command::new("loginctl").args(args).output();
    asked.is_ok_and(|asked| asked.status.success() && asked.stdout.trim_ascii() == b"no")
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

/// What it prints.
fn systemctl(args: &[&str]) -> Result<String> {
    let output = Command::new("systemctl").arg("--user").args(args).output();
    let output = output.context("cannot run systemctl")?;
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    ensure!(output.status.success(), "systemctl --user {} failed: {text}", args.join(" "));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
