//! What `irot` each item is to have: another value of its own, or a new property.

use crate::edit::patch::Edit;
use crate::format::heif::{Association, Entry, Heif, HeifLimit, Transformation};
use crate::orientation::{Orientation, Turn};

/// The bits of an `irot` that say how often to turn; the others are reserved.
const ANGLE: u8 = 3;

/// What is to become of the properties.
#[derive(Clone, Debug, Default)]
pub(super) struct Rotations {
    /// Bytes of properties that are there.
    pub overwritten: Vec<Edit>,
    /// Angles of new properties, in their order.
    pub added: Vec<u8>,
    pub associations: Vec<NewAssociation>,
}

/// An item that gets a new property.
#[derive(Clone, Debug)]
pub(super) struct NewAssociation {
    pub item: u32,
    /// Which of the item's associations.
    pub position: usize,
    /// Instead of the one at that position, or before it?
    pub replaces: bool,
    /// Which of the new properties.
    pub added: usize,
}

/// The rotation of one item.
struct Wanted<'a> {
    entry: &'a Entry,
    position: usize,
    /// The one it has.
    present: Option<Association>,
    angle: u8,
}

/// Plans the turn of all `items`.
///
/// # Errors
/// Returns an error if an item's properties are in an order in which turning changes more than the turn.
pub(super) fn plan(
    bytes: &[u8],
    file: &Heif,
    items: &[u32],
    turn: Turn,
) -> Result<Rotations, HeifLimit> {
    let wanted: Vec<Wanted<'_>> =
        items.iter().map(|item| wanted(bytes, file, *item, turn)).collect::<Result<_, _>>()?;
    let mut rotations = Rotations::default();
    for one in &wanted {
        match one.present.filter(|present| is_theirs(file, present, one.angle, &wanted)) {
            Some(present) => overwrite(bytes, file, &present, one.angle, &mut rotations)?,
            None => {
                let known = rotations.added.iter().position(|angle| *angle == one.angle);
                let added = known.unwrap_or(rotations.added.len());
                if known.is_none() {
                    rotations.added.push(one.angle);
                }
                rotations.associations.push(NewAssociation {
                    item: one.entry.item,
                    position: one.position,
                    replaces: one.present.is_some(),
                    added,
                });
            }
        }
    }
    Ok(rotations)
}

fn wanted<'a>(
    bytes: &[u8],
    file: &'a Heif,
    item: u32,
    turn: Turn,
) -> Result<Wanted<'a>, HeifLimit> {
    let mut entries = file.entries(item);
    let (Some(entry), None) = (entries.next(), entries.next()) else {
        return Err(HeifLimit::Construction("a picture without properties, or with two lists"));
    };
    let found: Vec<Option<Transformation>> =
        entry.associations.iter().map(|one| file.transformation(bytes, one)).collect();
    let places = |is: fn(&Transformation) -> bool| {
        let places = found.iter().enumerate().filter(|(_, found)| found.as_ref().is_some_and(is));
        places.map(|(place, _)| place).collect::<Vec<usize>>()
    };
    let turns = places(|found| matches!(found, Transformation::Turn(_)));
    let mirrors = places(|found| matches!(found, Transformation::Mirror(_)));
    let others = places(|found| matches!(found, Transformation::Crop | Transformation::Unknown));
    if turns.len() > 1 || mirrors.len() > 1 {
        return Err(HeifLimit::Construction("two rotations or two mirrors"));
    }
    let last_other = others.last().map_or(0, |place| place + 1);
    let position = match turns.first() {
        Some(place) if *place < last_other => {
            return Err(HeifLimit::Construction("a crop after the rotation"));
        }
        Some(place) => *place,
        // Crop, rotation, mirror: this order is prescribed (ISO 23000-22 section 7.3.6.7).
        None => *mirrors.first().filter(|place| **place >= last_other).unwrap_or(&found.len()),
    };
    let after = position + turns.len();
    let all = |part: &[Option<Transformation>]| {
        let those = part.iter().flatten();
        those.fold(Orientation::UPRIGHT, |stored, next| stored.then(next.orientation()))
    };
    let angle =
        angle(all(&found[..position]), all(&found[after..]), all(&found).then(turn.orientation()));
    let angle = angle.ok_or(HeifLimit::Construction("no rotation gives this turn"))?;
    let present = turns.first().map(|place| entry.associations[*place]);
    Ok(Wanted { entry, position, present, angle })
}

/// The value of an `irot` that makes `to` of what comes before and after it: counter-clockwise quarters.
fn angle(before: Orientation, after: Orientation, to: Orientation) -> Option<u8> {
    (0..4).find(|angle| {
        let turn = Turn::quarters(*angle).inverse().orientation();
        before.then(turn).then(after) == to
    })
}

/// Do all items that have this property want the same of it?
fn is_theirs(file: &Heif, present: &Association, angle: u8, wanted: &[Wanted<'_>]) -> bool {
    let entries = file.ipmas.iter().flat_map(|ipma| &ipma.entries);
    let mut users = entries
        .filter(|entry| entry.associations.iter().any(|one| one.index == present.index))
        .map(|entry| entry.item);
    users.all(|user| wanted.iter().any(|one| one.entry.item == user && one.angle == angle))
}

fn overwrite(
    bytes: &[u8],
    file: &Heif,
    present: &Association,
    angle: u8,
    rotations: &mut Rotations,
) -> Result<(), HeifLimit> {
    let property = file.property(present).ok_or(HeifLimit::Malformed("irot"))?;
    let offset = property.payload.start;
    let old = *bytes.get(offset).ok_or(HeifLimit::Malformed("irot"))?;
    let new = (old & !ANGLE) | angle;
    let is_known = rotations.overwritten.iter().any(|edit| edit.offset == offset);
    if new != old && !is_known {
        rotations.overwritten.push(Edit { offset, old: vec![old], new: vec![new] });
    }
    Ok(())
}
