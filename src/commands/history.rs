//! `orientd history`: the runs, and what was put back of each.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::cli::HistoryArgs;
use crate::context::CommandContext;
use crate::output::{self, human};
use crate::store::{RunSummary, Store};

/// Lines on a terminal, where the user names no number.
const SCREENFUL: usize = 20;

pub fn run(context: &CommandContext, args: &HistoryArgs) -> Result<ExitCode> {
    let runs = match Store::open_existing(&context.db_path()?)? {
        Some(store) => store.history(args.all)?,
        None => Vec::new(),
    };
    let most = match args.limit {
        Some(limit) => usize::try_from(limit)?,
        None if args.json || !std::io::stdout().is_terminal() => usize::MAX,
        None => SCREENFUL,
    };
    for run in runs.iter().take(most) {
        output::line(&if args.json { object(run) } else { describe(run) })?;
    }
    if !args.json {
        finish(context, &runs, most)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn finish(context: &CommandContext, runs: &[RunSummary], most: usize) -> Result<()> {
    if runs.is_empty() {
        return output::line("No photo was turned yet.");
    }
    let n_more = runs.len().saturating_sub(most) as u64;
    if n_more > 0 {
        let runs = human::plural(n_more, "earlier run");
        output::line(&format!("… and {runs}; --limit N shows more"))?;
    }
    if std::io::stdout().is_terminal() && !context.global.quiet {
        output::line("`orientd undo --run N` puts a run back.")?;
    }
    Ok(())
}

/// `  12  2026-11-28 14:05  scan by ada      38 turned, 1 put back`.
fn describe(run: &RunSummary) -> String {
    let by = match &run.who {
        Some(who) if run.kind != "daemon" => format!("{} by {who}", word(&run.kind)),
        _ => word(&run.kind).to_owned(),
    };
    let by = human::printable(&by);
    let mut text = format!("{:>5}  {}  {by:<18}  ", run.id, local_time(run.started_at));
    match (run.n_turned, run.kind.as_str()) {
        (0, "undo") => return text + "put back turns of other runs",
        (0, _) => return text + "nothing turned",
        _ => {}
    }
    text += &format!("{} turned", human::grouped(run.n_turned));
    if run.n_put_back > 0 {
        text += &format!(", {} put back", human::grouped(run.n_put_back));
    }
    if run.n_superseded > 0 {
        let n = human::grouped(run.n_superseded);
        text += &format!(", {n} changed by other programs since");
    }
    if run.n_refused > 0 {
        text += &format!(", {} could not be put back", human::grouped(run.n_refused));
    }
    text
}

/// What a run was, for people.
fn word(kind: &str) -> &str {
    match kind {
        "review" => "page or terminal",
        other => other,
    }
}

/// By the clock on the wall here.
fn local_time(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn object(run: &RunSummary) -> String {
    json!({
        "run": run.id,
        "by": run.kind,
        "who": run.who,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "turned": run.n_turned,
        "put_back": run.n_put_back,
        "superseded": run.n_superseded,
        "refused": run.n_refused,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RunId;

    #[test]
    #[rustfmt::skip]
    fn a_line_says_who_did_what() {
        for (kind, who, turned, put_back, superseded, refused, expected) in [
            ("scan",     Some("ada"), 1234, 0, 0, 0, "scan by ada         1,234 turned"),
            ("daemon",   Some("ada"), 3,    1, 0, 2, "daemon              3 turned, 1 put back, 2 could not be put back"),
            ("scan",     Some("ada"), 3,    0, 2, 0, "scan by ada         3 turned, 2 changed by other programs since"),
            ("page",     None,        1,    1, 0, 0, "page                1 turned, 1 put back"),
            ("review",   None,        1,    0, 0, 0, "page or terminal    1 turned"),
            ("undo",     Some("ada"), 0,    0, 0, 0, "undo by ada         put back turns of other runs"),
        ] {
            let line = describe(&RunSummary {
                id: RunId::new(7),
                kind: kind.into(),
                who: who.map(str::to_owned),
                started_at: 0,
                ended_at: None,
                n_turned: turned,
                n_put_back: put_back,
                n_superseded: superseded,
                n_refused: refused,
            });
            assert!(line.starts_with("    7  19") && line.ends_with(expected), "{line}");
        }
    }
}
