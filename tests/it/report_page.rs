//! The report in a real Chromium: what a person sees of a run, from a file that needs nothing else.

use std::fs;
use std::path::Path;

use crate::chromium::{Browser, accessible};
use crate::harness::{Library, needs, with_segment};
use crate::running::configure;

/// Two photos turned by a run, one that waits, one that was skipped, in two folders of a person's own.
fn reported() -> (Library, String) {
    let library = Library::new();
    configure(&library, "auto_confidence = 0.6\n");
    let pictures = library.home().join("Pictures");
    for (name, degrees) in [("2018/IMG_20180704_123456.jpg", 90), ("2019/b.jpg", 180)] {
        let path = pictures.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, with_segment(&needs(degrees), 0xFE, name.as_bytes())).unwrap();
    }
    fs::write(pictures.join("2019/cut.jpg"), b"\xff\xd8\xff\xe0").unwrap();
    library.ok(["scan".as_ref(), "--fix".as_ref(), pictures.as_os_str()]);
    let file = library.home().join("report.html");
    library.ok(["report".as_ref(), "-o".as_ref(), file.as_os_str()]);
    (library, format!("file://{}", file.display()))
}

#[test]
fn a_report_says_what_happened_and_the_way_back() {
    let (library, url) = reported();
    for (name, browser) in [
        ("desktop", Browser::start(1200, 900, &[])),
        ("phone", Browser::phone(390, 844, &[])),
        (
            "dark",
            Browser::start(
                1200,
                900,
                &["--force-dark-mode", "--blink-settings=preferredColorScheme=0"],
            ),
        ),
    ] {
        browser.open(&url);
        browser.wait_for(
            "document.querySelector('h1')?.textContent",
            "2 photos turned, 0 wait, 1 skipped",
        );
        browser.wait_for("document.querySelector('code')?.textContent", "orientd undo --run ");
        accessible(&browser, name);
        assert_eq!(
            browser.eval("document.documentElement.scrollWidth <= innerWidth"),
            true,
            "{name}"
        );
        let broken = "[...document.querySelectorAll('h4 a')].map((a) => a.scrollWidth > a.parentElement.clientWidth)";
        assert!(!browser.eval(broken).as_array().unwrap().contains(&true.into()), "{name}");
    }
    let browser = Browser::start(1200, 900, &[]);
    browser.open(&url);
    let folders = browser.eval("[...document.querySelectorAll('h3')].map((h) => h.textContent)");
    let mut folders: Vec<&str> =
        folders.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    folders.sort_unstable();
    assert_eq!(folders, ["~/Pictures/2018 1", "~/Pictures/2019 1", "~/Pictures/2019 1"]);
    // The picture is flipped with the keyboard, too.
    let shown = "getComputedStyle(document.querySelector('.flip .before')).display";
    assert_eq!(browser.eval(shown), "none");
    browser.eval("document.querySelector('.flip input').focus()");
    browser.keys(" ");
    browser.wait(shown, "block");
    // Its name leads to the photo, and the command at the top does what it says.
    let link = browser.eval("document.querySelector('h4 a').href");
    let path = link.as_str().unwrap().strip_prefix("file://").unwrap().to_owned();
    assert!(Path::new(&path).exists(), "{path}");
    let command = browser.eval("document.querySelector('code').textContent");
    let words: Vec<&str> = command.as_str().unwrap().split(' ').skip(1).collect();
    assert!(library.ok(words).contains("2 photos"));
}
