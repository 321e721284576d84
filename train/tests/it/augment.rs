//! Augmentation with the default settings: pictures change, and their answer does not.

use anyhow::Result;
use orientd_core::image::preprocess::resize;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::{Orientation, Turn};
use orientd_train::augment::Augment;
use orientd_train::config::Config;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A smooth picture with some structure in every channel.
fn photo() -> Rgb8 {
    let width = 80;
    let height = 60;
    let pixels = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| [x * 3, y * 4, (x + y) / 2 + 60]))
        .map(|value: usize| value.min(255) as u8)
        .collect();
    Rgb8 { width, height, pixels }
}

fn settings() -> Result<Augment> {
    Ok(Config::load(None, &[])?.augment)
}

#[test]
fn augmented_pictures_change_and_stay_recognisable() -> Result<()> {
    let settings = settings()?;
    let plain = resize(&photo(), 64, 64)?;
    for name in settings.names()? {
        let only = settings.only(&name)?;
        let mut changed = 0;
        for seed in 0..32 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let photo = only.turn(photo(), Turn::NONE, &mut rng);
            let seen = only.apply(&photo, 64, &mut rng)?;
            assert_eq!((seen.width, seen.height, seen.pixels.len()), (64, 64, 64 * 64 * 3));
            let pairs = plain.pixels.iter().zip(&seen.pixels);
            let total: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            let mean = total as f64 / plain.pixels.len() as f64;
            assert!(mean < 90.0, "{name} with seed {seed} changes by {mean}");
            changed += usize::from(total > 0);
        }
        assert!(changed >= 20, "{name} changed the picture for {changed} of 32 seeds");
    }
    Ok(())
}

/// Turned back, the photo is itself or its mirror image, whatever the turn.
#[test]
fn the_mirror_keeps_the_answer() -> Result<()> {
    let settings = settings()?;
    let mirrored = photo().oriented(Orientation::MIRRORED);
    for turn in Turn::ALL {
        let mut n_mirrored = 0;
        for seed in 0..32 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let seen = settings.turn(photo(), turn, &mut rng);
            let back = seen.oriented(turn.inverse().orientation());
            assert!(back == photo() || back == mirrored);
            n_mirrored += usize::from(back == mirrored);
        }
        assert!((4..=28).contains(&n_mirrored), "{n_mirrored} of 32 are mirrored");
    }
    Ok(())
}

#[test]
fn the_seed_decides_and_nothing_else() -> Result<()> {
    let settings = settings()?;
    let augment = |seed| settings.apply(&photo(), 48, &mut ChaCha8Rng::seed_from_u64(seed));
    assert_eq!(augment(3)?, augment(3)?);
    assert_ne!(augment(3)?, augment(4)?);
    Ok(())
}

/// As the network sees it in use.
#[test]
fn without_augmentation_it_is_only_resized() -> Result<()> {
    let plain = Augment { enabled: false, ..settings()? };
    let seen = plain.apply(&photo(), 48, &mut ChaCha8Rng::seed_from_u64(0))?;
    assert_eq!(seen, resize(&photo(), 48, 48)?);
    Ok(())
}

#[test]
fn an_unknown_augmentation_is_told_the_others() -> Result<()> {
    let err = settings()?.only("sepia").expect_err("no such augmentation");
    assert!(err.to_string().contains("median_blur"));
    Ok(())
}
