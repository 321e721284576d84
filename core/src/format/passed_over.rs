//! What a walk passes over by its name alone: stores of other programs, bins, snapshots, backups,
//! unfinished files, and what is no picture by its ending.

use super::sniff::promises_photo_by;

/// Why a folder or a file is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassedOver {
    Hidden,
    /// Another program's store, cache or working files.
    OtherProgram,
    /// A bin, or what a system or a NAS keeps of earlier states.
    Bin,
    /// Another program is still writing it.
    Unfinished,
    /// An earlier state that another program kept beside the photo.
    Backup,
    /// By its ending.
    NoPicture,
    /// The folder holds `CACHEDIR.TAG` (<https://bford.info/cachedir/>).
    Cache,
    /// The folder holds `.nomedia`, as Android's galleries know it.
    NoMedia,
    /// `.orientdignore` or `.ppignore` in a folder above names it.
    IgnoreFile,
    /// `ignore` in the settings names it.
    Settings,
}

impl PassedOver {
    pub fn reason(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::OtherProgram => "belongs to another program",
            Self::Bin => "a bin, or what a system keeps of earlier states",
            Self::Unfinished => "another program is still writing it",
            Self::Backup => "another program's backup",
            Self::NoPicture => "no picture by its ending",
            Self::Cache => "holds CACHEDIR.TAG",
            Self::NoMedia => "holds .nomedia",
            Self::IgnoreFile => "named in .orientdignore or .ppignore",
            Self::Settings => "named under ignore in the settings",
        }
    }
}

/// Endings of folders that photo and video programs show as one document: Photos, iPhoto, Aperture,
/// Lightroom, Capture One, iMovie, Final Cut.
const PACKAGES: [&str; 11] = [
    ".photoslibrary",
    ".photolibrary",
    ".migratedphotolibrary",
    ".aplibrary",
    ".migratedaplibrary",
    ".lrdata",
    ".lrlibrary",
    ".lrcat-data",
    ".cocatalog",
    ".imovielibrary",
    ".fcpbundle",
];

/// `CaptureOne` beside the photos holds previews and settings; `@…` are Synology's and QNAP's.
const STORES: [&str; 6] = ["captureone", "@eadir", "@tmp", "@transcode", "@sharebin", "@appstore"];

/// Windows, macOS, Synology, QNAP, NetApp, Linux.
const BINS: [&str; 13] = [
    "@recycle",
    "@recently-snapshot",
    "#recycle",
    "#snapshot",
    "~snapshot",
    "$recycle.bin",
    "recycler",
    "system volume information",
    "network trash folder",
    "temporary items",
    "thevolumesettingsfolder",
    "__macosx",
    "lost+found",
];

/// Endings of files that another program is still writing, and renames when it is done.
const UNFINISHED: [&str; 18] = [
    ".part",
    ".partial",
    ".crdownload",
    ".opdownload",
    ".download",
    ".crswap",
    ".filepart",
    ".aria2",
    ".!ut",
    ".!qb",
    ".!bt",
    ".bc!",
    ".dtapart",
    ".td",
    ".xltd",
    ".tmp",
    ".temp",
    "_exiftool_tmp",
];

/// Endings of what other programs keep of a file before they write it anew.
const BACKUPS: [&str; 8] = [".bak", ".backup", ".orig", ".old", ".sav", ".swp", ".swo", "~"];

/// Why a walk does not enter a folder of this name. Letters count in either case.
pub fn folder(name: &[u8]) -> Option<PassedOver> {
    if name.starts_with(b".") {
        return Some(PassedOver::Hidden);
    }
    let lower = name.to_ascii_lowercase();
    let is_one_of = |names: &[&str]| names.iter().any(|known| lower == known.as_bytes());
    if is_one_of(&BINS) {
        return Some(PassedOver::Bin);
    }
    let is_other = is_one_of(&STORES) || ends_with_any(&lower, &PACKAGES) || is_nextcloud(&lower);
    is_other.then_some(PassedOver::OtherProgram)
}

/// Nextcloud's own folder in its data, with previews of all photos: `appdata_` and the instance's id.
fn is_nextcloud(lower: &[u8]) -> bool {
    lower.strip_prefix(b"appdata_").is_some_and(|id| !id.is_empty())
}

/// Why a walk does not look at a file of this name. What is looked at is judged by its content.
pub fn file(name: &[u8]) -> Option<PassedOver> {
    if name.starts_with(b".") {
        return Some(PassedOver::Hidden);
    }
    let lower = name.to_ascii_lowercase();
    if ends_with_any(&lower, &UNFINISHED) {
        return Some(PassedOver::Unfinished);
    }
    let ending = ending_of(&lower);
    // exiftool's "IMG.jpg_original"; "wedding_original.jpg" is a photo.
    if ends_with_any(&lower, &BACKUPS) || ending.is_some_and(|ending| ending.ends_with("_original"))
    {
        return Some(PassedOver::Backup);
    }
    let is_picture = ending.is_none_or(promises_photo_by);
    (!is_picture).then_some(PassedOver::NoPicture)
}

fn ends_with_any(lower: &[u8], endings: &[&str]) -> bool {
    endings.iter().any(|ending| lower.len() > ending.len() && lower.ends_with(ending.as_bytes()))
}

/// The ending of a lower-case name. A date or a sentence with a full stop has none: "2019.05.01",
/// "Birthday no. 40".
fn ending_of(lower: &[u8]) -> Option<&str> {
    let dot = lower.iter().rposition(|byte| *byte == b'.')?;
    let ending = std::str::from_utf8(&lower[dot + 1..]).ok()?;
    let is_ending = ending.chars().any(|char| char.is_ascii_alphabetic())
        && ending.chars().all(|char| char.is_ascii_alphanumeric() || "_-!".contains(char));
    is_ending.then_some(ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn folders_of_others_are_passed_over() {
        use PassedOver::*;
        for (name, expected) in [
            ("2019",                        None),
            ("Cache",                       None),
            ("appdata_",                    None),
            ("Photos Library",              None),
            ("lrdata",                      None),
            ("Recycled art",                None),
            (".thumbnails",                 Some(Hidden)),
            (".zfs",                        Some(Hidden)),
            ("Photos.photoslibrary",        Some(OtherProgram)),
            ("iPhoto.PhotoLibrary",         Some(OtherProgram)),
            ("Old.aplibrary",               Some(OtherProgram)),
            ("Catalog Previews.lrdata",     Some(OtherProgram)),
            ("Lightroom Library.lrlibrary", Some(OtherProgram)),
            ("Catalog.lrcat-data",          Some(OtherProgram)),
            ("Studio.cocatalog",            Some(OtherProgram)),
            ("CaptureOne",                  Some(OtherProgram)),
            ("appdata_oc1x2y3z",            Some(OtherProgram)),
            ("@eaDir",                      Some(OtherProgram)),
            ("@Recycle",                    Some(Bin)),
            ("@Recently-Snapshot",          Some(Bin)),
            ("#recycle",                    Some(Bin)),
            ("$RECYCLE.BIN",                Some(Bin)),
            ("$Recycle.Bin",                Some(Bin)),
            ("System Volume Information",   Some(Bin)),
            ("Network Trash Folder",        Some(Bin)),
            ("__MACOSX",                    Some(Bin)),
        ] {
            assert_eq!(folder(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn endings_say_which_files_are_looked_at() {
        use PassedOver::*;
        for (name, expected) in [
            ("a.jpg",                None),
            ("a.JPG",                None),
            ("IMG_0001",             None),
            ("2019.05.01",           None),
            ("Birthday no. 40",      None),
            ("wedding_original.jpg", None),
            ("a.jpg.jpg",            None),
            ("a.tmp.heic",           None),
            ("a.GPR",                None),
            ("caf\u{e9}.jpeg",       None),
            (".jpg",                 Some(Hidden)),
            ("a.mp4",                Some(NoPicture)),
            ("a.jpg.xmp",            Some(NoPicture)),
            ("notes.txt",            Some(NoPicture)),
            ("a.jpg.zip",            Some(NoPicture)),
            ("a.jpg_original",       Some(Backup)),
            ("a.jpg.bak",            Some(Backup)),
            ("a.jpg.orig",           Some(Backup)),
            ("a.jpg~",               Some(Backup)),
            ("a.jpg_exiftool_tmp",   Some(Unfinished)),
            ("a.jpg.part",           Some(Unfinished)),
            ("a.jpg.CRDOWNLOAD",     Some(Unfinished)),
            ("a.jpg.opdownload",     Some(Unfinished)),
            ("a.jpg.crswap",         Some(Unfinished)),
            ("a.jpg.!ut",            Some(Unfinished)),
            ("a.jpg.!qB",            Some(Unfinished)),
        ] {
            assert_eq!(file(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn a_name_that_is_no_text_is_looked_at() {
        assert_eq!(file(b"caf\xe9"), None);
        assert_eq!(file(b"caf\xe9.jpg"), None);
        assert_eq!(file(b"caf\xe9.txt"), Some(PassedOver::NoPicture));
    }
}
