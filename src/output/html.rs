//! A run as one HTML file that needs nothing else: pictures are in it, and no script.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::human::printable;

/// Shown as it was stored and as it is shown now.
pub(crate) struct Turned {
    pub path: String,
    /// Degrees clockwise.
    pub turn: u16,
    /// A JPEG of the photo as it is now; `None`: it cannot be shown any more.
    pub picture: Option<Vec<u8>>,
}

/// Waits for a person.
pub(crate) struct Waiting {
    pub path: String,
    pub turn: u16,
    pub confidence: f64,
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
    pub title: String,
    pub turned: Vec<Turned>,
    pub waiting: Vec<Waiting>,
    pub refused: Vec<LeftAlone>,
    pub skipped: Vec<LeftAlone>,
}

const STYLE: &str = "
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:24px auto;padding:0 16px}
h1{font-size:22px}h2{font-size:17px;border-bottom:1px solid #8884;padding-bottom:4px;margin-top:32px}
ol{list-style:none;padding:0;display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(min(100%,320px),1fr))}
li{border:1px solid #8884;border-radius:10px;padding:10px;overflow-wrap:anywhere}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:8px}.pic{aspect-ratio:1;background:#8881 center/contain no-repeat}
.t90{transform:rotate(90deg)}.t180{transform:rotate(180deg)}.t270{transform:rotate(270deg)}
small{opacity:.8}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:4px 12px 4px 0;vertical-align:top;overflow-wrap:anywhere}";

/// Nothing is fetched and nothing runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

impl Report {
    fn is_empty(&self) -> bool {
        self.turned.is_empty()
            && self.waiting.is_empty()
            && self.refused.is_empty()
            && self.skipped.is_empty()
    }

    /// The whole file.
    pub(crate) fn html(&self) -> String {
        let mut pictures = Pictures::default();
        let turned = section("Turned", &self.turned, |one| {
            let back = (360 - one.turn) % 360;
            let pair = pictures.pair(one.picture.as_deref(), (back, "before"), (0, "now"));
            card(&pair, &one.path, &format!("turned {}° clockwise", one.turn))
        });
        let waiting = section("Waits for you", &self.waiting, |one| {
            let pair = pictures.pair(one.picture.as_deref(), (0, "now"), (one.turn, "turned"));
            let sure = (100.0 * one.confidence).floor();
            card(&pair, &one.path, &format!("{}° clockwise? {sure} % sure", one.turn))
        });
        let title = printable(&self.title);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    title { (title) }
                    style { (PreEscaped(STYLE)) (PreEscaped(&pictures.style)) }
                }
                body {
                    h1 { (title) }
                    @if self.is_empty() { p { "Nothing was turned, and nothing waits." } }
                    (turned)
                    (waiting)
                    h2 { "Could not be turned: " (self.refused.len()) }
                    (left_alone(&self.refused))
                    h2 { "Skipped: " (self.skipped.len()) }
                    (left_alone(&self.skipped))
                }
            }
        };
        page.into_string()
    }
}

fn left_alone(photos: &[LeftAlone]) -> Markup {
    html! {
        @if photos.is_empty() {
            p { "None." }
        } @else {
            table {
                tr { th { "photo" } th { "why" } }
                @for photo in photos {
                    tr {
                        td { (printable(&photo.path)) }
                        td { (printable(&photo.why)) }
                    }
                }
            }
        }
    }
}

/// Each picture is in the style sheet once, and shown twice.
#[derive(Default)]
struct Pictures {
    /// Made of numbers and base64 only, so that it needs no escaping.
    style: String,
    n: usize,
}

impl Pictures {
    /// A side is the degrees to turn the picture by, and what it shows.
    fn pair(&mut self, jpeg: Option<&[u8]>, left: (u16, &str), right: (u16, &str)) -> Markup {
        let Some(jpeg) = jpeg else { return html! { p { "No picture." } } };
        self.n += 1;
        let n = self.n;
        let data = STANDARD.encode(jpeg);
        self.style += &format!(".p{n}{{background-image:url(data:image/jpeg;base64,{data})}}");
        html! {
            .pair {
                @for (turn, label) in [left, right] {
                    div {
                        .pic.{ "p" (n) }.{ "t" (turn) } role="img" aria-label=(label) {}
                        small { (label) }
                    }
                }
            }
        }
    }
}

fn section<T>(title: &str, all: &[T], each: impl FnMut(&T) -> Markup) -> Markup {
    let cards = all.iter().map(each);
    html! {
        h2 { (title) ": " (all.len()) }
        ol {
            @for card in cards { (card) }
        }
    }
}

fn card(pair: &Markup, path: &str, text: &str) -> Markup {
    html! {
        li {
            (pair)
            p { (printable(path)) br; small { (printable(text)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_text_and_nothing_is_fetched() {
        let path = "<script>alert('x')</script>\"&\n.jpg".to_owned();
        let report = Report {
            title: path.clone(),
            turned: vec![Turned { path: path.clone(), turn: 90, picture: Some(vec![1, 2, 3]) }],
            waiting: vec![Waiting {
                path: path.clone(),
                turn: 180,
                confidence: 0.999,
                picture: None,
            }],
            refused: Vec::new(),
            skipped: vec![LeftAlone { path: path.clone(), why: path }],
        };
        let html = report.html();
        assert!(!html.contains("<script") && !html.contains("http:") && !html.contains("https:"));
        assert_eq!(html.matches("&lt;script&gt;alert('x')&lt;/script&gt;&quot;&amp;").count(), 6);
        assert_eq!(html.matches("base64,AQID").count(), 1);
        assert!(
            html.contains("pic p1 t270")
                && html.contains("pic p1 t0")
                && html.contains("99 % sure")
        );
    }
}
