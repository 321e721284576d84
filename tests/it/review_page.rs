//! The review page in a real Chromium, by keyboard, mouse and with a screen reader's eyes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::{Connection, params};

use crate::chromium::{Browser, accessible, key};
use crate::harness::{Library, jpeg_of, needs, real_photo, with_segment};
use crate::review::db_path;
use crate::review_server::{Server, library};
use crate::running::eventually;
use orientd_core::orientation::Turn;

const N_CARDS: &str = "document.querySelectorAll('.photo').length";
const CURRENT: &str = "document.querySelector('.photo.current h3')?.textContent";
/// The latest short message.
const MESSAGE: &str = "[...document.querySelectorAll('.toast span')].at(-1)?.textContent ?? ''";
const TAB: &str = "document.querySelector('[aria-current]').dataset.tab";
const EMPTY: &str = "document.getElementById('empty').textContent";
/// How many are asked about; nothing while no question is open.
const QUESTION: &str =
    "document.getElementById('ask').open ? document.getElementById('question').textContent : ''";

fn count_of(tab: &str) -> String {
    format!("document.querySelector('[data-tab={tab}] .count').textContent")
}

#[test]
fn the_keyboard_alone_answers_and_takes_back() {
    let names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg"];
    let degrees = [90, 270, 180, 90, 270, 180];
    let photos: Vec<(&str, u16)> = names.into_iter().zip(degrees).collect();
    let library = library(&photos);
    // All are surely wrong, in the order of their names.
    crate::running::configure(&library, "auto_confidence = 0.6\n");
    let before = library.hashes();
    let changed = || {
        let hash = |path: &Path| blake3::hash(&fs::read(path).unwrap()).to_hex().to_string();
        before.iter().filter(|(path, before)| hash(path) != **before).count()
    };
    let server = Server::start(&library, &[]);
    let browser = Browser::start(1300, 900, &[]);
    browser.open(&server.url);
    browser.wait(N_CARDS, 6);
    assert_eq!(browser.url(), format!("http://{}/", server.host()), "the token leaves the address");
    assert_eq!(browser.eval("document.cookie"), "", "scripts cannot read the token");
    // Both pictures are there, the second turned as proposed.
    browser.wait(
        "[...document.images].filter((i) => i.complete && i.naturalWidth > 0).length >= 12",
        true,
    );
    let turned = browser.eval("document.querySelectorAll('.photo.current img')[1].className");
    assert!(["turn-90", "turn-180", "turn-270"].contains(&turned.as_str().unwrap()), "{turned}");

    // Enter accepts; the next one moves up under the hand.
    browser.wait(TAB, "sure");
    let first = browser.eval(CURRENT);
    assert_eq!(first, "a.jpg");
    browser.keys(key::ENTER);
    browser.wait(N_CARDS, 5);
    assert_ne!(browser.eval(CURRENT), first);
    eventually("so many files are changed", || changed() == 1);
    browser.wait(MESSAGE, "1 photo turned.");
    browser.wait(&count_of("fixed"), "1");
    // Undo brings it back, byte for byte.
    browser.keys("u");
    browser.wait(N_CARDS, 6);
    eventually("so many files are changed", || changed() == 0);

    // Backspace: fine as it is. Arrows and hjkl move.
    browser.wait(MESSAGE, "1 photo put back.");
    let at = |n: usize| {
        browser.eval(&format!("document.querySelectorAll('.photo h3')[{n}].textContent"))
    };
    browser.keys(key::RIGHT);
    assert_eq!(browser.eval(CURRENT), at(1));
    browser.keys("lh");
    assert_eq!(browser.eval(CURRENT), at(1));
    browser.keys(key::DOWN);
    assert_ne!(browser.eval(CURRENT), at(1));
    browser.keys("k");
    browser.keys(key::LEFT);
    assert_eq!(browser.eval(CURRENT), at(0));
    browser.keys(key::BACKSPACE);
    browser.wait(N_CARDS, 5);
    eventually("so many files are changed", || changed() == 0);
    browser.wait(&count_of("answered"), "1");

    // Another turn: by number and by shifted arrow.
    browser.keys("3");
    browser.wait(N_CARDS, 4);
    browser.keys(key::SHIFT_RIGHT);
    browser.wait(N_CARDS, 3);
    eventually("so many files are changed", || changed() == 2);
    eventually("these are the turns", || turns(&library) == [0, 180, 90]);

    // Several at once.
    browser.keys(" ");
    browser.keys(key::RIGHT);
    browser.keys(" ");
    browser.wait("document.getElementById('selected').textContent", "2 selected");
    browser.keys(key::ENTER);
    browser.wait(N_CARDS, 1);
    eventually("so many files are changed", || changed() == 4);
    browser.keys("u");
    browser.wait(N_CARDS, 3);
    eventually("so many files are changed", || changed() == 2);

    // All that are sure: of an empty field, or one that nothing reaches, comes nothing.
    for (typed, said) in [
        ("", "Say first how sure it must be, from 0 to 100 %."),
        ("100", "No photo here is at least 100 % sure."),
    ] {
        set(&browser, "least", typed);
        browser.eval("document.activeElement.blur()");
        browser.keys("a");
        browser.wait(MESSAGE, said);
    }
    assert_eq!(changed(), 2);
    set(&browser, "least", "0");
    browser.wait("document.querySelector('#accept-all span').textContent", "Turn 3 photos");
    browser.eval("document.activeElement.blur()");
    browser.keys("a");
    browser.wait(EMPTY, "All done: 5 turned, 1 fine.");
    eventually("so many files are changed", || changed() == 5);

    // Everything is still so after a reload, and can be put back from the tabs.
    browser.reload();
    browser.wait(&count_of("fixed"), "5");
    browser.click("[data-tab=fixed]");
    browser.wait(N_CARDS, 5);
    browser.click(".photo .fine");
    browser.wait(N_CARDS, 4);
    eventually("so many files are changed", || changed() == 4);
    browser.click("[data-tab=answered]");
    browser.wait(N_CARDS, 5);
    browser.click("[data-tab=left]");
    browser.wait(N_CARDS, 0);
    browser.reload();
    browser.wait(TAB, "left");

    // A photo that was changed meanwhile is refused in words.
    browser.click("[data-tab=sure]");
    browser.wait(N_CARDS, 1);
    let name = browser.eval(CURRENT);
    let path = library.path(name.as_str().unwrap());
    let edited = [&fs::read(&path).unwrap()[..], b"more"].concat();
    fs::write(&path, &edited).unwrap();
    browser.click(".photo .accept");
    browser.wait(
        "document.querySelector('.photo .error')?.textContent",
        "changed on disk since it was looked at",
    );
    assert_eq!(fs::read(&path).unwrap(), edited);
}

/// As if a person had typed it.
fn set(browser: &Browser, id: &str, value: &str) {
    browser.eval(&format!(
        "(document.getElementById('{id}').value = '{value}', document.getElementById('{id}').dispatchEvent(new Event('input')))"
    ));
}

fn turns(library: &Library) -> Vec<i64> {
    let db = Connection::open(db_path(library)).unwrap();
    let mut rows = db.prepare("SELECT turn FROM labels ORDER BY id").unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Rows as a scan of `n` photos would leave them; the first real photo's file stands for all.
fn add_proposals(library: &Library, n: i64) {
    let mut db = Connection::open(db_path(library)).unwrap();
    let adding = db.transaction().unwrap();
    for i in 0..n {
        let path = library.path(&format!("{}/p{i:06}.jpg", 2000 + i % 20));
        let hash = blake3::hash(&i.to_le_bytes());
        let confidence = 0.5 + 0.5 * (i as f64) / (n as f64);
        adding
            .prepare_cached(
                "INSERT INTO photos(path, dev, ino, size, mtime_ns, ctime_ns, hash, format, width,
                     height, look_version, looked_at, run_id)
                 VALUES (?1, 0, ?2, 1, ?3, 1, ?4, 'jpeg', 400, 300, 1, 1, 1)",
            )
            .unwrap()
            .execute(params![
                path.to_str().unwrap().as_bytes(),
                i,
                i * 86_400_000_000_000,
                &hash.as_bytes()[..]
            ])
            .unwrap();
        let id = adding.last_insert_rowid();
        adding
            .prepare_cached(
                "INSERT INTO predictions(photo_id, model_id, hash, stored, views, p0, p90, p180, p270,
                     turn, confidence, verdict, predicted_at)
                 VALUES (?1, 1, ?2, 1, 4, ?3, ?4, 0, 0, 90, ?4, 'review', 1)",
            )
            .unwrap()
            .execute(params![id, &hash.as_bytes()[..], 1.0 - confidence, confidence])
            .unwrap();
    }
    adding.commit().unwrap();
}

#[test]
fn a_hundred_thousand_proposals_are_paged() {
    let library = library(&[("a.jpg", 90), ("up.jpg", 0)]);
    add_proposals(&library, 100_000);
    let server = Server::start(&library, &[]);
    let browser = Browser::start(1300, 900, &[]);
    browser.open(&server.url);
    browser.wait(TAB, "sure");
    browser.wait(CURRENT, "a.jpg");
    browser.click("[data-tab=doubt]");
    browser.wait(N_CARDS, 60);
    browser.wait(&count_of("doubt"), "100,000");
    browser.wait(CURRENT, "p099999.jpg");
    set(&browser, "order", "doubtful");
    browser.wait(CURRENT, "p000000.jpg");
    browser.keys(key::PAGE_DOWN);
    browser.wait(CURRENT, "p000060.jpg");
    browser.wait("document.getElementById('page-number').textContent", "Page 2");
    browser.keys(key::PAGE_DOWN);
    browser.wait(CURRENT, "p000120.jpg");
    browser.keys(key::PAGE_UP);
    browser.wait(CURRENT, "p000060.jpg");
    // By folder, and by the hour.
    set(&browser, "order", "folder");
    let group = "document.querySelector('.group h3')?.textContent";
    browser.wait_for(group, "/2000 60 and more");
    browser.keys(key::PAGE_DOWN);
    browser.wait(CURRENT, "p001200.jpg");
    set(&browser, "order", "time");
    browser.wait_for(group, "Thursday, January 1, 1970");
    browser.fill("#folder", "2007 P0999");
    browser.wait(&count_of("doubt"), "5");
    browser.fill("#folder", "");
    set(&browser, "from", "1970-01-11");
    set(&browser, "to", "1970-01-13");
    browser.wait(&count_of("doubt"), "3");
    // Every page once, none twice: the cursor stands still for nobody.
    for (order, words, n, expected) in [
        ("", "2003/", 200, 5000),
        ("folder", "2003%20p000", 20, 50),
        ("time", "2003%20p000", 20, 50),
    ] {
        let mut seen = std::collections::HashSet::new();
        let mut after = String::new();
        loop {
            let asked = format!("/api/page?n={n}&folder={words}&order={order}&after={after}");
            let page = server.get(&asked).json();
            for item in page["items"].as_array().unwrap() {
                assert!(seen.insert(item["id"].as_i64().unwrap()), "{order}");
            }
            let Some(next) = page["next"].as_str() else { break };
            after = next.to_owned();
        }
        assert_eq!(seen.len(), expected, "{order}");
    }

    for tab in ["doubt", "left"] {
        browser.open(&format!("http://{}/#{tab}", server.host()));
        browser.reload();
        browser.wait(TAB, tab);
        browser.wait(&count_of("doubt"), "100,000");
        accessible(&browser, tab);
    }
    // The keyboard reaches the search from the photos and back.
    browser.eval("document.getElementById('folder').focus()");
    browser.keys(key::TAB);
    assert_eq!(browser.eval("document.activeElement.id"), "from");
}

const DARK: [&str; 2] = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"];

#[test]
fn hostile_names_run_no_script() {
    let library = Library::new();
    let photo = jpeg_of(&real_photo("astronaut").oriented(Turn::quarters(3).orientation()));
    for name in
        ["<img src=x onerror=document.title=1>.jpg", "<script>document.title=1<\\script>.jpg"]
    {
        library.add(name, &with_segment(&photo, 0xFE, name.as_bytes()));
    }
    library.scan(&[]);
    let server = Server::start(&library, &[]);
    let browser = Browser::start(1000, 800, &[]);
    browser.open(&server.url);
    browser.wait(N_CARDS, 2);
    browser.wait(
        "[...document.images].filter((i) => i.complete && i.naturalWidth > 0).length >= 4",
        true,
    );
    assert_eq!(browser.eval("document.title"), "orientd: review");
    assert_eq!(browser.eval("document.querySelectorAll('ol script, ol [onerror]').length"), 0);
    let own = format!("http://{}/", server.host());
    let foreign = format!(
        "performance.getEntriesByType('resource').filter((e) => !e.name.startsWith('{own}')).length"
    );
    assert_eq!(browser.eval(&foreign), 0);
    // The policy holds even where a script gets in: neither inline code nor another host.
    let inline = "(() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s); return window.ran ?? 0; })()";
    assert_eq!(browser.eval(inline), 0);
}

/// More than ten are turned only after a question that names how many, over however many pages.
#[test]
fn many_at_once_are_asked_about_and_taken_back_together() {
    let names: Vec<String> = (0..12).map(|n| format!("roll/{n:02}.jpg")).collect();
    let photos: Vec<(&str, u16)> = names.iter().map(|name| (&name[..], 90)).collect();
    let library = library(&photos);
    crate::running::configure(&library, "auto_confidence = 0.6\n");
    let before = library.hashes();
    let n_changed =
        || library.hashes().iter().filter(|(path, hash)| before[*path] != **hash).count();
    let server = Server::start(&library, &[]);
    let browser = Browser::start(1300, 900, &[]);
    browser.open(&server.url);
    browser.wait(N_CARDS, 12);
    let turn_all = "document.querySelector('#accept-all span').textContent";
    set(&browser, "least", "50");
    browser.wait(turn_all, "Turn 12 photos");
    browser.keys("a");
    let asked = "Turn 12 photos as proposed? orientd is at least 50 % sure of each.";
    browser.wait(QUESTION, asked);
    browser.click("#no");
    browser.wait(QUESTION, "");
    browser.click("#accept-all");
    browser.wait(QUESTION, asked);
    browser.keys(key::ESCAPE);
    browser.wait(QUESTION, "");
    assert_eq!(n_changed(), 0);
    browser.click("#accept-all");
    browser.wait(QUESTION, asked);
    browser.keys(key::ENTER);
    browser.wait(EMPTY, "All done: 12 turned, 0 fine.");
    assert_eq!(n_changed(), 12);
    // The message has a button that takes all of it back.
    browser.wait(MESSAGE, "12 photos turned.");
    browser.click(".toast button");
    browser.wait(N_CARDS, 12);
    assert_eq!(n_changed(), 0);

    // A whole folder the same way: a roll of scans.
    browser.click(".group button[title$='Turn upside down']");
    browser.wait_for(QUESTION, "all of the 12 photos?");
    browser.click("#yes");
    browser.wait(N_CARDS, 0);
    assert_eq!(n_changed(), 12);
    // What was done is listed, and each can be taken back.
    browser.click("#open-session");
    browser.wait("document.querySelector('#session strong')?.textContent", "12 photos turned");
    accessible(&browser, "the session");
    browser.click("#session li button");
    browser.wait_for("document.querySelector('#session ol').textContent", "Nothing yet.");
    assert_eq!(n_changed(), 0);
    browser.click("#session .close");
    browser.wait(N_CARDS, 12);

    // Several by keyboard and by a range.
    browser.keys(key::CONTROL_A);
    browser.wait("document.getElementById('selected').textContent", "12 selected");
    browser.keys(key::ESCAPE);
    browser.wait("document.getElementById('selected').textContent", "12 photos");
    browser.click(".photo input");
    browser.eval("document.querySelectorAll('.photo input')[3].dispatchEvent(new MouseEvent('click', {bubbles: true, shiftKey: true}))");
    browser.wait("document.getElementById('selected').textContent", "4 selected");
    accessible(&browser, "a selection");
    browser.click("#chosen .main");
    browser.wait(N_CARDS, 8);
    assert_eq!(n_changed(), 4);
}

#[test]
fn buttons_show_what_they_would_do() {
    let library = library(&[("a.jpg", 90)]);
    let server = Server::start(&library, &[]);
    let browser = Browser::start(1300, 900, &[]);
    browser.open(&server.url);
    browser.wait(N_CARDS, 1);
    let shown = "document.querySelectorAll('.photo img')[1].className";
    let buttons = browser.eval("[...document.querySelectorAll('.actions button')].map((b) => b.textContent + ': ' + b.title)");
    assert_eq!(
        buttons,
        serde_json::json!([
            "Turn: Turn as shown",
            "Fine: Fine as it is",
            "↺ 90°: Turn left by 90°",
            "180°: Turn upside down",
            "↻ 90°: Turn right by 90°"
        ])
    );
    for (n, class) in [(1, "turn-0"), (2, "turn-270"), (3, "turn-180"), (4, "turn-90")] {
        browser.eval(&format!("document.querySelectorAll('.actions button')[{n}].focus()"));
        browser.wait(shown, class);
    }
    browser.eval("document.activeElement.blur()");
    browser.wait(shown, "turn-90");
    // Less than half sure: nothing invites to press it.
    let db = Connection::open(db_path(&library)).unwrap();
    db.execute("UPDATE predictions SET confidence = 0.4, verdict = 'review'", []).unwrap();
    browser.reload();
    browser.wait(TAB, "doubt");
    browser.wait("document.querySelector('.photo .pill')?.textContent", "40 % sure");
    assert_eq!(browser.eval("document.querySelectorAll('.photo .main').length"), 0);
}

#[test]
fn one_at_a_time_by_keys_and_thumbs() {
    let names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"];
    let photos: Vec<(&str, u16)> = names.into_iter().map(|name| (name, 90)).collect();
    let library = library(&photos);
    crate::running::configure(&library, "auto_confidence = 0.6\n");
    let server = Server::start(&library, &[]);
    let browser = Browser::start(1300, 900, &[]);
    browser.open(&server.url);
    browser.wait(N_CARDS, 4);
    browser.keys("o");
    let name = "document.getElementById('one-name').textContent";
    let progress = "document.getElementById('one-progress').textContent";
    browser.wait(name, "a.jpg");
    browser.wait(progress, "1 of 4");
    accessible(&browser, "one at a time");
    browser.keys(key::ENTER);
    browser.wait(name, "b.jpg");
    browser.keys(key::BACKSPACE);
    browser.wait(name, "c.jpg");
    browser.keys(key::RIGHT);
    browser.wait(name, "d.jpg");
    browser.keys(key::LEFT);
    browser.wait(name, "c.jpg");
    // Back over an answer takes it back.
    browser.keys(key::LEFT);
    browser.wait(name, "b.jpg");
    browser.keys("3");
    browser.wait(progress, "3 of 4");
    eventually("these are the answers", || turns(&library) == [90, 180]);
    browser.keys("o");
    browser.wait(N_CARDS, 2);
    drop(browser);

    let phone = Browser::phone(390, 844, &[]);
    phone.open(&server.url);
    phone.wait(N_CARDS, 2);
    phone.click("#open-one");
    phone.wait(name, "c.jpg");
    accessible(&phone, "one at a time on a phone");
    phone.wait("document.querySelector('#stage .result img').naturalWidth > 0", true);
    // A tap shows the photo as it is now.
    phone.swipe("#stage", 0);
    phone.wait("document.getElementById('one').classList.contains('before')", true);
    phone.swipe("#stage", 160);
    phone.wait(name, "d.jpg");
    phone.swipe("#stage", -160);
    phone.wait(name, "That was all.");
    eventually("these are the answers", || turns(&library) == [90, 180, 90, 0]);
}

/// Nothing sticks out sideways, nothing is too small to touch, and the bar that stays is thin.
#[test]
fn a_phone_shows_one_thing_after_the_other() {
    let library = library(&[("a.jpg", 90), ("b.jpg", 180), ("up.jpg", 0)]);
    library.add("cut.jpg", &needs(90)[..900]);
    library.scan(&[]);
    crate::running::configure(&library, "auto_confidence = 0.6\n");
    let server = Server::start(&library, &[]);
    for (scheme, flags) in [("light", &[][..]), ("dark", &DARK[..])] {
        let phone = Browser::phone(390, 844, flags);
        phone.open(&server.url);
        phone.wait(N_CARDS, 2);
        let is_dark = phone.eval("matchMedia('(prefers-color-scheme: dark)').matches");
        assert_eq!(is_dark, scheme == "dark");
        for tab in ["skipped", "left", "fixed", "sure"] {
            phone.eval(&format!("document.querySelector('[data-tab={tab}]').click()"));
            phone.wait(TAB, tab);
            accessible(&phone, &format!("{tab}, {scheme}"));
            assert_eq!(
                phone.eval("document.documentElement.scrollWidth <= innerWidth"),
                true,
                "{tab}"
            );
        }
        phone.wait(N_CARDS, 2);
        let small = "[...document.querySelectorAll('main button')].filter((b) => b.offsetParent && (b.offsetHeight < 44 || b.offsetWidth < 44)).map((b) => b.outerHTML)";
        assert_eq!(phone.eval(small), serde_json::json!([]));
        assert_eq!(
            phone.eval("getComputedStyle(document.getElementById('search')).display"),
            "none"
        );
        phone.click("#filter");
        phone.wait("getComputedStyle(document.getElementById('search')).display !== 'none'", true);
        accessible(&phone, &format!("the filter, {scheme}"));
        assert_eq!(phone.eval("document.getElementById('thin').offsetHeight <= 60"), true);
    }
}

#[test]
fn skipped_files_say_why_and_what_helps() {
    let library = library(&[("a.jpg", 90)]);
    library.add("cut.jpg", &needs(90)[..900]);
    library.add("empty.jpg", b"");
    library.scan(&[]);
    let server = Server::start(&library, &[]);
    let browser = Browser::start(1300, 900, &[]);
    browser.open(&server.url);
    browser.wait(N_CARDS, 1);
    browser.click("[data-tab=skipped]");
    browser.wait("document.querySelectorAll('.row').length", 2);
    accessible(&browser, "skipped");
    assert_eq!(browser.eval("document.querySelectorAll('.row img').length"), 0);
    let rows = "[...document.querySelectorAll('.row')].map((r) => r.innerText).join()";
    browser.wait_for(rows, "The file ends before the picture does");
    browser.wait_for(rows, "copy it once more, or take it from a backup");
    // What could not be turned is there too, for as long as it waits.
    let permissions =
        |mode| fs::set_permissions(library.path("a.jpg"), fs::Permissions::from_mode(mode));
    permissions(0o444).unwrap();
    crate::running::configure(&library, "auto_confidence = 0.6\n");
    library.scan(&["--fix"]);
    browser.reload();
    browser.wait("document.querySelectorAll('.row').length", 3);
    browser.wait_for(rows, "The file is read-only, so it was not turned");
    browser.wait_for(rows, "chmod u+w");
    set(&browser, "reason", "empty");
    browser.wait("document.querySelectorAll('.row').length", 1);
    browser.wait_for(rows, "empty.jpg");
    browser.eval("(window.copied = '', navigator.clipboard.writeText = async (text) => { window.copied = text; })");
    browser.click(".row button:last-child");
    browser.wait("window.copied", library.path("empty.jpg").to_str().unwrap());
}

/// `make screenshots` writes the pictures of the README with this.
#[test]
#[ignore = "writes docs/; run by `make screenshots`"]
fn screenshots() {
    let library = Library::new();
    for (n, name) in ["astronaut", "chelsea", "coffee", "rocket"].into_iter().enumerate() {
        for quarters in 1..4u8 {
            let turn = Turn::quarters(quarters).inverse();
            let photo = jpeg_of(&real_photo(name).oriented(turn.orientation()));
            let folder = library.home().join(format!("Pictures/{}", 2017 + n));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("{name}-{quarters}.jpg")), &photo).unwrap();
        }
    }
    library.ok(["scan".as_ref(), library.home().join("Pictures").as_os_str()]);
    let server = Server::start(&library, &[]);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for (name, size, flags) in [
        ("review.png", (1160, 860), &[][..]),
        ("review-dark.png", (1160, 860), &DARK[..]),
        ("review-phone.png", (390, 844), &[][..]),
    ] {
        let is_phone = size.0 < 600;
        let browser = if is_phone {
            Browser::phone(size.0, size.1, flags)
        } else {
            Browser::start(size.0, size.1, flags)
        };
        browser.open(&server.url);
        browser.wait(N_CARDS, 12);
        browser.eval("[...document.querySelectorAll('#photos img')].forEach((image) => { image.loading = 'eager'; })");
        let all = "[...document.querySelectorAll('#photos img')].every((i) => i.complete && i.naturalWidth > 0)";
        browser.wait(all, true);
        // Decoded is not painted yet.
        browser.run_async(
            "const done = arguments[0]; Promise.all([...document.querySelectorAll('#photos img')].map((i) => i.decode())).then(() => requestAnimationFrame(() => requestAnimationFrame(done)))",
        );
        fs::write(docs.join(name), browser.screenshot()).unwrap();
    }
}
