//! Messages between this program's own processes: four bytes of length, least significant first, then
//! so many bytes.

use std::io::{self, ErrorKind, Read, Write};

/// No message is longer; a model file is the longest.
pub(crate) const MAX_LEN: usize = 1 << 30;

/// Writes one message, made of `parts`, and flushes.
///
/// # Errors
/// Returns an error if the other side is gone, or the message is longer than [`MAX_LEN`].
pub(crate) fn write(mut stream: impl Write, parts: &[&[u8]]) -> io::Result<()> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let header = u32::try_from(length).ok().filter(|_| length <= MAX_LEN);
    let header = header.ok_or_else(|| too_long(length, MAX_LEN))?;
    stream.write_all(&header.to_le_bytes())?;
    for part in parts {
        stream.write_all(part)?;
    }
    stream.flush()
}

/// Reads one message, and not a byte more. `None` if the stream ends before it begins.
///
/// # Errors
/// Returns an error if the stream ends inside a message, or one is longer than `most` bytes.
pub(crate) fn read(mut stream: impl Read, most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let mut n_read = 0;
    while let Some(rest) = length.get_mut(n_read..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) if n_read == 0 => return Ok(None),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => n_read += n,
            Err(err) if err.kind() == ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > most {
        return Err(too_long(length, most));
    }
    // Memory follows what really comes, not what the length promises.
    let mut message = Vec::new();
    let n = stream.take(length as u64).read_to_end(&mut message)?;
    if n < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(Some(message)) }
}

fn too_long(length: usize, most: usize) -> io::Error {
    let text = format!("a message of {length} bytes, more than {most}");
    io::Error::new(ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in(messages: Vec<Vec<u8>>) {
            let mut stream = Vec::new();
            for message in &messages {
                let (a, b) = message.split_at(message.len() / 2);
                write(&mut stream, &[a, b])?;
            }
            let mut rest = stream.as_slice();
            for message in &messages {
                prop_assert_eq!(&read(&mut rest, MAX_LEN)?, &Some(message.clone()));
            }
            prop_assert_eq!(read(&mut rest, MAX_LEN)?, None);
        }

        /// Whatever comes: an end, a message, or an error; never more memory than was sent.
        #[test]
        fn noise_is_an_error_at_most(noise: Vec<u8>, most in 0_usize..64) {
            if let Ok(Some(message)) = read(noise.as_slice(), most) {
                prop_assert!(message.len() <= most && message.len() + 4 <= noise.len());
            }
        }
    }

    #[test]
    fn a_cut_or_a_long_message_is_an_error() -> io::Result<()> {
        let mut stream = Vec::new();
        write(&mut stream, &[b"one"])?;
        for n in 1..7 {
            assert!(read(&stream[..n], 5).is_err(), "cut at {n}");
        }
        assert!(read(stream.as_slice(), 2).is_err(), "longer than allowed");
        Ok(())
    }
}
