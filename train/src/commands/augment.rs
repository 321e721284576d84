//! `augment --sheet`: looks at the augmentations.

use anyhow::{Context, Result};

use super::load;
use crate::augment::sheets;
use crate::cli::Augment;
use crate::data::open_photo;

pub(super) fn run(args: &Augment) -> Result<()> {
    let config = load(&args.settings)?;
    let mut photos = Vec::new();
    for path in &args.photos {
        let opened = open_photo(path).with_context(|| format!("cannot open {}", path.display()))?;
        photos.push(opened.displayed());
    }
    for path in sheets(&config.augment, &photos, config.seed, &args.sheet)? {
        println!("{}", path.display());
    }
    Ok(())
}
