//! How a photo stands to what orientd last did to it: as it was left, or changed by somebody else since. What
//! somebody else made of it is its owner's word.

use crate::image::fingerprint::{Comparison, Fingerprint};
use crate::orientation::Orientation;

/// A photo at one moment. `C` identifies the content of its file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Displayed<C> {
    pub content: C,
    /// The orientation that it is displayed with, by its file or its sidecar.
    pub stored: Orientation,
    /// `None`: it was not kept.
    pub picture: Option<Fingerprint>,
}

/// What orientd last did to a photo, a turn or its undo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastTurn<C> {
    pub before: Displayed<C>,
    pub after: Displayed<C>,
}

/// How the photo stands to [`LastTurn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Displayed as orientd left it; another program may have changed its metadata.
    AsLeft,
    /// Somebody made it what it was before.
    PutBack,
    /// Somebody turned or mirrored it in another way.
    ChangedOutside,
    /// The file has been replaced by another photo, of which nothing was said.
    AnotherPhoto,
}

/// The content decides where it is one of the two that are known; else the picture, which every program that
/// changes an orientation changes; else the orientation alone.
pub fn standing<C: PartialEq>(last: &LastTurn<C>, now: &Displayed<C>) -> Standing {
    if is_same(now, &last.after) {
        return Standing::AsLeft;
    }
    if is_same(now, &last.before) {
        return Standing::PutBack;
    }
    match compare(now, &last.after) {
        Comparison::AsThen => Standing::AsLeft,
        Comparison::AnotherPhoto => Standing::AnotherPhoto,
        Comparison::Otherwise if compare(now, &last.before) == Comparison::AsThen => {
            Standing::PutBack
        }
        Comparison::Otherwise => Standing::ChangedOutside,
        Comparison::Unclear if now.stored == last.after.stored => Standing::AsLeft,
        Comparison::Unclear if now.stored == last.before.stored => Standing::PutBack,
        Comparison::Unclear => Standing::ChangedOutside,
    }
}

fn is_same<C: PartialEq>(now: &Displayed<C>, then: &Displayed<C>) -> bool {
    now.content == then.content && now.stored == then.stored
}

fn compare<C>(now: &Displayed<C>, then: &Displayed<C>) -> Comparison {
    match (&now.picture, &then.picture) {
        (Some(now), Some(then)) => now.compare(then),
        _ => Comparison::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::rgb::Rgb8;

    const SIDE: usize = 32;

    fn picture(shade: impl Fn(usize, usize) -> usize) -> Fingerprint {
        let values = (0..SIDE * SIDE).map(|at| shade(at % SIDE, at / SIDE).min(255) as u8);
        let pixels = values.flat_map(|value| [value; 3]).collect();
        Fingerprint::of(&Rgb8 { width: SIDE, height: SIDE, pixels }).expect("it has pixels")
    }

    /// A turn by 90 degrees of a photo that is displayed like `sideways`.
    #[test]
    #[rustfmt::skip]
    fn what_others_make_of_a_turned_photo() {
        use Standing::{AnotherPhoto, AsLeft, ChangedOutside, PutBack};
        let number = |tag| Orientation::from_exif(tag).expect("1-8");
        let sideways = picture(|x, y| if x < 10 && y < 16 { 230 } else { 10 + 3 * x + y });
        let upright = sideways.oriented(number(6));
        let upside_down = sideways.oriented(number(8));
        let other = picture(|x, _| if x % 8 < 4 { 200 } else { 10 });
        let none = None;
        let tag = (("before", 1), ("after", 6));
        let pixels = (("before", 1), ("after", 1));
        let sidecar = (("photo", 1), ("photo", 6));
        for (name, turn, kept, now, seen, expected) in [
            ("tag: untouched",                    tag, true,  ("after", 6),  Some(upright),     AsLeft),
            ("tag: the old bytes again",          tag, true,  ("before", 1), Some(sideways),    PutBack),
            ("tag: exiftool sets it back",        tag, true,  ("new", 1),    Some(sideways),    PutBack),
            ("tag: exiftool sets another",        tag, true,  ("new", 3),    Some(upside_down), ChangedOutside),
            ("tag: a caption is added",           tag, true,  ("new", 6),    Some(upright),     AsLeft),
            ("tag: applied to the pixels",        tag, true,  ("new", 1),    Some(upright),     AsLeft),
            ("tag: pixels turned, tag as it was", tag, true,  ("new", 6),    Some(upside_down), ChangedOutside),
            ("tag: a sidecar says otherwise",     tag, true,  ("after", 1),  Some(sideways),    PutBack),
            ("tag: replaced by another photo",    tag, true,  ("new", 1),    Some(other),       AnotherPhoto),
            ("tag: no picture, put back",         tag, false, ("new", 1),    Some(sideways),    PutBack),
            ("tag: no picture, a third way",      tag, false, ("new", 3),    Some(sideways),    ChangedOutside),
            ("tag: no picture, a caption",        tag, false, ("new", 6),    none,              AsLeft),
            ("pixels: untouched",                 pixels, true,  ("after", 1),  Some(upright),     AsLeft),
            ("pixels: the old bytes again",       pixels, true,  ("before", 1), Some(sideways),    PutBack),
            ("pixels: turned back by jpegtran",   pixels, true,  ("new", 1),    Some(sideways),    PutBack),
            ("pixels: a tag turns it back",       pixels, true,  ("new", 8),    Some(sideways),    PutBack),
            ("pixels: turned on",                 pixels, true,  ("new", 1),    Some(upside_down), ChangedOutside),
            ("pixels: a caption is added",        pixels, true,  ("new", 1),    Some(upright),     AsLeft),
            ("pixels: no picture, another tag",   pixels, false, ("new", 8),    none,              ChangedOutside),
            ("pixels: no picture, no tag",        pixels, false, ("new", 1),    none,              AsLeft),
            ("sidecar: untouched",                sidecar, true,  ("photo", 6), Some(upright),     AsLeft),
            ("sidecar: removed",                  sidecar, true,  ("photo", 1), Some(sideways),    PutBack),
            ("sidecar: edited",                   sidecar, true,  ("photo", 3), Some(upside_down), ChangedOutside),
            ("sidecar: a caption in the photo",   sidecar, true,  ("new", 6),   Some(upright),     AsLeft),
            ("sidecar: no picture, removed",      sidecar, false, ("photo", 1), none,              PutBack),
        ] {
            let displayed = |at: (&'static str, u16), picture: Option<Fingerprint>| Displayed {
                content: at.0, stored: number(at.1), picture,
            };
            let last = LastTurn {
                before: displayed(turn.0, kept.then_some(sideways)),
                after: displayed(turn.1, kept.then_some(upright)),
            };
            assert_eq!(standing(&last, &displayed(now, seen)), expected, "{name}");
        }
    }
}
