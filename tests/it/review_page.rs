//! The review page in a real Chromium, by keyboard, mouse and with a screen reader's eyes.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, params};

use crate::chromium::{Browser, key};
use crate::harness::{Library, jpeg_of, real_photo, with_segment};
use crate::review::db_path;
use crate::review_server::{Server, library};
use crate::running::eventually;
use orientd_core::orientation::Turn;

const N_CARDS: &str = "document.querySelectorAll('.photo').length";
const CURRENT: &str = "document.querySelector('.photo.current h3')?.textContent";
const MESSAGE: &str = "document.getElementById('message').textContent.trim()";

fn count_of(tab: &str) -> String {
    format!("document.querySelector('[data-tab={tab}] .count').textContent")
}

#[test]
fn the_keyboard_alone_answers_and_takes_back() {
    let names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg"];
    let degrees = [90, 270, 180, 90, 270, 180];
    let photos: Vec<(&str, u16)> = names.into_iter().zip(degrees).collect();
    let library = library(&photos);
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
    let first = browser.eval(CURRENT);
    browser.keys(key::ENTER);
    browser.wait(N_CARDS, 5);
    assert_ne!(browser.eval(CURRENT), first);
    eventually("so many files are changed", || changed() == 1);
    browser.wait(MESSAGE, "1 photo turned. U undoes.");
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

    // A direction: its top is at the bottom, by number and by shifted arrow.
    browser.keys("3");
    browser.wait(N_CARDS, 4);
    browser.keys(key::SHIFT_RIGHT);
    browser.wait(N_CARDS, 3);
    eventually("so many files are changed", || changed() == 2);
    eventually("these are the turns", || turns(&library) == [0, 180, 270]);

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

    // All that are sure; an impossible bar first.
    browser.eval("document.getElementById('bar').value = '100.1'");
    browser.keys("a");
    browser.wait(MESSAGE, "No photo on this page is that sure.");
    browser.eval("document.getElementById('bar').value = '0'");
    browser.keys("a");
    browser.wait("document.getElementById('empty').textContent", "Nothing waits for you here.");
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
    browser.wait("document.querySelector('[aria-current]').dataset.tab", "left");

    // A photo that was changed meanwhile is refused in words.
    browser.click("[data-tab=review]");
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
    browser.wait(N_CARDS, 60);
    browser.wait(&count_of("review"), "100,001");
    assert_eq!(browser.eval(CURRENT), "p000000.jpg");
    browser.keys(key::PAGE_DOWN);
    browser.wait(CURRENT, "p000060.jpg");
    browser.wait("document.getElementById('page-number').textContent", "Page 2");
    browser.keys(key::PAGE_DOWN);
    browser.wait(CURRENT, "p000120.jpg");
    browser.keys(key::PAGE_UP);
    browser.wait(CURRENT, "p000060.jpg");
    browser.eval("(document.getElementById('order').value = 'confident', document.getElementById('order').dispatchEvent(new Event('input')))");
    browser.wait(
        "[...document.querySelectorAll('.photo h3')].some((n) => n.textContent === 'p099999.jpg')",
        true,
    );
    browser.fill("#folder", "2007/P0999");
    browser.wait(&count_of("review"), "5");
    browser.fill("#folder", "");
    browser.eval("(document.getElementById('from').value = '1970-01-11', document.getElementById('to').value = '1970-01-13', document.getElementById('to').dispatchEvent(new Event('input')))");
    browser.wait(&count_of("review"), "3");
    // Every page once, none twice: the cursor stands still for nobody.
    let mut seen = std::collections::HashSet::new();
    let mut after = String::new();
    loop {
        let page = server.get(&format!("/api/page?n=200&folder=2003/&after={after}")).json();
        for item in page["items"].as_array().unwrap() {
            assert!(seen.insert(item["id"].as_i64().unwrap()));
        }
        let Some(next) = page["next"].as_str() else { break };
        after = next.to_owned();
    }
    assert_eq!(seen.len(), 5000);

    let axe =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/axe/axe.min.js"))
            .unwrap();
    for tab in ["review", "left"] {
        browser.open(&format!("http://{}/#{tab}", server.host()));
        browser.reload();
        browser.wait("document.querySelector('[aria-current]').dataset.tab", tab);
        browser.wait(&count_of("review"), "100,001");
        accessible(&browser, &axe, tab);
    }
    // Phone width: nothing sticks out sideways, everything can be touched.
    browser.open(&format!("http://{}/#review", server.host()));
    browser.reload();
    browser.resize(400, 860);
    browser.wait(N_CARDS, 60);
    assert_eq!(browser.eval("document.documentElement.scrollWidth <= innerWidth"), true);
    let small = "[...document.querySelectorAll('.actions button')].filter((b) => b.offsetHeight < 40 || b.offsetWidth < 40).length";
    assert_eq!(browser.eval(small), 0);
    accessible(&browser, &axe, "phone");
    // The keyboard reaches the search from the photos and back.
    browser.eval("document.getElementById('folder').focus()");
    browser.keys(key::TAB);
    assert_eq!(browser.eval("document.activeElement.id"), "from");
    drop(browser);
    let dark = Browser::start(
        1300,
        900,
        &["--force-dark-mode", "--blink-settings=preferredColorScheme=0"],
    );
    dark.open(&server.url);
    dark.wait(N_CARDS, 60);
    let is_dark = dark.eval("matchMedia('(prefers-color-scheme: dark)').matches");
    assert_eq!(is_dark, true);
    accessible(&dark, &axe, "dark");
}

/// axe-core's rules, evaluated by the driver, which the page's policy does not bind.
fn accessible(browser: &Browser, axe: &str, name: &str) {
    let script = format!(
        "const done = arguments[arguments.length - 1]; {axe};
         axe.run({{resultTypes: ['violations']}}).then((r) => done(r.violations.map((v) => v.id + ': ' + v.nodes[0].html + ' ' + v.nodes[0].failureSummary)), (e) => done(['' + e]))"
    );
    assert_eq!(browser.run_async(&script), serde_json::json!([]), "{name}");
}

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
        (
            "review-dark.png",
            (1160, 860),
            &["--force-dark-mode", "--blink-settings=preferredColorScheme=0"][..],
        ),
        ("review-phone.png", (500, 900), &[][..]),
    ] {
        let browser = Browser::start(size.0, size.1, flags);
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
