//! Whatever lies in a folder: a reason, exit status 0, and the good photos beside it are looked at.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::harness::{Library, jpeg_with, needs, needs_with_exif, real_photo};

fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    out.extend(&chunk);
    out.extend(crc32(&chunk).to_be_bytes());
    out.extend(b"\0\0\0\x04IDAT\0\0\0\0\0\0\0\0");
    out
}

/// CRC-32 as PNG has it (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[test]
fn each_bad_file_has_its_reason_and_the_run_goes_on() {
    let library = Library::new();
    library.add("good.jpg", &needs(90));
    library.add("empty.jpg", b"");
    library.add("text.jpg", b"dear diary, this is not a photo");
    library.add("bomb.png", &png_header(65535, 65535));
    library.add("movie.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    library.add("raw.nef", b"II\x2A\0\x08\0\0\0\0\0\0\0");
    library.add("folder.jpg/inside.jpg", &needs(0));
    let mut damaged = needs(0);
    let middle = damaged.len() / 2;
    damaged[middle..middle + 400].fill(0xA5);
    library.add("damaged.jpg", &damaged);
    assert!(Command::new("mkfifo").arg(library.path("fifo.jpg")).status().unwrap().success());
    let scanned = library.scan(&["--fix"]);
    for (name, reason) in [
        ("empty.jpg", "empty"),
        ("text.jpg", "unsupported_format"),
        ("bomb.png", "too_large"),
        ("movie.heic", "corrupt"),
        ("raw.nef", "unsupported_format"),
        ("damaged.jpg", "corrupt"),
        ("fifo.jpg", "not_a_regular_file"),
    ] {
        assert_eq!(scanned.reason(name), reason, "{name}: {}", scanned.photos[name]);
        assert_eq!(scanned.photos[name]["verdict"], "skipped", "{name}");
    }
    assert_eq!(scanned.photos["good.jpg"]["action"], "tag");
    assert_eq!(scanned.photos["inside.jpg"]["verdict"], "upright");
    assert_eq!(scanned.summary["reasons"]["unsupported_format"], 2);
    let listed = library.ok(["list", "--verdict", "skipped"]);
    assert_eq!(listed.lines().count(), 7, "{listed}");
}

/// The decoder fills in grey and says nothing; half-copied photos must never look fine.
#[test]
fn truncated_jpegs_are_never_written() {
    let library = Library::new();
    let baseline = needs_with_exif(90, 1);
    let progressive = jpeg_with(&real_photo("coffee"), |compressor| {
        compressor.set_progressive(true).unwrap();
    });
    for (kind, whole) in [("baseline", baseline), ("progressive", progressive)] {
        for percent in (5..100).step_by(5) {
            let cut = &whole[..whole.len() * percent / 100];
            library.add(format!("{kind}-{percent}.jpg"), cut);
        }
        // Only its end marker is not whole: it is looked at.
        library.add(format!("{kind}-almost.jpg"), &whole[..whole.len() - 1]);
        library.add(format!("{kind}-last-byte.jpg"), &whole[..whole.len() - 3]);
        // Copied into a file of the final size: the rest is still zeros.
        let mut zeros = whole.clone();
        zeros[whole.len() / 2..].fill(0);
        library.add(format!("{kind}-zeros.jpg"), &zeros);
        // Cut and given an end: grey all the same.
        let repaired = [&whole[..whole.len() * 2 / 3], &[0xFF, 0xD9]].concat();
        library.add(format!("{kind}-repaired.jpg"), &repaired);
    }
    let before = library.hashes();
    let scanned = library.scan(&["--fix"]);
    assert_eq!(scanned.photos.len(), 46);
    for (name, photo) in &scanned.photos {
        let reason = scanned.reason(name);
        let is_plain_cut = !name.contains("repaired") && !name.contains("zeros");
        if name.contains("almost") {
            assert!(matches!(reason, "none" | "no_end_marker"), "{name}: {photo}");
            assert_eq!(photo["action"], "none", "{name}: {photo}");
            continue;
        }
        assert_eq!(photo["verdict"], "skipped", "{name}: {photo}");
        assert!(reason == "truncated" || (!is_plain_cut && reason == "corrupt"), "{name}: {photo}");
    }
    assert_eq!(library.hashes(), before);
}

#[test]
fn raising_a_limit_decodes_the_photo_again() {
    let library = Library::new();
    library.add("a.jpg", &needs(0));
    let config = library.home().join("config.toml");
    fs::write(&config, "max_pixels = 1000").unwrap();
    let flags = ["--config", config.to_str().unwrap()];
    assert_eq!(library.scan(&flags).reason("a.jpg"), "too_large");
    fs::write(&config, "max_file_bytes = 1000").unwrap();
    assert_eq!(library.scan(&flags).reason("a.jpg"), "too_large");
    assert_eq!(library.scan(&[]).photos["a.jpg"]["verdict"], "upright");
}

/// Runs as another user where the tests run as root, for whom nothing is unreadable.
#[test]
fn unreadable_files_and_folders_are_reasons() {
    let library = Library::new();
    library.add("good.jpg", &needs(0));
    let file = library.add("secret.jpg", &needs(0));
    let inside = library.add("closed/in.jpg", &needs(0));
    let set = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    set(&file, 0o000);
    set(inside.parent().unwrap(), 0o000);
    let mut command = if is_root() {
        set(library.root().parent().unwrap(), 0o755);
        set(&library.home(), 0o777);
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        // The build tree may be closed to others; a copy of the program is not.
        let program = library.home().join("orientd");
        fs::copy(env!("CARGO_BIN_EXE_orientd"), &program).unwrap();
        command.arg(program).arg("--ort-lib").arg(copy_of_runtime(&library));
        command
    } else {
        Command::new(env!("CARGO_BIN_EXE_orientd"))
    };
    command.args(["scan", "--json"]).arg(library.root());
    library.set_home(&mut command);
    let output = command.output().unwrap();
    set(inside.parent().unwrap(), 0o755);
    assert!(output.status.success(), "{}", crate::harness::text_of(&output));
    let scanned = crate::harness::Scanned::parse(&output.stdout);
    assert_eq!(scanned.photos["good.jpg"]["verdict"], "upright");
    assert_eq!(scanned.reason("secret.jpg"), "unreadable");
    assert_eq!(scanned.reason("closed"), "unreadable");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn copy_of_runtime(library: &Library) -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".runtime/onnxruntime");
    let entries = fs::read_dir(folder).expect("`make runtime` has fetched it");
    let file = entries
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("libonnxruntime.so"))
        .expect("the library is there");
    // A library in a folder that anybody may write to is not loaded.
    let folder = library.home().join("lib");
    fs::create_dir(&folder).unwrap();
    let copy = folder.join("libonnxruntime.so");
    fs::copy(file, &copy).unwrap();
    copy
}

#[test]
fn files_that_come_and_go_during_a_scan_do_no_harm() {
    let library = Library::new();
    for at in 0..80 {
        library.add(format!("{at:02}.jpg"), &needs(0));
    }
    let mut command = library.command(["scan", "--json", "--jobs", "1"]);
    let child = command.arg(library.root()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    for at in (0..80).rev().step_by(2) {
        fs::remove_file(library.path(&format!("{at:02}.jpg"))).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let scanned = crate::harness::Scanned::parse(&output.stdout);
    for (name, photo) in &scanned.photos {
        let reason = scanned.reason(name);
        assert!(photo["verdict"] == "upright" || reason == "vanished", "{name}: {photo}");
    }
}
