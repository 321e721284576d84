//! Messages between this program's own processes: a length (four bytes, little-endian), then bytes.

use std::io::{self, ErrorKind, Read, Write};

/// No message is longer; a model file is the longest.
pub const MAX_LEN: usize = 1 << 30;

/// Writes one message and flushes.
///
/// # Errors
/// Where it is longer than [`MAX_LEN`], or the other side is gone.
pub fn write(to: &mut impl Write, parts: &[&[u8]]) -> io::Result<()> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let header = u32::try_from(len).ok().filter(|_| len <= MAX_LEN).ok_or_else(too_long)?;
    to.write_all(&header.to_le_bytes())?;
    for part in parts {
        to.write_all(part)?;
    }
    to.flush()
}

/// Reads one message into `bytes`. `false` where the other side has ended between two messages.
///
/// # Errors
/// Where it says to be longer than `most`, or ends in the middle.
pub fn read(from: &mut impl Read, most: usize, bytes: &mut Vec<u8>) -> io::Result<bool> {
    bytes.clear();
    let mut header = [0; 4];
    loop {
        match from.read(&mut header[..1]) {
            Ok(0) => return Ok(false),
            Ok(_) => break,
            Err(err) if err.kind() == ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    from.read_exact(&mut header[1..])?;
    let len = u32::from_le_bytes(header) as usize;
    if len > most {
        return Err(too_long());
    }
    // Memory follows what really comes, not what the header promises.
    let n = from.take(len as u64).read_to_end(bytes)?;
    if n < len { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(true) }
}

fn too_long() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "the message is too long")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(messages: Vec<Vec<u8>>) {
            let mut wire = Vec::new();
            for message in &messages {
                let (a, b) = message.split_at(message.len() / 2);
                write(&mut wire, &[a, b])?;
            }
            let (mut from, mut bytes) = (wire.as_slice(), Vec::new());
            for message in &messages {
                prop_assert!(read(&mut from, MAX_LEN, &mut bytes)?);
                prop_assert_eq!(&bytes, message);
            }
            prop_assert!(!read(&mut from, MAX_LEN, &mut bytes)?);
        }

        /// Whatever comes: an end, a message, or an error; never more memory than was sent.
        #[test]
        fn noise_is_an_error_at_most(noise: Vec<u8>, most in 0_usize..64) {
            let (mut from, mut bytes) = (noise.as_slice(), Vec::new());
            if let Ok(true) = read(&mut from, most, &mut bytes) {
                prop_assert!(bytes.len() <= most && bytes.len() + 4 <= noise.len());
            }
        }
    }
}
