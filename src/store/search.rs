//! Searching by words of a path, as people type them: any case, with or without accents, in any order.

use anyhow::Result;
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Between the words of a search: no path that is typed has one.
const BETWEEN: char = '\0';

/// Adds what the queries of this module use to a connection: `has_words(path, words)` and `folder_of(path)`.
///
/// # Errors
/// Returns an error if SQLite does not take them.
pub(super) fn add_functions(db: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    db.create_scalar_function("has_words", 2, flags, |call| {
        let words: String = call.get(1)?;
        Ok(has_words(bytes(call)?, &words))
    })?;
    db.create_scalar_function("folder_of", 1, flags, |call| Ok(folder_of(bytes(call)?).to_vec()))?;
    Ok(())
}

fn bytes<'a>(call: &'a Context<'_>) -> rusqlite::Result<&'a [u8]> {
    call.get_raw(0).as_blob().map_err(|err| rusqlite::Error::UserFunctionError(err.into()))
}

/// Everything before the last slash.
fn folder_of(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    path.get(..end).unwrap_or_default()
}

/// The words of what was typed, as [`has_words`] takes them.
pub(super) fn words(typed: &str) -> String {
    let mut words = String::new();
    for word in typed.split_whitespace() {
        if !words.is_empty() {
            words.push(BETWEEN);
        }
        words.push_str(&folded(word));
    }
    words
}

/// Is each of the words somewhere in the path?
fn has_words(path: &[u8], words: &str) -> bool {
    let path = folded(&String::from_utf8_lossy(path));
    words.split(BETWEEN).all(|word| path.contains(word))
}

/// Without case and accents, and with letters that decompose into nothing simpler written out.
fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len());
    // Lower case first: `İ` becomes `i` and a dot that is a mark.
    for letter in text.chars().flat_map(char::to_lowercase).nfkd() {
        match letter {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'þ' => folded.push_str("th"),
            'ı' => folded.push('i'),
            // At the end of a word only, and capitals do not know it.
            'ς' => folded.push('σ'),
            mark if is_combining_mark(mark) => {}
            letter => folded.push(letter),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn words_are_found_whatever_their_case_and_accents() {
        for (typed, path, found) in [
            ("münchen",        "/p/Munchen/a.jpg",                true),
            ("munchen",        "/p/MÜNCHEN/a.jpg",                true),
            ("MÜNCHEN",        "/p/Mu\u{308}nchen/a.jpg",         true),
            ("strasse",        "/p/Große Straße/a.jpg",           true),
            ("grosse STRASSE", "/p/Große Straße/a.jpg",           true),
            ("straße",         "/p/GROSSE STRASSE/a.jpg",         true),
            ("ålesund",        "/p/Alesund/a.jpg",                true),
            ("lodz",           "/p/Łódź/a.jpg",                   true),
            ("istanbul",       "/p/İstanbul/a.jpg",               true),
            ("αθηνας",         "/p/ΑΘΗΝΑΣ/a.jpg",                 true),
            ("привет",         "/p/ПРИВЕТ/a.jpg",                 true),
            ("東京",            "/p/東京/a.jpg",                    true),
            ("2019 beach",     "/p/Beach/2019/a.jpg",             true),
            ("beach 2020",     "/p/Beach/2019/a.jpg",             false),
            ("  2019\tbeach ", "/p/Beach/2019/a.jpg",             true),
            ("munich",         "/p/München/a.jpg",                false),
            ("",               "/p/a.jpg",                        true),
        ] {
            assert_eq!(has_words(path.as_bytes(), &words(typed)), found, "{typed:?} in {path}");
        }
        assert!(has_words(b"/p/caf\xe9/a.jpg", &words("CAF a.jpg")), "names need not be UTF-8");
    }

    #[test]
    fn a_folder_is_all_before_the_last_slash() {
        for (path, folder) in [("/a/b.jpg", "/a"), ("/b.jpg", ""), ("b.jpg", ""), ("", "")] {
            assert_eq!(folder_of(path.as_bytes()), folder.as_bytes(), "{path}");
        }
    }
}
