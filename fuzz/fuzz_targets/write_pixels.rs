//! The header of a JPEG whose pixels are turned: any bytes, never a panic, and what is assembled is a
//! JPEG with the same end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use orientd_core::edit::lossless::{assemble, source};
use orientd_core::format::jpeg;
use orientd_core::orientation::Turn;

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    let turn = Turn::ALL[usize::from(choice % 4)];
    let Ok(source) = source(bytes, turn) else { return };
    // The pixels are libjpeg-turbo's affair: here they stay, and a thumbnail shrinks, grows or goes.
    let thumbnail = |old: &[u8]| match choice / 4 % 4 {
        0 => None,
        1 => Some(old.iter().copied().take(old.len() / 2).collect()),
        2 => Some([old, old].concat()),
        _ => Some(old.to_vec()),
    };
    let Ok(new) = assemble(bytes, &source, bytes, thumbnail) else { return };
    let layout = jpeg::layout(&new).expect("a JPEG");
    let end = layout.end.expect("with an end");
    assert!(jpeg::is_padding(&new[end..]));
});
