//! Turns bytes from a terminal into keys with DEC's state machine, so that an arrow, a paste or a terminal's late
//! answer is never taken for a key.

use std::time::Duration;

use vte::{Params, Parser, Perform};

/// Ctrl-C, which ends it whatever else has begun; it comes as a byte, since the terminal is raw.
const CTRL_C: u8 = 0x03;

/// These two break a sequence off.
const CANCEL: u8 = 0x18;
const SUBSTITUTE: u8 = 0x1a;

const ESCAPE: u8 = 0x1b;

/// The keys that mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// As proposed.
    Yes,
    /// Fine as it is.
    No,
    /// Where its top is now: 1 up, 2 right, 3 down, 4 left.
    Top(u8),
    Undo,
    Later,
    /// What the keys do.
    Help,
    Quit,
}

#[derive(Default)]
pub(super) struct Keys {
    parser: Parser,
    heard: Heard,
}

/// What the parser has told of the bytes so far.
#[derive(Default)]
struct Heard {
    key: Option<Key>,
    /// Bytes of the escape sequence that has begun and not ended.
    n_begun: usize,
    /// `ESC O` takes one byte more, an arrow's or a function key's.
    takes_next: bool,
    /// Between the marks of a bracketed paste.
    is_pasting: bool,
}

impl Keys {
    /// Takes the next byte. Returns the key that it completes, if any.
    pub(super) fn take(&mut self, byte: u8) -> Option<Key> {
        if byte == CTRL_C {
            *self = Self::default();
            return Some(Key::Quit);
        }
        let was_begun = self.heard.n_begun;
        self.parser.advance(&mut self.heard, &[byte]);
        if byte == ESCAPE {
            self.heard.n_begun = 1;
        } else if self.heard.n_begun == was_begun && was_begun > 0 {
            self.heard.n_begun += 1;
        }
        self.heard.key.take()
    }

    /// How long to wait for the rest of a sequence; `None` if none has begun.
    pub(super) fn patience(&self) -> Option<Duration> {
        let Heard { n_begun, takes_next, is_pasting, .. } = self.heard;
        match n_begun {
            _ if is_pasting => None,
            0 if !takes_next => None,
            // The bytes of a key come together, a terminal's answer by way of a network may not.
            1 => Some(Duration::from_millis(50)),
            _ => Some(Duration::from_millis(500)),
        }
    }

    /// Nothing has come for that long: it was the key Escape (or Alt with another), not the start of
    /// something.
    pub(super) fn pause(&mut self) {
        if self.patience().is_some() {
            *self = Self::default();
        }
    }
}

impl Heard {
    fn end_sequence(&mut self) {
        self.n_begun = 0;
    }

    fn press(&mut self, key: Option<Key>) {
        if !self.is_pasting {
            self.key = key;
        }
    }
}

/// Strings such as a terminal's name come by other calls, which are left at doing nothing.
impl Perform for Heard {
    fn print(&mut self, letter: char) {
        self.end_sequence();
        if !std::mem::take(&mut self.takes_next) {
            self.press(key(letter));
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            CANCEL | SUBSTITUTE => self.end_sequence(),
            // Inside of a sequence it is no key.
            _ if self.n_begun == 0 => self.press(key(byte.into())),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, numbers: &Params, _: &[u8], _: bool, action: char) {
        self.end_sequence();
        match (numbers.iter().next(), action) {
            (Some([200]), '~') => self.is_pasting = true,
            (Some([201]), '~') => self.is_pasting = false,
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.end_sequence();
        self.takes_next = byte == b'O';
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
        self.end_sequence();
    }

    fn unhook(&mut self) {
        self.end_sequence();
    }
}

fn key(letter: char) -> Option<Key> {
    Some(match letter {
        'y' | 'Y' | '\r' | '\n' => Key::Yes,
        // Backspace, whichever of the two a terminal sends.
        'n' | 'N' | '\x7f' | '\x08' => Key::No,
        '1' => Key::Top(1),
        '2' => Key::Top(2),
        '3' => Key::Top(3),
        '4' => Key::Top(4),
        'u' | 'U' => Key::Undo,
        's' | 'S' | ' ' => Key::Later,
        '?' => Key::Help,
        // Ctrl-D.
        'q' | 'Q' | '\x04' => Key::Quit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn only_keys_are_keys() {
        use Key::{Help, Later, No, Quit, Top, Undo, Yes};
        for (name, bytes, expected) in [
            ("letters",            &b"ynuq"[..],                             vec![Yes, No, Undo, Quit]),
            ("capitals",           b"YN",                                    vec![Yes, No]),
            ("what they do",       b"?",                                     vec![Help]),
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
            ("Enter within",       b"\x1b[1\r;2Ay",                          vec![Yes]),
            ("broken off",         b"\x1b[1;\x18y",                          vec![Yes]),
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
        for byte in b"\x1b[1;2" {
            assert_eq!(keys.take(*byte), None);
        }
        keys.pause();
        assert_eq!(keys.take(b'3'), Some(Top(3)), "an answer cut short, a pause, then 3");
    }

    #[test]
    fn only_what_has_begun_is_waited_for() {
        for (bytes, patience) in [
            (&b"y"[..], None),
            (b"\x1b", Some(50)),
            (b"\x1b[", Some(500)),
            (b"\x1bO", Some(500)),
            (b"\x1b_Gi", Some(500)),
            (b"\x1bP>|x", Some(500)),
            (b"\x1b]0;x", Some(500)),
            (b"\x1b[A", None),
            (b"\x1bOA", None),
            (b"\x1bP>|x\x1b\\", None),
            (b"\x1b]0;x\x07", None),
            (b"\x1b[200~y\x1b", None),
        ] {
            let mut keys = Keys::default();
            for byte in bytes {
                keys.take(*byte);
            }
            assert_eq!(keys.patience(), patience.map(Duration::from_millis), "{bytes:?}");
        }
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
