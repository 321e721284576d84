//! Tables for what is planned and refused; properties for what a turn may touch.

use proptest::prelude::*;

use super::sketch::{Sketch, SketchItem, Widths, boxed, exif, item, sketch, xmp};
use super::*;
use crate::format::exif as tiff;

const QUARTER: Turn = Turn::quarters(1);
const UPRIGHT: (&[u8; 4], &[u8]) = (b"irot", &[0]);
/// Three quarters counter-clockwise: EXIF 6.
const SIDEWAYS: (&[u8; 4], &[u8]) = (b"irot", &[3]);
const FLIP: (&[u8; 4], &[u8]) = (b"imir", &[0]);
const CROP: (&[u8; 4], &[u8]) = (b"clap", &[0; 32]);

fn hidden(item: SketchItem) -> SketchItem {
    SketchItem { is_hidden: true, ..item }
}

fn with_data(kind: &'static [u8; 4], data: Vec<u8>) -> SketchItem {
    SketchItem { data, ..hidden(item(kind, &[])) }
}

/// Properties in the order of these numbers.
fn ordered(sketch: Sketch, order: &[u16]) -> Sketch {
    sketch.with(|sketch| {
        sketch.items[0].properties = order.iter().map(|index| (*index, true)).collect();
    })
}

fn many_properties(n: usize) -> Sketch {
    sketch(&[]).with(|sketch| {
        let filler = (b"pixi", vec![0; 4]);
        sketch.properties.extend(std::iter::repeat_n(filler, n - 1));
    })
}

/// A picture of four tiles, with a gain map, a thumbnail and EXIF, all in one rotation: an iPhone's.
fn phone(rotation: (&'static [u8; 4], &[u8]), stored: u8) -> Sketch {
    let tile = || hidden(item(b"hvc1", &[1]));
    let mut grid = item(b"grid", &[1, 2]);
    grid.is_inside = true;
    sketch(&[rotation])
        .with(|sketch| {
            sketch.items = vec![grid, tile(), tile(), tile(), tile()];
            sketch.references.push((b"dimg", 1, vec![2, 3, 4, 5]));
        })
        .related(b"thmb", item(b"hvc1", &[1, 2]))
        .related(b"auxl", hidden(item(b"hvc1", &[1, 2])))
        .related(b"cdsc", with_data(b"Exif", exif(stored)))
}

/// A rendition of the primary picture by a gain map, which has these properties, as the map has those.
fn toned(sketch: Sketch, rendition: &[u16], map: &[u16]) -> Sketch {
    sketch.with(|sketch| {
        sketch.items.push(hidden(item(b"hvc1", map)));
        sketch.items.push(item(b"tmap", rendition));
        let n = sketch.items.len() as u32;
        sketch.references.push((b"dimg", n, vec![1, n - 1]));
    })
}

#[test]
#[rustfmt::skip]
fn plans_or_refuses() {
    let plain = || sketch(&[]);
    let about = |data: Vec<u8>| plain().related(b"cdsc", with_data(b"Exif", data));
    let says = |text: &str| plain().related(b"cdsc", with_data(b"mime", xmp(text)));
    let second = || item(b"hvc1", &[1]);
    let mut double = second();
    double.properties = vec![(1, false), (2, true), (2, true)];
    let double = sketch(&[SIDEWAYS]).with(|sketch| sketch.items[0] = double);
    let behind = |kind: &'static [u8; 4], payload: &[u8]| {
        let payload = payload.to_vec();
        move |sketch: &mut Sketch| sketch.behind.push((kind, payload))
    };
    let trailer = |sketch: &mut Sketch| sketch.trailer = b"SEFH rest".to_vec();
    let cut = |mut bytes: Vec<u8>| { bytes.truncate(bytes.len() - 4); bytes };
    // What is expected: the orientation before and after, and whether one byte is overwritten.
    for (name, bytes, expected) in [
        ("an irot of its own",             sketch(&[SIDEWAYS]).bytes(),                          Ok((6, 3, true))),
        ("an irot that does nothing",      sketch(&[UPRIGHT]).bytes(),                           Ok((1, 6, true))),
        ("none: inserted",                 plain().bytes(),                                      Ok((1, 6, false))),
        ("a mirror alone",                 sketch(&[FLIP]).bytes(),                              Ok((4, 5, false))),
        ("rotation and mirror",            sketch(&[SIDEWAYS, FLIP]).bytes(),                    Ok((7, 4, true))),
        ("mirror and rotation",            ordered(sketch(&[SIDEWAYS, FLIP]), &[1, 3, 2]).bytes(), Ok((5, 2, true))),
        ("a crop before the rotation",     sketch(&[CROP, SIDEWAYS]).bytes(),                    Ok((6, 3, true))),
        ("a crop and nothing else",        sketch(&[CROP]).bytes(),                              Ok((1, 6, false))),
        ("a crop after the rotation",      sketch(&[SIDEWAYS, CROP]).bytes(),                    Err("unknown_construction")),
        ("an unknown one after it",        ordered(sketch(&[SIDEWAYS, (b"warp", &[0])]), &[1, 2, 3]).bytes(), Err("unknown_construction")),
        ("an unknown one before it",       ordered(sketch(&[(b"warp", &[0]), SIDEWAYS]), &[1, 2, 3]).bytes(), Ok((6, 3, true))),
        ("two rotations",                  double.bytes(),                                       Err("unknown_construction")),
        ("a phone's",                      phone(SIDEWAYS, 6).bytes(),                           Ok((6, 3, false))),
        ("a phone's, EXIF says another",   phone(SIDEWAYS, 1).bytes(),                           Ok((6, 3, true))),
        ("EXIF in step",                   about(exif(1)).bytes(),                               Ok((1, 6, false))),
        ("EXIF that cannot be read",       about(b"\0\0\0\x06Exif\0\0II".to_vec()).bytes(),      Ok((1, 6, false))),
        ("XMP in step",                    says("tiff:Orientation=\"1\"").bytes(),               Ok((1, 6, false))),
        ("XMP that is unclear",            says("tiff:Orientation=\"one\"").bytes(),             Err("xmp_orientation")),
        ("a tone-mapped rendition",        toned(sketch(&[SIDEWAYS]), &[1], &[1, 2]).bytes(),    Ok((6, 3, true))),
        ("a rendition with a rotation",    toned(sketch(&[SIDEWAYS]), &[1, 2], &[1, 2]).bytes(), Ok((6, 3, true))),
        ("a rendition turned otherwise",   toned(sketch(&[UPRIGHT, SIDEWAYS]).with(|s| s.items[0].properties.truncate(2)), &[1, 3], &[1, 2]).bytes(), Err("unknown_construction")),
        ("two pictures",                   plain().with(|sketch| sketch.items.push(second())).bytes(), Err("multi_image")),
        ("a hidden second one",            plain().with(|sketch| sketch.items.push(hidden(second()))).bytes(), Ok((1, 6, false))),
        ("a rotation shared with another", sketch(&[UPRIGHT]).with(|sketch| sketch.items.push(hidden(item(b"hvc1", &[1, 2])))).bytes(), Ok((1, 6, false))),
        ("tiles with a rotation",          phone(SIDEWAYS, 1).with(|sketch| sketch.items[1] = hidden(item(b"hvc1", &[1, 2]))).bytes(), Err("unknown_construction")),
        ("regions",                        plain().related(b"cdsc", hidden(item(b"rgan", &[]))).bytes(), Err("unknown_construction")),
        ("a sequence",                     sketch(&[SIDEWAYS]).with(behind(b"moov", b"")).bytes(), Err("image_sequence")),
        ("a film in a box",                sketch(&[SIDEWAYS]).with(behind(b"mpvd", b"")).bytes(), Err("motion_photo")),
        ("a film behind it",               sketch(&[SIDEWAYS]).with(behind(b"ftyp", b"mp42")).with(behind(b"moov", b"")).bytes(), Err("motion_photo")),
        ("a film among Samsung's data",    sketch(&[SIDEWAYS]).with(behind(b"sefd", b"..MotionPhoto_Data..")).bytes(), Err("motion_photo")),
        ("C2PA",                           sketch(&[SIDEWAYS]).with(behind(b"uuid", C2PA)).bytes(), Err("signed_c2pa")),
        ("protected",                      sketch(&[SIDEWAYS]).with(|sketch| sketch.items[0].is_protected = true).bytes(), Err("protected")),
        ("Samsung's data stay",            sketch(&[SIDEWAYS]).with(behind(b"sefd", b"..")).bytes(), Ok((6, 3, true))),
        ("Samsung's data would move",      plain().with(behind(b"sefd", b"..")).bytes(),          Err("unknown_construction")),
        ("room is used, they stay",        plain().with(behind(b"sefd", b"..")).with(|sketch| sketch.room = Some(64)).bytes(), Ok((1, 6, false))),
        ("a trailer stays",                sketch(&[SIDEWAYS]).with(trailer).bytes(),             Ok((6, 3, true))),
        ("a trailer would move",           plain().with(trailer).bytes(),                         Err("trailing_data")),
        ("cut short",                      cut(plain().bytes()),                                  Err("malformed_container")),
        ("more than 127 properties",       many_properties(127).bytes(),                          Ok((1, 6, false))),
    ] {
        let planned = crate::edit::tag::plan(&bytes, QUARTER);
        let seen = planned.as_ref().map(|p| (p.from.to_exif(), p.to.to_exif(), p.is_one_byte()));
        assert_eq!(seen.map_err(|refusal| refusal.code()), expected, "{name}: {planned:?}");
    }
}

fn turned(bytes: &[u8], turn: Turn) -> Vec<u8> {
    plan(bytes, turn).unwrap().apply(bytes).unwrap()
}

/// The kinds of an item's properties, with the angles of rotations.
fn properties(bytes: &[u8], item: u32) -> Vec<([u8; 4], Option<u8>)> {
    let file = heif::read(bytes).unwrap();
    let entry = file.entries(item).next().unwrap();
    let of = entry.associations.iter().map(|one| file.property(one).unwrap());
    of.map(|found| (found.kind, (found.kind == *b"irot").then(|| bytes[found.payload.start])))
        .collect()
}

#[test]
fn an_inserted_rotation_stands_between_crop_and_mirror() {
    let order = |properties, order: &[u16]| {
        let bytes = ordered(sketch(properties), order).bytes();
        let kinds = super::tests::properties(&turned(&bytes, QUARTER), 1);
        kinds.iter().map(|(kind, _)| String::from_utf8_lossy(kind).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(order(&[], &[1]), ["ispe", "irot"]);
    assert_eq!(order(&[CROP, FLIP], &[1, 2, 3]), ["ispe", "clap", "irot", "imir"]);
    assert_eq!(order(&[CROP, FLIP], &[2, 3, 1]), ["clap", "irot", "imir", "ispe"]);
    assert_eq!(order(&[CROP, FLIP], &[1, 3, 2]), ["ispe", "imir", "clap", "irot"]);
}

#[test]
fn thumbnails_and_maps_are_turned_with_their_picture() {
    // Clockwise: 6 becomes 3, so three quarters counter-clockwise become two.
    let after = turned(&phone(SIDEWAYS, 6).bytes(), QUARTER);
    for item in [1, 6, 7] {
        assert_eq!(properties(&after, item)[1], (*b"irot", Some(2)), "{item}");
    }
    assert_eq!(properties(&after, 2).len(), 1, "a tile");

    // Inserted: one property for all three.
    let plain = || item(b"hvc1", &[1]);
    let before = sketch(&[]).related(b"thmb", plain()).related(b"auxl", hidden(plain())).bytes();
    let after = turned(&before, QUARTER);
    for item in 1..=3 {
        assert_eq!(properties(&after, item)[1..], [(*b"irot", Some(3))], "{item}");
    }
    assert_eq!(heif::read(&after).unwrap().properties.len(), 2);

    // An alpha channel laid over the picture before that is turned stays as it is.
    let before = sketch(&[SIDEWAYS]).related(b"auxl", hidden(plain())).bytes();
    assert_eq!(properties(&turned(&before, QUARTER), 2).len(), 1);

    // One mirror is the thumbnail's alone: it needs another angle, and so a property of its own.
    let mirrored = sketch(&[SIDEWAYS, FLIP])
        .with(|sketch| sketch.items[0].properties.truncate(2))
        .related(b"thmb", item(b"hvc1", &[1, 2, 3]))
        .bytes();
    let after = turned(&mirrored, QUARTER);
    assert_eq!(properties(&after, 1)[1], (*b"irot", Some(2)));
    assert_eq!(properties(&after, 2)[1..], [(*b"irot", Some(0)), (*b"imir", None)]);
}

#[test]
fn renditions_turn_as_their_makers_meant_it() {
    // libavif: picture and map have the rotation, the rendition of them none.
    let after = turned(&toned(sketch(&[]), &[1], &[1]).bytes(), QUARTER);
    assert_eq!(properties(&after, 1)[1..], [(*b"irot", Some(3))]);
    assert_eq!(properties(&after, 2)[1..], [(*b"irot", Some(3))]);
    assert_eq!(properties(&after, 3).len(), 1);
    // Phones: each has its own, be it one that does nothing.
    let own = sketch(&[UPRIGHT]).with(|sketch| sketch.items[0].properties.truncate(1));
    let after = turned(&toned(own, &[1, 2], &[1]).bytes(), QUARTER);
    for item in 1..=3 {
        assert_eq!(properties(&after, item)[1..], [(*b"irot", Some(3))], "{item}");
    }
}

#[test]
fn metadata_follows_only_where_it_agreed() {
    let stored = |bytes: &[u8], item: u32| {
        let file = heif::read(bytes).unwrap();
        let block = &bytes[file.data(item, bytes.len()).unwrap()[0].clone()][10..];
        tiff::find_orientation(block).unwrap().unwrap().stated.to_exif()
    };
    for (before, after) in [(1, 6), (0, 6), (3, 3), (6, 6), (8, 8)] {
        let bytes = sketch(&[]).related(b"cdsc", with_data(b"Exif", exif(before))).bytes();
        assert_eq!(stored(&turned(&bytes, QUARTER), 2), after, "{before}");
    }
    // One LONG instead of one SHORT: rewritten as the one that it should be.
    let mut long = exif(1);
    let field = long.windows(2).position(|pair| pair == b"\x01\x12").unwrap();
    long[field + 2..field + 12].copy_from_slice(&[0, 4, 0, 0, 0, 1, 0, 0, 0, 1]);
    let bytes = sketch(&[]).related(b"cdsc", with_data(b"Exif", long)).bytes();
    assert_eq!(stored(&turned(&bytes, QUARTER), 2), 6);
    for (before, after) in [("1", "6"), ("3", "3"), ("9", "9")] {
        let text = |value: &str| xmp(&format!("tiff:Orientation=\"{value}\""));
        let bytes = sketch(&[]).related(b"cdsc", with_data(b"mime", text(before))).bytes();
        let new = turned(&bytes, QUARTER);
        let file = heif::read(&new).unwrap();
        assert_eq!(new[file.data(2, new.len()).unwrap()[0].clone()], text(after)[..], "{before}");
    }
}

/// What is used up of the room behind `meta` is all that changes there, and no offset does.
#[test]
fn room_behind_meta_takes_the_growth() {
    let bytes = sketch(&[]).with(|sketch| sketch.room = Some(10)).bytes();
    let after = turned(&bytes, QUARTER);
    assert_eq!(after.len(), bytes.len());
    assert!(after.ends_with(&[boxed(b"free", b""), boxed(b"mdat", b"hvc1 and its data")].concat()));
    let bytes = sketch(&[]).with(|sketch| sketch.room = Some(9)).bytes();
    assert_eq!(turned(&bytes, QUARTER).len(), bytes.len() + 10, "not enough for another header");
}

/// Whatever byte of the new file is another one, the proof does not hold.
#[test]
fn the_proof_sees_every_other_byte() {
    let plain = sketch(&[CROP]).related(b"thmb", item(b"hvc1", &[1])).bytes();
    for old in [plain, phone(SIDEWAYS, 3).with(|sketch| sketch.room = None).bytes()] {
        let new = turned(&old, QUARTER);
        assert_eq!(proof::prove(&old, &new, QUARTER), Ok(()));
        assert!(proof::prove(&old, &new, Turn::quarters(2)).is_err());
        let file = heif::read(&new).unwrap();
        let exif = file.items.iter().find(|item| item.kind == *b"Exif");
        let exif = exif.and_then(|exif| file.data(exif.id, new.len())).unwrap_or_default();
        let mut unseen = Vec::new();
        for at in 0..new.len() {
            let mut other = new.clone();
            other[at] ^= 0x40;
            let is_metadata = exif.iter().any(|range| range.contains(&at));
            if proof::prove(&old, &other, QUARTER).is_ok() && !is_metadata {
                unseen.push(at);
            }
        }
        // Only the reserved bits of a rotation.
        let file = heif::read(&new).unwrap();
        let is_irot = |at: &usize| {
            let irot = file.properties.iter().filter(|found| found.kind == *b"irot");
            irot.into_iter().any(|found| found.payload.contains(at))
        };
        unseen.retain(|at| !is_irot(at));
        assert_eq!(unseen, Vec::<usize>::new());
    }
}

fn any_sketch() -> impl Strategy<Value = Sketch> {
    let rotation = prop_oneof![
        Just(vec![]),
        (0..4u8).prop_map(|angle| vec![(b"irot", vec![angle])]),
        (0..2u8).prop_map(|axis| vec![(b"imir", vec![axis])]),
        (0..4u8, 0..2u8).prop_map(|(a, m)| vec![(b"irot", vec![a]), (b"imir", vec![m])]),
        (0..2u8, 0..4u8).prop_map(|(m, a)| vec![(b"imir", vec![m]), (b"irot", vec![a])]),
    ];
    let iloc =
        (0..3u8, prop_oneof![Just(4usize), Just(8)], prop_oneof![Just(0usize), Just(4), Just(8)]);
    let flags = proptest::collection::vec(any::<bool>(), 8);
    let extras = proptest::collection::vec(0..5usize, 0..4);
    let room = proptest::option::of(0..40usize);
    let n_fillers = prop_oneof![4 => Just(0usize), 1 => Just(130)];
    (rotation, iloc, flags, extras, room, n_fillers).prop_map(
        |(rotation, (version, offset, base), flags, extras, room, n_fillers)| {
            let mut file = sketch(&[CROP]).with(|file| {
                let kinds = rotation.into_iter().map(|(kind, payload)| (kind as &[u8; 4], payload));
                file.properties.extend(kinds);
                let n = file.properties.len() as u16;
                file.items[0].properties = (1..=n).map(|index| (index, index > 1)).collect();
                let fillers = std::iter::repeat_n((b"pixi" as &[u8; 4], vec![0; 4]), n_fillers);
                file.properties.extend(fillers);
                file.items[0].is_split = flags[0];
                file.iloc = Widths { version, offset, length: 4, base };
                // A number that is there needs 15 bits only where it is not one of the first.
                file.is_wide = flags[1];
                file.has_long_ids = flags[2];
                file.has_long_sizes = flags[3];
                file.is_meta_last = flags[4];
                file.room = room;
            });
            let own = file.items[0].properties.clone();
            for extra in extras {
                let with = |properties: Vec<(u16, bool)>| SketchItem {
                    properties,
                    is_inside: flags[5] && version > 0,
                    is_split: flags[6],
                    ..hidden(item(b"hvc1", &[]))
                };
                file = match extra {
                    0 => file.related(b"thmb", with(vec![(1, false)])),
                    1 => file.related(b"thmb", with(own.clone())),
                    2 => file.related(b"auxl", with(own.clone())),
                    3 => file.related(b"cdsc", with_data(b"Exif", exif(1 + extra as u8))),
                    _ => file.related(b"cdsc", with_data(b"Exif", exif(1))),
                };
            }
            file
        },
    )
}

/// Every item's bytes.
fn all_data(bytes: &[u8]) -> Vec<Vec<u8>> {
    let file = heif::read(bytes).unwrap();
    let of = |id| file.data(id, bytes.len()).unwrap();
    let items = file.items.iter().filter(|item| item.is_picture());
    items
        .map(|item| of(item.id).into_iter().flat_map(|range| bytes[range].to_vec()).collect())
        .collect()
}

proptest! {
    /// Every such file can be turned, its pictures are where they were said to be, undo gives the
    /// same bytes, and from then on there is a byte to overwrite.
    #[test]
    fn what_is_turned_reads_back_and_undo_restores(file in any_sketch(), quarters in 1..4u8) {
        let bytes = file.bytes();
        let turn = Turn::quarters(quarters);
        let patch = plan(&bytes, turn).unwrap();
        let after = patch.apply(&bytes).unwrap();
        prop_assert_eq!(isobmff::primary(&after).unwrap().stored, patch.to);
        prop_assert_eq!(patch.to, patch.from.then(turn.orientation()));
        prop_assert_eq!(all_data(&after), all_data(&bytes));
        prop_assert_eq!(&patch.inverse().apply(&after).unwrap(), &bytes);
        let back = plan(&after, turn.inverse()).unwrap();
        prop_assert_eq!(back.to, patch.from);
        let again = back.apply(&after).unwrap();
        prop_assert_eq!(again.len(), after.len());
    }

    #[test]
    fn hostile_bytes_never_panic(
        file in any_sketch(),
        at in any::<prop::sample::Index>(),
        value: u8,
        n in 0..8_usize,
    ) {
        let mut bytes = file.bytes();
        let at = at.index(bytes.len());
        let _ = plan(&bytes[..at], QUARTER);
        bytes[at] = value;
        let _ = plan(&bytes, QUARTER);
        // A length or an offset gone wild.
        let end = (at + n).min(bytes.len());
        bytes[at..end].fill(0xFF);
        if let Ok(patch) = plan(&bytes, QUARTER) {
            let after = patch.apply(&bytes).unwrap();
            prop_assert_eq!(&patch.inverse().apply(&after).unwrap(), &bytes);
        }
    }
}
