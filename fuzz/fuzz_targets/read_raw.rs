//! Directories and previews: never a panic, every preview inside the file, begins like a JPEG and has
//! a size; the largest comes first.

#![no_main]

use libfuzzer_sys::fuzz_target;
use orientd_core::format::raw;

fuzz_target!(|bytes: &[u8]| {
    let Some(file) = raw::parse(bytes) else {
        assert_eq!(raw::kind_of(bytes), None);
        return;
    };
    assert_eq!(raw::kind_of(bytes), Some(file.kind));
    let n_pixels = |preview: &raw::Preview| u32::from(preview.width) * u32::from(preview.height);
    for preview in &file.previews {
        let jpeg = bytes.get(preview.bytes.clone()).expect("inside the file");
        assert!(jpeg.starts_with(b"\xFF\xD8") && n_pixels(preview) > 0);
    }
    for preview in &file.previews {
        let concluded = file.conclude(preview);
        // What agrees with the raw file, or needs no turn, is all that is clear without the preview's own word.
        let shown = concluded.orientation.to_exif();
        let stored = orientd_core::orientation::Orientation::from_stored(file.stored).to_exif();
        assert!(shown == stored || shown == 1 || preview.own.is_some());
    }
    assert!(file.previews.is_sorted_by_key(|preview| std::cmp::Reverse(n_pixels(preview))));
});
