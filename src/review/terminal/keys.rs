//! Bytes from a terminal → keys. What is no key (a terminal's late answer, a paste, an arrow) is never
//! mistaken for one.

use std::time::Duration;

/// Ctrl-C, which ends it whatever else has begun; it comes as a byte, since the terminal is raw.
const CTRL_C: u8 = 0x03;

/// What a person can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// As proposed.
    Yes,
    /// Fine as it is.
    No,
    /// Where its top is now: 1 up, 2 right, 3 down, 4 left.
    Top(u8),
    Undo,
    Later,
    Quit,
}

/// Where in a sequence the reader is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    Escape,
    /// `ESC [ …` up to its last byte; the number so far.
    Control(u32),
    /// `ESC O` and one byte.
    Single,
    /// DCS, OSC, APC and the like, up to `ESC \` or BEL.
    Text,
    TextEscape,
    /// Bracketed: everything between `ESC [ 200 ~` and `ESC [ 201 ~`.
    Paste,
    PasteEscape,
    PasteControl(u32),
}

#[derive(Debug, Default)]
pub struct Keys {
    state: State,
}

impl Keys {
    /// The next byte, and the key it ends, where it ends one.
    pub fn take(&mut self, byte: u8) -> Option<Key> {
        if byte == CTRL_C {
            self.state = State::Ground;
            return Some(Key::Quit);
        }
        let number = |so_far: u32| so_far.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
        self.state = match (self.state, byte) {
            (State::Ground, 0x1b) => State::Escape,
            (State::Ground, _) => return key(byte),
            (State::Escape, b'[') => State::Control(0),
            (State::Escape, b'O') => State::Single,
            (State::Escape, b'P' | b']' | b'_' | b'^' | b'X') => State::Text,
            (State::Escape, 0x1b) => State::Escape,
            (State::Control(200), b'~') => State::Paste,
            (State::Control(n), b'0'..=b'9') => State::Control(number(n)),
            (State::Control(_), 0x40..=0x7e) => State::Ground,
            (State::Control(n), _) => State::Control(n),
            (State::Text, 0x1b) => State::TextEscape,
            (State::Text | State::TextEscape, 0x07) | (State::TextEscape, b'\\') => State::Ground,
            (State::Text | State::TextEscape, _) => State::Text,
            (State::Paste, 0x1b) => State::PasteEscape,
            (State::PasteEscape, b'[') => State::PasteControl(0),
            (State::PasteControl(201), b'~') => State::Ground,
            (State::PasteControl(n), b'0'..=b'9') => State::PasteControl(number(n)),
            (State::Paste | State::PasteEscape | State::PasteControl(_), _) => State::Paste,
            (State::Escape | State::Single, _) => State::Ground,
        };
        None
    }

    /// How long to wait for the rest of what has begun, where something has.
    pub fn patience(&self) -> Option<Duration> {
        match self.state {
            State::Ground | State::Paste | State::PasteEscape | State::PasteControl(_) => None,
            // The bytes of a key come together, a terminal's answer by way of a network may not.
            State::Escape => Some(Duration::from_millis(50)),
            State::Control(_) | State::Single | State::Text | State::TextEscape => {
                Some(Duration::from_millis(500))
            }
        }
    }

    /// Nothing has come for that long: it was the key Escape (or Alt with another), not the start of
    /// something.
    pub fn pause(&mut self) {
        if self.patience().is_some() {
            self.state = State::Ground;
        }
    }
}

fn key(byte: u8) -> Option<Key> {
    Some(match byte {
        b'y' | b'Y' | b'\r' | b'\n' => Key::Yes,
        b'n' | b'N' | 0x7f | 0x08 => Key::No,
        b'1'..=b'4' => Key::Top(byte - b'0'),
        b'u' | b'U' => Key::Undo,
        b's' | b'S' | b' ' => Key::Later,
        // Ctrl-D.
        b'q' | b'Q' | 0x04 => Key::Quit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn only_keys_are_keys() {
        use Key::{Later, No, Quit, Top, Undo, Yes};
        for (name, bytes, expected) in [
            ("letters",            &b"ynuq"[..],                             vec![Yes, No, Undo, Quit]),
            ("capitals",           b"YN",                                    vec![Yes, No]),
            ("numbers",            b"14",                                    vec![Top(1), Top(4)]),
            ("no such number",     b"0589",                                  vec![]),
            ("enter, backspace",   b"\r\x7f ",                               vec![Yes, No, Later]),
            ("Ctrl-C",             b"\x03",                                  vec![Quit]),
            ("arrows",             b"\x1b[A\x1b[1;2By",                      vec![Yes]),
            ("arrows, other mode", b"\x1bOAn",                               vec![No]),
            ("End, Delete, F1",    b"\x1b[4~\x1b[3~\x1b[11~u",               vec![Undo]),
            ("Alt-y",              b"\x1byn",                                vec![No]),
            ("late attributes",    b"\x1b[?62;4;22cq",                       vec![Quit]),
            ("late name",          b"\x1bP>|yes we can\x1b\\n",              vec![No]),
            ("late kitty",         b"\x1b_Gi=31;OK yes\x1b\\y",              vec![Yes]),
            ("a title",            b"\x1b]0;yny\x07u",                       vec![Undo]),
            ("a paste",            b"\x1b[200~yyyy\x1b[Ayn\x1b[201~n",       vec![No]),
            ("a paste, cut short", b"\x1b[200~yyyy",                         vec![]),
            ("Ctrl-C ends a paste", b"\x1b[200~yy\x03",                      vec![Quit]),
            ("UTF-8",              "ýÿ".as_bytes(),                          vec![]),
        ] {
            let mut keys = Keys::default();
            let found: Vec<Key> = bytes.iter().filter_map(|byte| keys.take(*byte)).collect();
            assert_eq!(found, expected, "{name}");
        }
        let mut keys = Keys::default();
        assert_eq!(keys.take(0x1b), None);
        keys.pause();
        assert_eq!(keys.take(b'y'), Some(Yes), "Escape, a pause, then y");
    }

    #[test]
    fn no_bytes_make_it_panic_or_hang() {
        let mut keys = Keys::default();
        for n in 0..200_000u32 {
            let byte = (n.wrapping_mul(2_654_435_761) >> 13) as u8;
            keys.take(byte);
        }
        for byte in b"\x1b[99999999999999999999~" {
            keys.take(*byte);
        }
    }
}
