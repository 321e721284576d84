//! What is wrong with a config file, and where.

use std::path::{Path, PathBuf};

/// Characters of a broken line that are shown.
const MAX_LINE_LENGTH: usize = 100;

/// An error in a config file. The message names the key; a hint stands on a line of its own.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}:{column}: {message}", .path.display())]
pub(crate) struct ConfigError {
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub message: String,
}

/// The same while only the text is known: a byte offset in place of file, line and column.
#[derive(Debug)]
pub(super) struct Fault {
    offset: usize,
    message: String,
}

impl Fault {
    pub(super) fn new(offset: usize, message: String) -> Self {
        Self { offset, message }
    }

    /// `text` is no TOML. The parser knows no key, so the line stands for it.
    pub(super) fn of_syntax(error: &toml::de::Error, text: &str) -> Self {
        let offset = start_of(error);
        let line = text[line_start(text, offset)..].lines().next().unwrap_or_default().trim();
        let line: String = line.chars().take(MAX_LINE_LENGTH).collect();
        Self { offset, message: format!("{}\n  in the line: {line}", error.message()) }
    }

    pub(super) fn in_file(self, path: &Path, text: &str) -> ConfigError {
        let offset = text.floor_char_boundary(self.offset);
        let line_start = line_start(text, offset);
        ConfigError {
            path: path.to_owned(),
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..offset].chars().count() + 1,
            message: self.message,
        }
    }
}

/// The byte of the file where the error starts.
pub(super) fn start_of(error: &toml::de::Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

/// Where the line of `offset` starts.
fn line_start(text: &str, offset: usize) -> usize {
    text[..text.floor_char_boundary(offset)].rfind('\n').map_or(0, |newline| newline + 1)
}
