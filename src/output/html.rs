//! A report as one HTML file that needs nothing else: pictures are in it, and no script.

use std::path::{Path, PathBuf};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::html_photos::{self, Photo, Pictures, folders_of};
use super::human::{grouped, plural, printable};

/// Was turned, and still is so.
pub(crate) struct Turned {
    pub path: String,
    /// Degrees clockwise.
    pub turn: u16,
    /// How sure the model was; `None`: it was not asked.
    pub confidence: Option<f64>,
    /// When it was taken, in words.
    pub day: Option<String>,
    /// A JPEG of the photo as it is now; `None`: it cannot be shown any more.
    pub picture: Option<Vec<u8>>,
}

/// Waits for a person.
pub(crate) struct Waiting {
    pub path: String,
    pub turn: u16,
    pub confidence: f64,
    pub day: Option<String>,
    pub picture: Option<Vec<u8>>,
}

/// Was not looked at, or should have been turned and could not be.
pub(crate) struct LeftAlone {
    pub path: String,
    /// In words.
    pub why: String,
}

/// Everything the file tells.
#[derive(Default)]
pub(crate) struct Report {
    /// What it is about: a run, or a time.
    pub title: String,
    /// When it was written, in words.
    pub day: String,
    /// The command that puts back what was turned.
    pub undo: Option<String>,
    /// The person's own folder, written `~`.
    pub home: Option<PathBuf>,
    pub turned: Vec<Turned>,
    /// Turned, and turned otherwise by another program since.
    pub superseded: Vec<LeftAlone>,
    pub waiting: Vec<Waiting>,
    pub refused: Vec<LeftAlone>,
    pub skipped: Vec<LeftAlone>,
}

const STYLE: &str = include_str!("../../assets/report.css");

/// The page's own icon, `#` written as in an address.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http%3A//www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Crect x='1' y='3' width='14' height='10' rx='2' fill='%232f6f5e'/%3E%3Cpath d='M8 5l3 4H5z' fill='%23fff'/%3E%3C/svg%3E";

/// Nothing is fetched and nothing runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

impl Report {
    /// The whole file.
    pub(crate) fn html(&self) -> String {
        let mut pictures = Pictures::default();
        let home = self.home.as_deref();
        let turned = self.turned.iter().map(|one| Photo {
            path: &one.path,
            turn: (360 - one.turn) % 360,
            confidence: one.confidence,
            day: one.day.as_deref(),
            picture: one.picture.as_deref(),
            words: ["now", "as it was"],
            did: format!("turned {}", sign(one.turn)),
            is_turned_back: true,
        });
        let turned = html_photos::section(&mut pictures, turned.collect(), home);
        let waiting = self.waiting.iter().map(|one| Photo {
            path: &one.path,
            turn: one.turn,
            confidence: Some(one.confidence),
            day: one.day.as_deref(),
            picture: one.picture.as_deref(),
            words: ["as proposed", "now"],
            did: format!("{}?", sign(one.turn)),
            is_turned_back: false,
        });
        let waiting = html_photos::section(&mut pictures, waiting.collect(), home);
        let heading = printable(&self.heading());
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    title { (heading) }
                    link rel="icon" href=(PreEscaped(ICON));
                    style { (PreEscaped(STYLE)) (PreEscaped(&pictures.style)) }
                }
                body {
                    main {
                        h1 { (heading) }
                        @if self.is_empty() { p .undo { "Nothing was turned, and nothing waits." } }
                        (self.tiles())
                        @if let Some(undo) = &self.undo {
                            p .undo { "To put back what was turned: " code { (printable(undo)) } }
                        }
                        h2 #turned { "Turned " span { (grouped(self.turned.len() as u64)) } }
                        (turned)
                        @if !self.superseded.is_empty() {
                            h2 #superseded {
                                "Turned otherwise by other programs since "
                                span { (grouped(self.superseded.len() as u64)) }
                            }
                            (left_alone(&self.superseded, home))
                        }
                        h2 #waiting { "Waits for you " span { (grouped(self.waiting.len() as u64)) } }
                        @if !self.waiting.is_empty() {
                            p .soft { "The surest first. " code { "orientd review" } " settles them." }
                        }
                        (waiting)
                        @if !self.refused.is_empty() {
                            h2 #refused { "Could not be turned " span { (grouped(self.refused.len() as u64)) } }
                            (left_alone(&self.refused, home))
                        }
                        h2 #skipped { "Skipped " span { (grouped(self.skipped.len() as u64)) } }
                        (left_alone(&self.skipped, home))
                    }
                    footer {
                        (printable(&self.title)) ". Written by orientd " (env!("CARGO_PKG_VERSION")) "."
                    }
                }
            }
        };
        page.into_string()
    }

    fn is_empty(&self) -> bool {
        self.turned.is_empty()
            && self.superseded.is_empty()
            && self.waiting.is_empty()
            && self.refused.is_empty()
            && self.skipped.is_empty()
    }

    fn heading(&self) -> String {
        let turned = plural(self.turned.len() as u64, "photo");
        let wait = match self.waiting.len() {
            1 => "1 waits".to_owned(),
            n => format!("{} wait", grouped(n as u64)),
        };
        let skipped = grouped(self.skipped.len() as u64);
        format!("orientd, {}: {turned} turned, {wait}, {skipped} skipped", self.day)
    }

    fn tiles(&self) -> Markup {
        let tiles = [
            ("#turned", self.turned.len(), "turned"),
            ("#waiting", self.waiting.len(), "waiting for you"),
            ("#refused", self.refused.len(), "could not be turned"),
            ("#skipped", self.skipped.len(), "skipped"),
        ];
        let tiles = tiles.into_iter().filter(|(place, n, _)| *place != "#refused" || *n > 0);
        html! {
            ul .tiles {
                @for (place, n, said) in tiles {
                    li { a href=(place) { b { (grouped(n as u64)) } (said) } }
                }
            }
        }
    }
}

/// A clockwise turn as people see it.
fn sign(turn: u16) -> String {
    match turn {
        90 => "↻ 90°".to_owned(),
        270 => "↺ 90°".to_owned(),
        turn => format!("{turn}°"),
    }
}

fn left_alone(photos: &[LeftAlone], home: Option<&Path>) -> Markup {
    let folders = folders_of(photos.iter().collect(), |photo| &photo.path, |_| None, home);
    html! {
        @if photos.is_empty() {
            p .soft { "None." }
        }
        @for folder in folders {
            h3 { (html_photos::breakable(&folder.name)) " " span { (grouped(folder.photos.len() as u64)) } }
            ul .left {
                @for photo in folder.photos {
                    li { (html_photos::link(&photo.path)) p { (printable(&photo.why)) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(path: &str, confidence: f64) -> Waiting {
        Waiting { path: path.into(), turn: 180, confidence, day: None, picture: None }
    }

    #[test]
    fn hostile_names_stay_text_and_nothing_is_fetched() {
        let path = "/<script>alert('x')</script>\"&\n.jpg".to_owned();
        let turned = Turned {
            path: path.clone(),
            turn: 90,
            confidence: None,
            day: None,
            picture: Some(vec![1, 2, 3]),
        };
        let report = Report {
            title: path.clone(),
            day: path.clone(),
            undo: Some(path.clone()),
            turned: vec![turned],
            waiting: vec![waiting(&path, 0.999)],
            skipped: vec![LeftAlone { path: path.clone(), why: path }],
            ..Report::default()
        };
        let html = report.html();
        assert!(!html.contains("<script") && !html.contains("http:") && !html.contains("https:"));
        assert!(!html.contains("\n.jpg"), "control characters are written out");
        assert_eq!(html.matches("base64,AQID").count(), 1);
        assert!(html.contains("pic p1 t270") && html.contains("pic p1 t0"));
        assert!(html.contains("99 % sure") && html.contains("href=\"file:///%3Cscript%3E"));
    }

    #[test]
    fn folders_are_short_and_the_surest_first() {
        let paths =
            [("/home/ada/b/1.jpg", 0.5), ("/home/ada/a/2.jpg", 0.9), ("/home/ada/b/3.jpg", 0.95)];
        let report = Report {
            day: "27 November 2026".into(),
            home: Some("/home/ada".into()),
            undo: Some("orientd undo --run 3".into()),
            waiting: paths.into_iter().map(|(path, sure)| waiting(path, sure)).collect(),
            ..Report::default()
        };
        let html = report.html();
        assert!(
            html.contains("orientd, 27 November 2026: 0 photos turned, 3 wait, 0 skipped</h1>")
        );
        assert!(html.contains("<code>orientd undo --run 3</code>"));
        let at = |part: &str| html.find(part).unwrap_or_else(|| panic!("no {part}"));
        let order = ["~/<wbr>b", "3.<wbr>jpg", "1.<wbr>jpg", "~/<wbr>a", "2.<wbr>jpg"].map(at);
        assert!(order.is_sorted(), "{order:?}");
    }
}
