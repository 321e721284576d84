//! Which items are turned with the primary picture: its thumbnails, its auxiliary pictures, and what is
//! rendered from it.

use crate::format::heif::{Heif, HeifLimit};

/// Refuses files that hold a picture which is neither the primary one nor a part of it.
///
/// # Errors
/// Returns an error if there is one.
pub(super) fn one_picture(file: &Heif) -> Result<(), HeifLimit> {
    let is_other = |id: u32| {
        let is_part = [b"thmb", b"auxl", b"base"]
            .iter()
            .any(|kind| file.references.iter().any(|one| one.kind == **kind && one.from == id));
        let is_input = file.referring(b"dimg", id).next().is_some();
        let is_rendition = file.item(id).is_some_and(|item| item.kind == *b"tmap")
            && file.referred(b"dimg", id).any(|input| input == file.primary);
        id != file.primary && !is_part && !is_input && !is_rendition
    };
    let pictures = file.items.iter().filter(|item| item.is_picture() && !item.is_hidden);
    if pictures.into_iter().any(|item| is_other(item.id)) {
        return Err(HeifLimit::MultiImage);
    }
    Ok(())
}

/// The items to turn, the primary one first.
///
/// # Errors
/// Returns an error if it is not clear which they are.
pub(super) fn items(bytes: &[u8], file: &Heif) -> Result<Vec<u32>, HeifLimit> {
    let primary = file.primary;
    let is_derived = |kind: [u8; 4]| matches!(&kind, b"grid" | b"iovl" | b"iden");
    let main = file.item(primary).ok_or(HeifLimit::Malformed("no primary picture"))?;
    let mut inputs = file.referred(b"dimg", primary);
    if is_derived(main.kind) && inputs.any(|input| file.is_oriented(bytes, input)) {
        return Err(HeifLimit::Construction("parts of a picture that are turned by themselves"));
    }
    let mut items = vec![primary];
    let mut add = |id: u32| {
        if !items.contains(&id) {
            items.push(id);
        }
    };
    for rendition in renditions(file) {
        if is_turned_too(bytes, file, rendition)? {
            add(rendition);
        }
    }
    for auxiliary in auxiliaries(file) {
        // Where the primary picture is turned and this is not, the program that wrote them meant it to
        // be laid over the picture before that is turned, as libavif did until 1.3.
        if file.is_oriented(bytes, auxiliary) || !file.is_oriented(bytes, primary) {
            add(auxiliary);
        }
    }
    let masters: Vec<u32> = [primary].into_iter().chain(renditions(file)).collect();
    for master in masters.into_iter().chain(auxiliaries(file)) {
        file.referring(b"thmb", master).for_each(&mut add);
    }
    Ok(items)
}

/// Tone-mapped renditions of the primary picture (ISO 23008-12:2024/AMD 1).
fn renditions(file: &Heif) -> impl Iterator<Item = u32> {
    file.referring(b"dimg", file.primary)
        .filter(|id| file.item(*id).is_some_and(|item| item.kind == *b"tmap"))
}

/// Alpha, depth, and gain maps, whether the primary picture's own or those of a rendition of it.
fn auxiliaries(file: &Heif) -> impl Iterator<Item = u32> {
    let own = file.referring(b"auxl", file.primary);
    let maps = renditions(file).flat_map(|id| file.referred(b"dimg", id));
    own.chain(maps.filter(|id| *id != file.primary))
}

/// A rendition is made of the primary picture as that is shown, so it turns with it. But phones give it
/// a rotation of its own, the same as the picture's, and mean this one.
fn is_turned_too(bytes: &[u8], file: &Heif, rendition: u32) -> Result<bool, HeifLimit> {
    if !file.is_oriented(bytes, rendition) {
        return Ok(false);
    }
    if file.stored(bytes, rendition) == file.stored(bytes, file.primary) {
        return Ok(true);
    }
    Err(HeifLimit::Construction("a rendition that is turned in another way than its picture"))
}
