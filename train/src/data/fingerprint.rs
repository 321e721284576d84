//! Near-duplicates: 128 bits that say where a picture gets brighter, compared by differing bits.

use std::collections::BTreeMap;

use anyhow::Result;
use orientd_core::image::preprocess::resize;
use orientd_core::image::rgb::Rgb8;

use super::joined::Joined;

/// Grid of comparisons: SIDE×SIDE across and as many down.
const SIDE: usize = 8;
/// Words of 16 bits that the fingerprint is cut into: fewer differing bits than words leave one
/// word untouched, by which candidates are found.
const WORDS: usize = 8;

/// # Errors
/// Returns an error if the picture is empty.
pub fn fingerprint(picture: &Rgb8) -> Result<u128> {
    let small = resize(picture, SIDE + 1, SIDE + 1)?;
    let light: Vec<u32> = small
        .pixels
        .chunks_exact(3)
        .map(|rgb| 299 * u32::from(rgb[0]) + 587 * u32::from(rgb[1]) + 114 * u32::from(rgb[2]))
        .collect();
    let at = |x: usize, y: usize| light[y * (SIDE + 1) + x];
    let mut bits = 0;
    for y in 0..SIDE {
        for x in 0..SIDE {
            bits = bits << 1 | u128::from(at(x, y) < at(x + 1, y));
            bits = bits << 1 | u128::from(at(x, y) < at(x, y + 1));
        }
    }
    Ok(bits)
}

/// Pairs that differ in at most `most` bits (at most 7), as indices with the smaller first: enough of
/// them to hold each group of near-duplicates together, so a time-lapse of n frames gives n − 1.
pub fn near_pairs(fingerprints: &[u128], most: u32) -> Vec<(usize, usize)> {
    let mut by_word: BTreeMap<(usize, u16), Vec<usize>> = BTreeMap::new();
    for (idx, bits) in fingerprints.iter().enumerate() {
        for word in 0..WORDS {
            by_word.entry((word, (bits >> (16 * word)) as u16)).or_default().push(idx);
        }
    }
    let mut joined = Joined::new(fingerprints.len());
    let mut pairs = Vec::new();
    for bucket in by_word.values() {
        for (at, a) in bucket.iter().enumerate() {
            for b in &bucket[at + 1..] {
                let differing = (fingerprints[*a] ^ fingerprints[*b]).count_ones();
                if differing <= most && joined.join(*a, *b) {
                    pairs.push((*a, *b));
                }
            }
        }
    }
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_those_of_a_plain_search() {
        let mut state = 1u128;
        let mut next = || {
            state = state.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(7);
            state ^ state >> 64
        };
        let mut fingerprints: Vec<u128> = (0..60).map(|_| next()).collect();
        for idx in 0..60 {
            let flips = (0..idx % 9).fold(0u128, |bits, k| bits | 1 << ((idx * 31 + k * 17) % 128));
            fingerprints.push(fingerprints[idx] ^ flips);
        }
        let n = fingerprints.len();
        let groups = |mut joined: Joined| (0..n).map(|idx| joined.find(idx)).collect::<Vec<_>>();
        for most in 0..=7 {
            let mut expected = Joined::new(n);
            let mut found = Joined::new(n);
            for a in 0..n {
                for b in a + 1..n {
                    if (fingerprints[a] ^ fingerprints[b]).count_ones() <= most {
                        expected.join(a, b);
                    }
                }
            }
            let pairs = near_pairs(&fingerprints, most);
            assert!(pairs.iter().all(|(a, b)| a < b && found.join(*a, *b)), "none too many");
            assert_eq!(groups(found), groups(expected), "{most} bits");
        }
    }

    #[test]
    fn a_resaved_photo_is_near_and_a_turned_one_is_not() {
        use orientd_core::orientation::Turn;
        let pixels = (0..64 * 48usize)
            .flat_map(|i| {
                let x = i % 64;
                let y = i / 64;
                [(x * x / 16) as u8, (y * 5 % 256) as u8, ((x / 9 * 60) ^ (y / 7 * 30)) as u8]
            })
            .collect();
        let photo = Rgb8 { width: 64, height: 48, pixels };
        let bits = |photo: &Rgb8| fingerprint(photo).expect("not empty");
        let resaved = crate::jpeg::resave(&photo, 60).expect("encodes");
        assert!((bits(&photo) ^ bits(&resaved)).count_ones() <= 6);
        let turned = photo.clone().oriented(Turn::quarters(1).orientation());
        assert!((bits(&photo) ^ bits(&turned)).count_ones() > 20);
    }
}
