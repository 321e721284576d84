//! Lines that a person understands at a glance.

use anstyle::{AnsiColor, Style};

use super::Summary;
use crate::pipeline::photo_report::{Action, PhotoReport};
use crate::store::RunId;
use orientd_core::verdict::decision::Verdict;

const GOOD: Style = AnsiColor::Green.on_default();
const ASK: Style = AnsiColor::Yellow.on_default();
const ACT: Style = AnsiColor::Cyan.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// `text` in `style`.
fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// One photo: what, how sure, where, and why nothing was done. In a dry run nothing has been done.
pub(crate) fn photo(report: &PhotoReport, dry_run: bool) -> String {
    let path = printable(&report.path.to_string_lossy());
    let reason = report.reason.as_ref().map(|reason| format!("{}: {}", reason.code, reason.detail));
    let Some(prediction) = &report.prediction else {
        let reason = reason.unwrap_or_default();
        return format!(
            "{}  {path}  {}",
            paint(DIM, "skipped        "),
            paint(DIM, &printable(&reason))
        );
    };
    let decision = prediction.decision;
    let sure = format!("{:3.0} %", decision.confidence * 100.0);
    let degrees = decision.turn.degrees();
    let (style, word) = match (decision.verdict, report.action) {
        (Verdict::Upright, _) => (GOOD, "upright    ".to_owned()),
        (Verdict::Review, Action::None) => (ASK, format!("review {degrees:>3}°")),
        (Verdict::Fix, Action::None) => (ACT, format!("fix    {degrees:>3}°")),
        (_, Action::Turned(_)) if dry_run => (ACT, format!("would turn {degrees:>3}°")),
        (_, Action::Turned(_)) => (GOOD, format!("turned {degrees:>3}°")),
    };
    let reason =
        reason.map_or_else(String::new, |reason| paint(DIM, &format!("  {}", printable(&reason))));
    format!("{} {sure}  {path}{reason}", paint(style, &word))
}

/// Characters of a file name that steer a terminal, or show it as another name, must not reach it.
pub(crate) fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            printed.extend(c.escape_default());
        } else {
            printed.push(c);
        }
    }
    printed
}

/// [`printable`], but for the ends of lines: an error's hints stand on lines of their own.
pub(crate) fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Directional marks and overrides (UAX 9), and characters without a width of their own (UTR 36) but
/// the joiners, which names in some scripts and emoji need.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
    )
}

/// What the summary of a scan speaks of beside the counts.
pub(crate) struct Scanned<'a> {
    pub model: &'a str,
    pub run: RunId,
    pub fixing: bool,
    pub dry_run: bool,
}

/// The end of a scan.
pub(crate) fn summary(summary: &Summary, scanned: &Scanned<'_>) -> String {
    let mut lines = vec![headline(summary, scanned)];
    let fix_note = match (scanned.fixing, scanned.dry_run) {
        (false, _) => "surely wrong; `orientd scan --fix` turns them",
        (true, true) => "surely wrong",
        (true, false) => "were surely wrong",
    };
    lines.push(row(GOOD, "upright", summary.verdict("upright"), ""));
    lines.push(row(ACT, "fix", summary.verdict("fix"), fix_note));
    let review_note = "in doubt; `orientd list --verdict review` shows them";
    lines.push(row(ASK, "review", summary.verdict("review"), review_note));
    lines.push(row(DIM, "skipped", summary.verdict("skipped"), ""));
    for (code, n) in &summary.reasons {
        lines.push(paint(DIM, &format!("           {:>9}   {code}", grouped(*n))));
    }
    lines.extend(outcome(summary, scanned));
    lines.join("\n")
}

fn row(style: Style, word: &str, n: u64, note: &str) -> String {
    let count = format!("  {} {:>9}", paint(style, &format!("{word:<8}")), grouped(n));
    let has_note = n > 0 && !note.is_empty();
    if has_note { format!("{count}   {}", paint(DIM, note)) } else { count }
}

fn headline(summary: &Summary, scanned: &Scanned<'_>) -> String {
    let photos = plural(summary.n_photos, "photo");
    let seconds = summary.elapsed.as_secs_f64();
    let Some(engine) = &summary.engine else {
        return format!("{photos}, none new or changed, {seconds:.1} s");
    };
    let looked = grouped(summary.n_looked_at);
    let rate = summary.rate();
    let device = engine.device.name();
    format!(
        "{photos}, looked at {looked} in {seconds:.1} s ({rate:.1} a second, {device}, model {})",
        scanned.model
    )
}

fn outcome(summary: &Summary, scanned: &Scanned<'_>) -> Vec<String> {
    let n = summary.n_changed();
    let mut lines = Vec::new();
    if scanned.dry_run {
        lines.push(format!("Would turn {}. Nothing was changed.", plural(n, "photo")));
    } else if scanned.fixing && n > 0 {
        let undo = paint(ACT, &format!("orientd undo --run {}", scanned.run));
        lines.push(format!(
            "Turned {}{}. To put them back: {undo}",
            plural(n, "photo"),
            ways(summary)
        ));
    } else if scanned.fixing {
        lines.push("Nothing was turned.".to_owned());
    }
    if summary.n_missing > 0 {
        let known = plural(summary.n_missing, "known photo");
        lines.push(paint(DIM, &format!("{known} no longer there; nothing is forgotten")));
    }
    lines
}

/// ` by the tag`, or how many in which way.
fn ways(summary: &Summary) -> String {
    let words = [("tag", "by the tag"), ("pixels", "by the pixels"), ("sidecar", "by a sidecar")];
    let used: Vec<(u64, &str)> = words
        .into_iter()
        .filter_map(|(action, words)| Some((*summary.actions.get(action)?, words)))
        .filter(|(n, _)| *n > 0)
        .collect();
    match used.as_slice() {
        [(_, words)] => format!(" {words}"),
        _ => {
            let parts = used.iter().map(|(n, words)| format!("{} {words}", grouped(*n)));
            format!(": {}", parts.collect::<Vec<_>>().join(", "))
        }
    }
}

/// `1 photo`, `2 photos`, `12,345 photos`.
pub(crate) fn plural(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// Digits in groups of three.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_and_control_characters_escaped() {
        assert_eq!([0, 999, 1000, 1234567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(printable("a\x1b[2J\nb é"), "a\\u{1b}[2J\\nb é");
        assert_eq!(printable("a\u{202e}gpj.exe"), "a\\u{202e}gpj.exe");
        assert_eq!(plural(1, "photo"), "1 photo");
    }
}
