//! Any bytes and a turn: a refusal, or a patch that changes what the file says and can be taken back. Read
//! again, the file says what was meant, and all of its items are still found.

#![no_main]

use libfuzzer_sys::fuzz_target;
use orientd_core::edit::tag;
use orientd_core::format::heif;
use orientd_core::orientation::Turn;

fuzz_target!(|input: &[u8]| {
    let Some((quarters, bytes)) = input.split_first() else { return };
    if bytes.get(4..8) != Some(b"ftyp") {
        return;
    }
    let turn = Turn::ALL[usize::from(quarters % 4)];
    let Ok(patch) = tag::plan(bytes, turn) else { return };
    assert_eq!(patch.to, patch.from.then(turn.orientation()));
    let new = patch.apply(bytes).expect("a patch applies to what it was planned for");
    let back = patch.inverse().apply(&new).expect("and its inverse to what it made");
    assert_eq!(back, bytes);
    let before = heif::read(bytes).expect("it was read to be planned");
    let after = heif::read(&new).expect("what was written can be read");
    for item in before.items.iter().filter(|item| item.is_picture()) {
        let data = |file: &heif::Heif, bytes: &[u8]| {
            let ranges = file.data(item.id, bytes.len())?;
            Some(ranges.into_iter().map(|range| bytes[range].to_vec()).collect::<Vec<_>>())
        };
        assert_eq!(data(&before, bytes), data(&after, &new), "item {}", item.id);
    }
    let again = tag::plan(&new, Turn::NONE).expect("what was written can be planned");
    assert_eq!(again.from, patch.to);
});
