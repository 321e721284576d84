//! Messages over a stream: four bytes of length, least significant first, then so many bytes.

use std::io::{self, ErrorKind, Read, Write};

/// Writes one message.
///
/// # Errors
/// Where the other side is gone, or the message is longer than a length can say.
pub fn write(mut stream: impl Write, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len())
        .map_err(|_| io::Error::new(ErrorKind::InvalidInput, "the message is too long"))?;
    stream.write_all(&length.to_le_bytes())?;
    stream.write_all(message)?;
    stream.flush()
}

/// Reads one message, and not a byte more. `None` where the stream ends before it begins.
///
/// # Errors
/// Where the stream ends inside a message, or one is longer than `most` bytes.
pub fn read(mut stream: impl Read, most: usize) -> io::Result<Option<Vec<u8>>> {
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
        let text = format!("a message of {length} bytes, more than {most}");
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message)?;
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in() -> io::Result<()> {
        let mut stream = Vec::new();
        for message in [b"one".as_slice(), b"", b"three"] {
            write(&mut stream, message)?;
        }
        let mut rest = stream.as_slice();
        for message in [b"one".as_slice(), b"", b"three"] {
            assert_eq!(read(&mut rest, 5)?.as_deref(), Some(message));
        }
        assert_eq!(read(&mut rest, 5)?, None);
        for n in 1..7 {
            assert!(read(&stream[..n], 5).is_err(), "cut at {n}");
        }
        assert!(read(stream.as_slice(), 2).is_err(), "longer than allowed");
        Ok(())
    }
}
