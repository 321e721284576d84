//! Photos in a report: by folder, each with a picture that can be flipped.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, PreEscaped, html};

use super::human::{grouped, printable};

/// A photo with a picture of it as it is now.
pub(super) struct Photo<'a> {
    pub path: &'a str,
    /// Degrees clockwise from the picture to the other side of it.
    pub turn: u16,
    pub confidence: Option<f64>,
    pub day: Option<&'a str>,
    pub picture: Option<&'a [u8]>,
    /// What is seen first, and flipped.
    pub words: [&'static str; 2],
    pub did: String,
    /// Is what is seen first the picture as it is, and not as it would be?
    pub is_turned_back: bool,
}

/// Each picture is in the style sheet once, and shown twice.
#[derive(Default)]
pub(super) struct Pictures {
    /// Made of numbers and base64 only, so that it needs no escaping.
    pub style: String,
    n: usize,
}

impl Pictures {
    fn flip(&mut self, photo: &Photo<'_>) -> Markup {
        let Some(jpeg) = photo.picture else { return html! { p .none { "no picture" } } };
        self.n += 1;
        let n = self.n;
        let data = STANDARD.encode(jpeg);
        self.style += &format!(".p{n}{{background-image:url(data:image/jpeg;base64,{data})}}");
        let turns = if photo.is_turned_back { [0, photo.turn] } else { [photo.turn, 0] };
        let [first, second] = photo.words;
        let label = format!("{}: {second}", printable(name_of(photo.path)));
        html! {
            label .flip title=(format!("press to see it: {second}")) {
                input type="checkbox" aria-label=(label);
                @for (side, (turn, word)) in ["after", "before"].iter().zip(turns.iter().zip([first, second])) {
                    span .frame.(side) { span .pic.{ "p" (n) }.{ "t" (turn) } role="img" aria-label=(word) {} }
                    span .said.(side) { (word) }
                }
            }
        }
    }
}

/// Photos of one folder.
pub(super) struct Folder<T> {
    pub name: String,
    pub photos: Vec<T>,
}

/// By folder, the folder of the surest photo first, and in each the surest first.
pub(super) fn folders_of<T>(
    mut photos: Vec<T>,
    path: impl Fn(&T) -> &str,
    confidence: impl Fn(&T) -> Option<f64>,
    home: Option<&Path>,
) -> Vec<Folder<T>> {
    let sure = |photo: &T| confidence(photo).unwrap_or(0.0);
    photos.sort_by(|a, b| sure(b).total_cmp(&sure(a)).then_with(|| path(a).cmp(path(b))));
    let mut folders: Vec<Folder<T>> = Vec::new();
    for photo in photos {
        let name = short(path(&photo), home);
        match folders.iter_mut().find(|folder| folder.name == name) {
            Some(folder) => folder.photos.push(photo),
            None => folders.push(Folder { name, photos: vec![photo] }),
        }
    }
    folders
}

/// The folder of a path, `~` for the person's own.
fn short(path: &str, home: Option<&Path>) -> String {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let below = home.and_then(|home| folder.strip_prefix(home).ok());
    let short = below.map_or_else(|| folder.to_owned(), |below| Path::new("~").join(below));
    short.to_string_lossy().into_owned()
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The photos by folder.
pub(super) fn section(
    pictures: &mut Pictures,
    photos: Vec<Photo<'_>>,
    home: Option<&Path>,
) -> Markup {
    if photos.is_empty() {
        return html! { p .soft { "None." } };
    }
    let folders = folders_of(photos, |photo| photo.path, |photo| photo.confidence, home);
    html! {
        @for folder in folders {
            h3 { (breakable(&folder.name)) " " span { (grouped(folder.photos.len() as u64)) } }
            ol {
                @for photo in &folder.photos { (card(pictures, photo)) }
            }
        }
    }
}

fn card(pictures: &mut Pictures, photo: &Photo<'_>) -> Markup {
    html! {
        li .photo {
            (pictures.flip(photo))
            h4 { (link(photo.path)) }
            p .about {
                span { (photo.did) }
                @if let Some(sure) = photo.confidence {
                    span .pill.(shade(sure)) { ((100.0 * sure).floor()) " % sure" }
                }
                @if let Some(day) = photo.day { span { (printable(day)) } }
            }
        }
    }
}

fn shade(confidence: f64) -> &'static str {
    match confidence {
        very if very >= 0.9 => "very",
        rather if rather >= 0.5 => "rather",
        _ => "hardly",
    }
}

/// A link that opens the photo on the machine that it is on.
pub(super) fn link(path: &str) -> Markup {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let encoded: String = path
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    html! { a href=(format!("file://{encoded}")) { (breakable(name_of(path))) } }
}

/// Text that breaks after what parts a name, so that no word has to.
pub(super) fn breakable(text: &str) -> Markup {
    let mut parts = String::new();
    for part in printable(text).split_inclusive(['/', '_', '-', '.']) {
        if !parts.is_empty() {
            parts += "<wbr>";
        }
        parts += &html! { (part) }.into_string();
    }
    PreEscaped(parts)
}
