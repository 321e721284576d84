//! Files that promise more than a machine has: the memory cap holds, and the photos beside them proceed.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use crate::harness::{Library, Scanned, jpeg_with, needs, real_photo, with_segment};

/// What the program and any of its decoders may have at most, in KiB: the network, a photo, a little.
const CAP_KIB: i64 = 256 << 10;

/// A scan, and the peak of resident memory of the program or its largest decoder, in KiB.
#[allow(clippy::zombie_processes, reason = "wait4 waits, and tells the peak")]
fn scan_measured(library: &Library) -> (Scanned, i64) {
    let mut command = library.command(["scan", "--json", "--jobs", "2"]);
    let out = library.home().join("out.json");
    command.arg(library.root()).stdout(std::fs::File::create(&out).unwrap()).stderr(Stdio::null());
    // A child's peak begins at its parent's, and this one has made bombs: forget that (proc(5)).
    // SAFETY: gives free memory back to the system, nothing else.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let child = command.spawn().unwrap();
    let mut status = 0;
    let pid = i32::try_from(child.id()).unwrap();
    // SAFETY: fills the two variables that it is given; nobody else waits for this child.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::wait4(pid, &raw mut status, 0, &raw mut usage), pid);
        usage
    };
    assert!(std::process::ExitStatus::from_raw(status).success(), "status {status}");
    (Scanned::parse(&std::fs::read(out).unwrap()), usage.ru_maxrss)
}

fn chunk(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let inside = [&kind[..], payload].concat();
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[..], &inside, &crc32fast::hash(&inside).to_be_bytes()].concat()
}

/// A zlib stream of `n_mib` MiB of zeros: stored in blocks that copy the last byte, a thousandth of it.
fn zeros(n_mib: usize) -> Vec<u8> {
    // What deflate makes of zeros, bit by bit: one literal 0, then matches of length 258 at distance 1,
    // in fixed codes (RFC 1951 section 3.2.6). 258 is code 285, 8 bits 11000101; distance 1 is 00000.
    let mut bits: Vec<u8> = Vec::new();
    bits.extend([1, 1, 0]); // The last block, fixed codes (least significant bit first).
    bits.extend([0, 0, 1, 1, 0, 0, 0, 0]); // Literal 0.
    for _ in 0..n_mib * (1 << 20) / 258 {
        bits.extend([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
    }
    bits.extend([0; 7]); // The end of the block.
    let packed = bits
        .chunks(8)
        .map(|bits| bits.iter().enumerate().fold(0u8, |byte, (at, bit)| byte | (bit << at)));
    // Without a right checksum: whoever inflates has done the damage by then.
    [0x78, 0x9C].into_iter().chain(packed).chain([0; 4]).collect()
}

/// A PNG of the given size with `extra` chunks before its data, which are of `n_mib` MiB of zeros.
fn png(width: u32, height: u32, extra: &[u8], data: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let signature = b"\x89PNG\r\n\x1a\n";
    [&signature[..], &chunk(b"IHDR", &header), extra, &chunk(b"IDAT", data), &chunk(b"IEND", &[])]
        .concat()
}

/// The astronaut's JPEG with the size in its frame header overwritten.
fn jpeg_claiming(progressive: bool, width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = jpeg_with(&real_photo("astronaut"), |c| c.set_progressive(progressive).unwrap());
    let marker = if progressive { 0xC2 } else { 0xC0 };
    let frame = jpeg.windows(2).position(|window| window == [0xFF, marker]).unwrap();
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

/// ICC profiles of 255 parts of 64 KiB, each of which says it is a different one of 255.
fn jpeg_with_huge_profile() -> Vec<u8> {
    (1..=255u8).rev().fold(needs(0), |jpeg, part| {
        let payload = [&b"ICC_PROFILE\0"[..], &[part, 255], &vec![part; 65_000]].concat();
        with_segment(&jpeg, 0xE2, &payload)
    })
}

fn tiff_loop() -> Vec<u8> {
    let mut out = b"II\x2A\0\x08\0\0\0".to_vec();
    let fields: [(u16, u16, u32, u32); 4] =
        [(0x100, 4, 1, 60_000), (0x101, 4, 1, 60_000), (0x14A, 4, 1, 8), (0x8769, 4, 1, 8)];
    out.extend((fields.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in fields {
        out.extend([&tag.to_le_bytes()[..], &kind.to_le_bytes()].concat());
        out.extend([&count.to_le_bytes()[..], &value.to_le_bytes()].concat());
    }
    out.extend(8u32.to_le_bytes()); // The next directory is this one.
    out
}

fn boxed(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32 + 8).to_be_bytes()[..], kind, payload].concat()
}

/// HEIC files whose boxes claim what cannot be: 2⁶³ bytes, a picture of 2³² squared, 65,535 places of
/// 65,535 parts, boxes in boxes in boxes.
fn absurd_heics() -> Vec<(&'static str, Vec<u8>)> {
    let ftyp = boxed(b"ftyp", b"heic\0\0\0\0mif1heic");
    let huge = [&[0, 0, 0, 1][..], b"meta", &(1u64 << 63).to_be_bytes()].concat();
    let pitm = boxed(b"pitm", &[0, 0, 0, 0, 0, 1]);
    let ispe = boxed(b"ispe", &[0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    let ipma = boxed(b"ipma", &[0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1]);
    let iprp = boxed(b"iprp", &[boxed(b"ipco", &ispe), ipma].concat());
    let iloc = boxed(
        b"iloc",
        &[&[0, 0, 0, 0, 0x44, 0, 255, 255, 0, 1, 0, 0, 255, 255][..], &[255; 64]].concat(),
    );
    let meta = |inside: &[Vec<u8>]| boxed(b"meta", &[&[0; 4][..], &inside.concat()].concat());
    let nested = (0..20_000)
        .fold(Vec::new(), |inside: Vec<u8>, _| boxed(b"meta", &[&[0; 4][..], &inside].concat()));
    let many_properties =
        boxed(b"ipma", &[&[0, 0, 0, 0, 255, 255, 255, 255][..], &[0; 4096]].concat());
    let many = boxed(
        b"iprp",
        &[boxed(b"ipco", &b"\0\0\0\x08free".repeat(9000)), many_properties].concat(),
    );
    vec![
        ("huge.heic", [ftyp.clone(), huge].concat()),
        ("wide.heic", [ftyp.clone(), meta(&[pitm.clone(), iprp])].concat()),
        ("places.heic", [ftyp.clone(), meta(&[pitm.clone(), iloc])].concat()),
        ("nested.heic", [ftyp.clone(), nested].concat()),
        ("many.heic", [ftyp, meta(&[pitm, many])].concat()),
    ]
}

#[test]
fn bombs_cost_themselves_and_no_memory() {
    let library = Library::new();
    for at in 0..4 {
        library.add(format!("photo{at}.jpg"), &needs(90));
    }
    let rows = zeros(64);
    let text = [&b"Comment\0\0"[..], &zeros(400)].concat();
    let profile = [&b"icc\0\0"[..], &zeros(400)].concat();
    let small = [&[0x78, 0x9C, 0x01, 0x04, 0, 0xFB, 0xFF, 0, 1, 2, 3][..], &[0; 4]].concat();
    library.add("size.jpg", &jpeg_claiming(false, 65_500, 65_500));
    library.add("size-progressive.jpg", &jpeg_claiming(true, 65_500, 65_500));
    library.add("below-the-limit.jpg", &jpeg_claiming(true, 19_900, 19_900));
    library.add("size.png", &png(65_535, 65_535, &[], &rows));
    library.add("size-below-the-limit.png", &png(19_900, 19_900, &[], &rows));
    library.add("text.png", &png(1, 1, &chunk(b"zTXt", &text), &small));
    library.add("profile.png", &png(1, 1, &chunk(b"iCCP", &profile), &small));
    library.add("profile.jpg", &jpeg_with_huge_profile());
    library.add("loop.tif", &tiff_loop());
    library.add("loop.dng", &tiff_loop());
    let heics = absurd_heics();
    for (name, bytes) in &heics {
        library.add(name, bytes);
    }
    let before = library.hashes();
    let (scanned, peak) = scan_measured(&library);
    for at in 0..4 {
        assert_eq!(scanned.photos[&format!("photo{at}.jpg")]["turn"], 90);
    }
    for name in [
        "size.jpg",
        "size-progressive.jpg",
        "size.png",
        "below-the-limit.jpg",
        "size-below-the-limit.png",
    ] {
        assert_eq!(scanned.reason(name), "too_large", "{}", scanned.photos[name]);
    }
    for (name, _) in &heics {
        assert_eq!(scanned.photos[*name]["verdict"], "skipped", "{}", scanned.photos[*name]);
    }
    for name in ["loop.tif", "loop.dng"] {
        assert_eq!(scanned.photos[name]["verdict"], "skipped", "{}", scanned.photos[name]);
    }
    // Whatever becomes of these, it is an answer.
    for name in ["text.png", "profile.png", "profile.jpg"] {
        assert!(scanned.photos[name]["verdict"].is_string(), "{}", scanned.photos[name]);
    }
    assert!(peak < CAP_KIB, "{peak} KiB");
    assert_eq!(library.hashes(), before);
}
