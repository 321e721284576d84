//! Coming to the page in a real Chromium: by the address that is opened, by password, and what the page
//! starts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::chromium::{Browser, accessible, key};
use crate::harness::Library;
use crate::review::db_path;
use crate::review_server::{Server, library};
use crate::running::eventually;

const N_CARDS: &str = "document.querySelectorAll('.photo').length";
const BODY: &str = "document.body.innerText.trim()";

/// A program of this name in a folder of its own.
fn program(library: &Library, name: &str, script: &str) -> PathBuf {
    let folder = library.home().join("bin");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// `command` finds programs in `folder` first.
fn with_path(mut command: Command, folder: &Path) -> Command {
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", folder.display()));
    command
}

#[test]
fn the_address_that_is_opened_works_once() {
    let library = library(&[("a.jpg", 90)]);
    let opened = library.home().join("opened");
    let open = format!("printf %s \"$1\" > {0:?}.tmp && mv {0:?}.tmp {0:?}", opened);
    let folder = program(&library, "xdg-open", &open);
    let server = Server::spawn(with_path(library.command(["review"]), &folder));
    eventually("the browser is opened", || opened.exists());
    let once = fs::read_to_string(&opened).unwrap();
    assert_ne!(once, server.url, "others may read a command line, so it is not the lasting token");
    let path = once.strip_prefix(&format!("http://{}", server.host())).unwrap();
    assert!(path.starts_with("/?token="), "{once}");

    let browser = Browser::start(900, 700, &[]);
    browser.open(&once);
    browser.wait(N_CARDS, 1);
    assert_eq!(browser.url(), format!("http://{}/", server.host()), "it leaves the address");
    browser.reload();
    browser.wait(N_CARDS, 1);
    // Whoever has read the address comes too late; the printed one still works.
    let host = server.host();
    let again = server.request(&format!("GET {path}"), &[("Host", &host)], "");
    assert_eq!((again.status, again.head.contains("set-cookie")), (403, false), "{}", again.head);
    let unknown_path = Browser::start(900, 700, &[]);
    unknown_path.open(&once);
    unknown_path.wait_for(BODY, "with its token");
    accessible(&unknown_path, "an error");
    unknown_path.open(&server.url);
    unknown_path.wait(N_CARDS, 1);
}

#[test]
fn a_password_is_asked_for_in_the_browser() {
    let library = library(&[("a.jpg", 90), ("b.jpg", 180)]);
    let file = library.home().join("password");
    fs::write(&file, "correct horse & battery=100%\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let server = Server::start(&library, &["--password-file", file.to_str().unwrap()]);
    assert!(!server.url.contains("token"), "{}", server.url);
    let browser = Browser::start(900, 700, &[]);
    let page = format!("http://{}/", server.host());
    browser.open(&page);
    let labels = "[...document.querySelectorAll('label')].map((l) => l.innerText.trim()).join()";
    assert_eq!(browser.eval(labels), "Password");
    // The field has the focus already.
    browser.keys(&format!("wrong password{}", key::ENTER));
    browser.wait_for(BODY, "That is not the password.");
    accessible(&browser, "the form with an error");
    assert_eq!(browser.eval("document.querySelectorAll('input[type=password]').length"), 1);
    browser.fill("input[type=password]", "correct horse & battery=100%");
    browser.click("button");
    browser.wait(N_CARDS, 2);
    assert_eq!(browser.url(), page);
    assert_eq!(browser.eval("document.cookie"), "", "scripts cannot read the cookie");
    // And it is a visit like any other.
    browser.keys(key::ENTER);
    browser.wait(N_CARDS, 1);
    browser.reload();
    browser.wait(N_CARDS, 1);
}

#[test]
fn a_skipped_file_is_opened_where_it_is() {
    let library = library(&[("a.jpg", 90)]);
    library.add("cut.jpg", b"\xff\xd8\xff\xe0");
    library.scan(&[]);
    let opened = library.home().join("opened");
    let open = format!("printf '%s\\n' \"$1\" >> {opened:?}");
    let folder = program(&library, "xdg-open", &open);
    let server = Server::spawn(with_path(library.command(["review", "--no-open"]), &folder));
    let browser = Browser::start(900, 700, &[]);
    browser.open(&format!("{}#skipped", server.url));
    browser.wait("document.querySelectorAll('.row button').length", 3);
    let said = || fs::read_to_string(&opened).unwrap_or_default();
    browser.click(".row button");
    eventually("the photo is opened", || said().ends_with("/cut.jpg\n"));
    browser.click(".row button + button");
    eventually("the folder is opened", || {
        said().ends_with(&format!("{}\n", library.root().display()))
    });
    drop(server);
    // Whoever comes from elsewhere starts no program here.
    let server = Server::start(&library, &["--host", "photos.example"]);
    let id = server.items("skipped")[0]["id"].clone();
    let body = serde_json::json!({"id": id, "what": "photo"}).to_string();
    assert_eq!(server.post("/api/open", &body).status, 403);
    let page = String::from_utf8_lossy(&server.get("/").body).into_owned();
    assert!(page.contains("data-here=\"false\""));
}

/// Stands for the trainer, which takes hours: it says how far it is, and how it was called.
const TRAINER: &str = r#"
printf '%s\n' "$@" >> "$HOME/trained-with"
echo 'photos: 120' >&2
printf 'epoch 1 of 2: 40 %%\r' >&2
while [ ! -e "$HOME/go-on" ]; do sleep 0.05; done
rm "$HOME/go-on"
if [ -e "$HOME/fail" ]; then echo 'no photo is upright' >&2; exit 1; fi
echo 'the new model is used from now on'"#;

#[test]
fn retraining_is_offered_started_and_followed() {
    let library = library(&[("a.jpg", 90)]);
    let db = rusqlite::Connection::open(db_path(&library)).unwrap();
    let answer = |n: i64| {
        let sql = "INSERT INTO labels(path, hash, stored, turn, source, at, who)
                   VALUES (x'00', ?1, 1, 90, 'review', 1, 'ada')";
        db.execute(sql, [&blake3::hash(&n.to_le_bytes()).as_bytes()[..]]).unwrap();
    };
    // Beside the program a trainer may have been built; this one has only the test's.
    let folder = program(&library, "orientd-train", TRAINER);
    let orientd = folder.join("orientd");
    fs::copy(env!("CARGO_BIN_EXE_orientd"), &orientd).unwrap();
    let mut command = Command::new(&orientd);
    command.args(["review", "--no-open"]);
    library.set_home(&mut command);
    let server = Server::spawn(command);
    let browser = Browser::start(900, 700, &[]);
    browser.open(&server.url);
    browser.wait(N_CARDS, 1);
    (0..19).for_each(answer);
    browser.reload();
    browser.wait("document.querySelector('[data-tab=answered] .count').textContent", "0");
    assert_eq!(browser.eval("document.getElementById('training').hidden"), true, "19 are too few");
    answer(19);
    browser.reload();
    let offer = "document.getElementById('training').innerText.trim()";
    browser.wait(offer, "You have 20 answers: retrain? Retrain");

    browser.click("#training button");
    browser.wait(offer, "Training: epoch 1 of 2: 40 %");
    // It goes on while the page is left and comes back, and is not started twice.
    browser.reload();
    browser.wait(offer, "Training: epoch 1 of 2: 40 %");
    assert_eq!(server.post("/api/training", "{}").status, 409);
    let called = fs::read_to_string(library.home().join("trained-with")).unwrap();
    let called: Vec<&str> = called.lines().collect();
    assert_eq!(called[..3], ["retrain", "--library", db_path(&library).to_str().unwrap()]);
    assert!(called.contains(&"--present"), "{called:?}");
    fs::write(library.home().join("go-on"), "").unwrap();
    let well = "You have 20 answers: retrain? The last training went well. the new model is used from now on Retrain";
    browser.wait(offer, well);

    fs::write(library.home().join("fail"), "").unwrap();
    browser.click("#training button");
    browser.wait(offer, "Training: epoch 1 of 2: 40 %");
    fs::write(library.home().join("go-on"), "").unwrap();
    let badly =
        "You have 20 answers: retrain? The last training failed. no photo is upright Retrain";
    browser.wait(offer, badly);
}
