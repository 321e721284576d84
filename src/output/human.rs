//! Lines that a person understands at a glance.

use anstyle::{AnsiColor, Style};

use super::Summary;
use super::summary::Reasons;
use crate::pipeline::photo_report::{Action, PhotoReport};
use crate::store::{PhotoState, RunId};
use orientd_core::orientation::Turn;
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
    let (style, word) = state(report, dry_run);
    let turn = report.turn().filter(|turn| *turn != Turn::NONE);
    let degrees = turn.map_or_else(String::new, |turn| format!("{}°", turn.degrees()));
    let is_said = matches!(report.state, PhotoState::Fine | PhotoState::Skipped);
    let is_old = report.state == PhotoState::Turned && !report.just_now;
    let sure = report.confidence().filter(|_| !is_said && !is_old);
    let sure = sure.map_or_else(String::new, |sure| format!("{:.0} %", floored(sure)));
    let reason = report.reason.as_ref().map_or_else(String::new, |reason| {
        let detail = printable(&reason.detail);
        let way = report.action.as_str();
        let is_another_way = report.state == PhotoState::Turned && report.action != Action::None;
        let text = if is_another_way { format!("by {way} instead: {detail}") } else { detail };
        paint(DIM, &format!("  {text}"))
    });
    format!("{} {degrees:>4} {sure:>5}  {path}{reason}", paint(style, &format!("{word:<10}")))
}

/// Percent, and 100 only where it is.
pub(crate) fn floored(confidence: f32) -> f64 {
    (f64::from(confidence) * 100.0 + 1e-6).floor()
}

/// Where a photo stands, in a word.
fn state(report: &PhotoReport, dry_run: bool) -> (Style, &'static str) {
    match (report.state, report.verdict()) {
        (PhotoState::Turned, _) if dry_run && report.just_now => (ACT, "would turn"),
        (PhotoState::Turned, _) => (GOOD, "turned"),
        (PhotoState::Waiting, Some(Verdict::Fix)) => (ACT, "sure"),
        (PhotoState::Waiting, _) => (ASK, "in doubt"),
        (PhotoState::PutBack, _) => (ASK, "put back"),
        (PhotoState::Refused, _) => (ASK, "not turned"),
        (PhotoState::Upright, _) => (GOOD, "upright"),
        (PhotoState::Fine, _) => (GOOD, "fine"),
        (PhotoState::Skipped, _) => (DIM, "skipped"),
        (PhotoState::Unseen, _) => (DIM, "not seen"),
    }
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
    let is_news = summary.n_looked_at > 0 || summary.n_turned_now > 0 || summary.n_refused_now > 0;
    let mut lines = if is_news { table(summary, scanned) } else { vec![nothing_new(summary)] };
    lines.extend(outcome(summary, scanned));
    lines.join("\n")
}

/// A scan that found nothing to do needs no table.
fn nothing_new(summary: &Summary) -> String {
    let seconds = summary.elapsed.as_secs_f64();
    let photos = plural(summary.n_photos, "photo");
    let parts = [
        (summary.state(PhotoState::Turned), "turned"),
        (summary.n_sure, "sure, which `orientd scan --fix` turns"),
        (summary.n_doubtful, "in doubt, which `orientd review` asks about"),
        (summary.state(PhotoState::PutBack), "put back, which `orientd review` asks about"),
        (summary.state(PhotoState::Refused), "that could not be turned (`orientd list --refused`)"),
        (summary.verdict("skipped"), "skipped"),
    ];
    let there = parts.into_iter().filter(|(n, _)| *n > 0);
    let parts: Vec<String> = there.map(|(n, what)| format!("{} {what}", grouped(n))).collect();
    let state = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    format!("Nothing is new or has changed among {photos}{state} ({seconds:.1} s).")
}

fn table(summary: &Summary, scanned: &Scanned<'_>) -> Vec<String> {
    let mut lines = vec![headline(summary, scanned)];
    let n_upright = summary.state(PhotoState::Upright) + summary.state(PhotoState::Fine);
    lines.push(row(GOOD, "upright", n_upright, ""));
    let turned = if scanned.dry_run { "as they would be" } else { "" };
    lines.push(row(GOOD, "turned", summary.state(PhotoState::Turned), turned));
    lines.push(row(ASK, "waiting", summary.n_waiting(), ""));
    let notes = [
        (ACT, "  sure", summary.n_sure, "`orientd scan --fix` turns them"),
        (ASK, "  in doubt", summary.n_doubtful, "`orientd review` asks about them"),
        (
            ASK,
            "  put back",
            summary.state(PhotoState::PutBack),
            "by an undo; `orientd review` asks about them",
        ),
        (ASK, "  refused", summary.state(PhotoState::Refused), "could not be turned safely"),
    ];
    let there = notes.into_iter().filter(|(_, _, n, _)| *n > 0);
    lines.extend(there.map(|(style, word, n, note)| row(style, word, n, note)));
    lines.extend(because(&summary.refusals));
    lines.push(row(DIM, "skipped", summary.verdict("skipped"), ""));
    lines.extend(because(&summary.skips));
    lines
}

/// More reasons than these are in `orientd list`.
const MAX_REASONS: usize = 8;

fn because(reasons: &Reasons) -> Vec<String> {
    let mut all: Vec<(&String, &u64)> = reasons.sentences.iter().collect();
    all.sort_by_key(|(sentence, n)| (std::cmp::Reverse(**n), *sentence));
    let line = |(sentence, n): &(&String, &u64)| {
        paint(DIM, &format!("             {:>9}   {}", grouped(**n), printable(sentence)))
    };
    let mut lines: Vec<String> = all.iter().take(MAX_REASONS).map(line).collect();
    if all.len() > MAX_REASONS {
        let n = plural((all.len() - MAX_REASONS) as u64, "other reason");
        lines.push(paint(DIM, &format!("                         {n}; `orientd list` has them")));
    }
    lines
}

fn row(style: Style, word: &str, n: u64, note: &str) -> String {
    let count = format!("  {} {:>9}", paint(style, &format!("{word:<10}")), grouped(n));
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
    let n = summary.n_turned_now;
    let waiting = match summary.n_waiting() {
        0 => String::new(),
        n => format!(", {} waiting", grouped(n)),
    };
    let mut lines = Vec::new();
    if scanned.dry_run {
        lines.push(format!("Would turn {}{waiting}. Nothing was changed.", plural(n, "photo")));
    } else if scanned.fixing && n > 0 {
        let undo = paint(ACT, &format!("orientd undo --run {}", scanned.run));
        let photos = plural(n, "photo");
        lines.push(format!("Turned {photos}{}{waiting}. To put them back: {undo}", ways(summary)));
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
        .filter_map(|(action, words)| Some((*summary.ways.get(action)?, words)))
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
