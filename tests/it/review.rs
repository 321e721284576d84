//! The review page's interface: answers and their effects, and what attackers get.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::harness::{Library, needs, not_utf8, with_segment};
use crate::review_server::{Reply, Server, library};

fn answer_body(items: &[(&Value, u16)]) -> String {
    let items: Vec<Value> = items
        .iter()
        .map(|(item, turn)| json!({"id": item["id"], "seen": item["seen"], "turn": turn}))
        .collect();
    json!({ "items": items }).to_string()
}

fn named<'a>(items: &'a [Value], name: &str) -> &'a Value {
    items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn answers_turn_label_and_can_be_taken_back() {
    let library = library(&[("a.jpg", 90), ("b.jpg", 180), ("c.jpg", 270), ("up.jpg", 0)]);
    // Else the answers, of which two contradict the model, would move the threshold.
    crate::running::configure(&library, "auto_confidence = 0.9\n");
    let before = library.hashes();
    let server = Server::start(&library, &[]);
    assert_eq!(server.names("review"), ["a.jpg", "b.jpg", "c.jpg"]);
    assert_eq!(server.names("left"), ["up.jpg"]);
    let items = server.items("review");
    let a = named(&items, "a.jpg");
    let b = named(&items, "b.jpg");
    let c = named(&items, "c.jpg");

    // Accept one, another direction for the second, the third is fine.
    let body = answer_body(&[(a, 90), (b, 90), (c, 0)]);
    let results = server.post("/api/answer", &body).json();
    assert!(
        results["results"].as_array().unwrap().iter().all(|one| one["ok"] == true),
        "{results}"
    );
    assert_eq!(server.names("review"), Vec::<String>::new());
    assert_eq!(server.names("fixed"), ["a.jpg", "b.jpg"]);
    assert_eq!(server.names("answered"), ["a.jpg", "b.jpg", "c.jpg"]);
    assert_eq!(server.get("/api/counts").json()["answers"], 3);
    let now = library.hashes();
    let changed: Vec<_> = before.keys().filter(|path| before[*path] != now[*path]).collect();
    assert_eq!(changed, [&library.path("a.jpg"), &library.path("b.jpg")]);
    assert_eq!(labels(&library), [("a.jpg", 90, true), ("b.jpg", 90, true), ("c.jpg", 0, true)]);

    // What a person has rejected does not come back with another scan, nor is it turned by itself.
    let scanned = library.scan(&["--fix", "--rescan"]);
    assert_eq!(scanned.reason("c.jpg"), "said_upright");
    assert!(!server.names("review").contains(&"c.jpg".to_owned()));

    // All at once, then one by one after a restart.
    server.post("/api/undo", &json!({"ids": [c["id"]]}).to_string());
    assert!(server.names("review").contains(&"c.jpg".to_owned()));
    drop(server);
    let server = Server::start(&library, &[]);
    let undone = server.post("/api/undo", &json!({"ids": [a["id"], b["id"]]}).to_string()).json();
    assert_eq!(undone["results"][0]["ok"], true, "{undone}");
    library.run(["undo".as_ref(), library.path("b.jpg").as_os_str()]);
    assert_eq!(library.hashes()[&library.path("a.jpg")], before[&library.path("a.jpg")]);
    let nothing = server.post("/api/undo", &json!({"ids": [c["id"]]}).to_string()).json();
    assert_eq!(nothing["results"][0]["reason"], "nothing_to_undo");
}

/// A sidecar changes what is shown and not the content: the picture follows, and so does the label.
#[test]
fn the_page_shows_photos_as_the_sidecar_says() {
    let library = library(&[("a.jpg", 90)]);
    crate::running::configure(&library, "mode = \"sidecar\"\nauto_confidence = 0.9\n");
    let server = Server::start(&library, &[]);
    let items = server.items("review");
    let a = named(&items, "a.jpg");
    let picture = format!("/thumb/{}", a["id"]);
    let before = server.get(&picture).body;
    let said = server.post("/api/answer", &answer_body(&[(a, 90)])).json();
    assert_eq!(said["results"][0]["ok"], true, "{said}");
    assert!(library.path("a.jpg.xmp").exists());
    assert_ne!(server.get(&picture).body, before, "it is shown turned now");
    // That the turned photo is fine is said of it as it is shown now.
    let said = server.post("/api/answer", &answer_body(&[(a, 0)])).json();
    assert_eq!(said["results"][0]["ok"], true, "{said}");
    let db = rusqlite::Connection::open(db_path(&library)).unwrap();
    let sql =
        "SELECT group_concat(stored || ':' || turn, ' ') FROM (SELECT * FROM labels ORDER BY id)";
    let labels: String = db.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(labels, "1:90 6:0");

    // A browser that kept the picture is told whether it still is what is shown.
    let tag = |reply: &Reply| {
        let line = |line: &str| line.strip_prefix("etag: ").map(str::to_owned);
        reply.head.lines().find_map(line).expect("a picture has a name")
    };
    let kept = tag(&server.get(&picture));
    let host = server.host();
    let again = |kept: &str| {
        let headers = [("Host", &host[..]), ("Cookie", &server.cookie), ("If-None-Match", kept)];
        server.request(&format!("GET {picture}"), &headers, "")
    };
    assert_eq!(again(&kept).status, 304);
    // Both answers are taken back, and the photo waits again, shown as it was.
    for _ in 0..2 {
        let undone = server.post("/api/undo", &json!({"ids": [a["id"]]}).to_string()).json();
        assert_eq!(undone["results"][0]["ok"], true, "{undone}");
    }
    assert_eq!(server.names("review"), ["a.jpg"]);
    let left: i64 = db.query_row("SELECT count(*) FROM labels", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
    assert!(!library.path("a.jpg.xmp").exists());
    let shown = again(&kept);
    assert_eq!((shown.status, shown.body == before), (200, true), "no cache shows it turned");
}

/// Answers given together are taken back together, a part at a time if they are many.
#[test]
fn a_group_of_answers_is_one_thing_that_was_done() {
    let library = library(&[("a.jpg", 90), ("b.jpg", 180), ("c.jpg", 270), ("d.jpg", 90)]);
    let before = library.hashes();
    let server = Server::start(&library, &[]);
    let items = server.items("review");
    let body = |names: &[&str], turn: u16, group: Option<&Value>| {
        let items: Vec<_> = names.iter().map(|name| (named(&items, name), turn)).collect();
        let mut body: Value = serde_json::from_str(&answer_body(&items)).unwrap();
        body["group"] = group.cloned().unwrap_or(Value::Null);
        body.to_string()
    };
    let first = server.post("/api/answer", &body(&["a.jpg"], 90, None)).json()["group"].clone();
    server.post("/api/answer", &body(&["b.jpg"], 180, Some(&first)));
    server.post("/api/answer", &body(&["c.jpg"], 0, None));
    server.post("/api/answer", &body(&["d.jpg"], 0, Some(&json!(99))));
    let done = || -> Vec<(u64, u64)> {
        let session = server.get("/api/session").json();
        let n = |group: &Value, key: &str| group[key].as_u64().unwrap();
        let groups = session["groups"].as_array().unwrap().iter();
        groups.map(|group| (n(group, "turned"), n(group, "fine"))).collect()
    };
    assert_eq!(done(), [(0, 1), (2, 0)]);
    server.post("/api/undo", &json!({ "group": first }).to_string());
    assert_eq!(done(), [(0, 1)]);
    assert_eq!(library.hashes(), before);
    let undone = server.post("/api/undo", "{}").json();
    assert_eq!((&undone["left"], undone["results"].as_array().unwrap().len()), (&json!(0), 1));
    assert_eq!(done(), []);
    assert_eq!(server.names("review"), ["a.jpg", "b.jpg", "c.jpg"]);
}

#[test]
fn words_in_any_spelling_find_photos() {
    let library = Library::new();
    for name in ["Große Straße/2019/Müller.jpg", "Alesund/2019/a.jpg", "Alesund/2020/b.jpg"] {
        library.add(name, &with_segment(&needs(90), 0xFE, name.as_bytes()));
    }
    library.scan(&[]);
    let server = Server::start(&library, &[]);
    for (typed, expected) in [
        ("grosse%20strasse", &["Müller.jpg"][..]),
        ("MULLER%20stra%C3%9Fe", &["Müller.jpg"]),
        ("mu%CC%88ller", &["Müller.jpg"]),
        ("%C3%85lesund", &["a.jpg", "b.jpg"]),
        ("2020%20%C3%A5LESUND", &["b.jpg"]),
        ("2019%20b.jpg", &[]),
        ("2019", &["Müller.jpg", "a.jpg"]),
    ] {
        let page = server.get(&format!("/api/page?tab=review&folder={typed}")).json();
        let mut names: Vec<&str> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{typed}");
        let counts = server.get(&format!("/api/counts?folder={typed}")).json();
        assert_eq!(counts["review"], expected.len(), "{typed}");
    }
}

/// Names, turns, and whether it is known who said so.
fn labels(library: &Library) -> Vec<(&'static str, u16, bool)> {
    let db = rusqlite::Connection::open(db_path(library)).unwrap();
    let sql = "SELECT path, turn, who IS NOT NULL AND at > 0 FROM labels
               WHERE source = 'review' ORDER BY path";
    let mut rows = db.prepare(sql).unwrap();
    let rows = rows.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?, row.get(2)?)));
    let name = |path: Vec<u8>| {
        ["a.jpg", "b.jpg", "c.jpg"]
            .into_iter()
            .find(|name| path.ends_with(name.as_bytes()))
            .unwrap()
    };
    rows.unwrap().map(|row| row.map(|(path, turn, who)| (name(path), turn, who)).unwrap()).collect()
}

pub fn db_path(library: &Library) -> std::path::PathBuf {
    library.home().join(".local/share/orientd/orientd.db")
}

#[test]
fn a_photo_that_changed_is_refused_in_words() {
    let library = library(&[("a.jpg", 90), ("b.jpg", 180)]);
    let server = Server::start(&library, &[]);
    let items = server.items("review");
    let a = named(&items, "a.jpg");
    let b = named(&items, "b.jpg");
    let edited = with_segment(&needs(90), 0xFE, b"edited elsewhere");
    library.add("a.jpg", &edited);
    fs::remove_file(library.path("b.jpg")).unwrap();
    for turn in [90, 0] {
        let results = server.post("/api/answer", &answer_body(&[(a, turn), (b, turn)])).json();
        assert_eq!(results["results"][0]["reason"], "changed");
        assert_eq!(results["results"][1]["reason"], "vanished");
    }
    // Nor is one turned whose picture was another than the one in the database.
    let mut other = a.clone();
    other["seen"] = Value::from("00".repeat(32));
    let results = server.post("/api/answer", &answer_body(&[(&other, 90)])).json();
    assert_eq!(results["results"][0]["reason"], "changed");
    assert_eq!(fs::read(library.path("a.jpg")).unwrap(), edited);
    assert_eq!(labels(&library), []);
    // Its picture says so too, unless it was made before.
    let thumb = server.get(&format!("/thumb/{}", a["id"]));
    assert_eq!(thumb.status, 409, "{}", thumb.head);
}

#[test]
fn thumbnails_are_shown_as_stored_and_made_once() {
    let library = library(&[("a.jpg", 90)]);
    let server = Server::start(&library, &[]);
    let url = format!("/thumb/{}", server.items("review")[0]["id"]);
    let first = server.get(&url);
    assert_eq!(first.status, 200, "{}", first.head);
    let picture = turbojpeg::decompress(&first.body, turbojpeg::PixelFormat::RGB).unwrap();
    let photo = fs::read(library.path("a.jpg")).unwrap();
    let photo = turbojpeg::read_header(&photo).unwrap();
    assert_eq!(picture.width.max(picture.height), 320);
    assert_eq!(picture.width > picture.height, photo.width > photo.height);
    fs::remove_file(library.path("a.jpg")).unwrap();
    assert_eq!(server.get(&url).body, first.body, "from the cache");
    assert_eq!(server.get("/thumb/999").status, 404);
}
/// Name, request line, headers, the status that answers.
type Attack<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, u16);

#[test]
fn strangers_get_nothing() {
    let library = library(&[("a.jpg", 90)]);
    let before = library.hashes();
    let server = Server::start(&library, &[]);
    let host = server.host();
    let cookie = server.cookie.clone();
    let own = format!("http://{host}");
    let body = answer_body(&[(&server.items("review")[0], 90)]);
    let stale = format!("orientd_{}={}", server.port, "0".repeat(64));
    let json = ("Content-Type", "application/json");
    #[rustfmt::skip]
    let attacks: Vec<Attack<'_>> = vec![
        ("wrong host",     "POST /api/answer", vec![("Host", "evil.example"), ("Origin", "http://evil.example"), ("Cookie", &cookie), json], 403),
        ("no host",        "POST /api/answer", vec![("Origin", &own), ("Cookie", &cookie), json], 403),
        ("foreign origin", "POST /api/answer", vec![("Host", &host), ("Origin", "http://evil.example"), ("Cookie", &cookie), json], 403),
        ("null origin",    "POST /api/answer", vec![("Host", &host), ("Origin", "null"), ("Cookie", &cookie), json], 403),
        ("no origin",      "POST /api/answer", vec![("Host", &host), ("Cookie", &cookie), json], 403),
        ("another site",   "POST /api/answer", vec![("Host", &host), ("Origin", &own), ("Sec-Fetch-Site", "cross-site"), ("Cookie", &cookie), json], 403),
        ("no token",       "POST /api/answer", vec![("Host", &host), ("Origin", &own), json], 403),
        ("stale token",    "POST /api/answer", vec![("Host", &host), ("Origin", &own), ("Cookie", &stale), json], 403),
        ("a form",         "POST /api/answer", vec![("Host", &host), ("Origin", &own), ("Cookie", &cookie), ("Content-Type", "text/plain")], 415),
        ("another verb",   "PUT /api/answer",  vec![("Host", &host), ("Origin", &own), ("Cookie", &cookie), json], 405),
        ("a read",         "GET /api/answer",  vec![("Host", &host), ("Cookie", &cookie), json], 405),
        ("page, no token", "GET /",            vec![("Host", &host)], 403),
        ("list, no token", "GET /api/page",    vec![("Host", &host)], 403),
        ("thumb, no token","GET /thumb/1",     vec![("Host", &host)], 403),
        ("thumb on a site","GET /thumb/1",     vec![("Host", &host), ("Cookie", &cookie), ("Sec-Fetch-Site", "cross-site")], 403),
        ("wrong token",    "GET /?token=00",   vec![("Host", &host)], 403),
        ("rebound token",  "GET /?token=00",   vec![("Host", "rebind.example"), ("Cookie", &cookie)], 403),
    ];
    for (name, line, headers, status) in attacks {
        let reply =
            server.request(line, &headers, if line.starts_with("GET") { "" } else { &body });
        assert_eq!(reply.status, status, "{name}: {}", reply.head);
        assert!(!reply.head.to_lowercase().contains("set-cookie"), "{name}");
        let head = reply.head.to_lowercase();
        for header in [
            "x-frame-options: deny",
            "frame-ancestors 'none'",
            "nosniff",
            "referrer-policy: same-origin",
        ] {
            assert!(head.contains(header), "{name}: {header} is missing\n{head}");
        }
    }
    for path in [
        "/../../etc/passwd",
        "/thumb/../../etc/passwd",
        "/thumb/%2e%2e%2fetc%2fpasswd",
        "/thumb/1%00",
        "/thumb/-1",
        "/thumb//etc/passwd",
        "/app.js/../../Cargo.toml",
        "/thumb/99999999999999999999",
        "/api/page?tab=../x",
        "/api/page?after=zz",
    ] {
        let reply = server.get(path);
        assert!((400..500).contains(&reply.status), "{path}: {}", reply.head);
        assert!(!String::from_utf8_lossy(&reply.body).contains("root:"), "{path}");
    }
    assert_eq!(library.hashes(), before);
    assert_eq!(server.names("answered"), Vec::<String>::new());
    // The same request by the page itself works, so it was the guard that held.
    assert_eq!(server.post("/api/answer", &body).json()["results"][0]["ok"], true);
}

#[test]
fn too_much_and_too_slow_is_refused_and_stops_nobody() {
    let library = library(&[("a.jpg", 90)]);
    let before = library.hashes();
    let server = Server::start(&library, &[]);
    let huge = format!("{{\"items\":[{}]}}", " ".repeat(1 << 20));
    let reply = server.post("/api/answer", &huge);
    assert!([413, 0].contains(&reply.status), "{}", reply.head);
    let host = server.host();
    let long = "x".repeat(100 << 10);
    let reply = server.request("GET /", &[("Host", &host), ("X-Long", &long)], "");
    assert!([431, 400, 0].contains(&reply.status), "{}", reply.head);
    for body in [
        "",
        "{",
        "[]",
        "{\"items\":[{\"id\":1,\"turn\":45}]}",
        "{\"items\":[{\"id\":\"x\",\"turn\":90}]}",
    ] {
        assert_eq!(server.post("/api/answer", body).status, 400, "{body}");
    }
    // Smuggling: two lengths, and a length with chunks.
    let origin = format!("http://{host}");
    for framing in [
        "Content-Length: 2\r\nContent-Length: 90",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    ] {
        let text = format!(
            "POST /api/undo HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nCookie: {}\r\nConnection: close\r\n{framing}\r\n\r\n{{}}",
            server.cookie
        );
        assert_eq!(server.raw(text.as_bytes()).status, 400, "{framing}");
    }
    let mut slow = Vec::new();
    for n in 0..200 {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        let head = format!("POST /api/answer HTTP/1.1\r\nHost: {host}\r\n");
        let body = format!(
            "Origin: {origin}\r\nCookie: {}\r\nContent-Type: application/json\r\nContent-Length: 50000\r\n\r\n{{",
            server.cookie
        );
        stream.write_all(head.as_bytes()).unwrap();
        if n % 2 == 0 {
            stream.write_all(body.as_bytes()).unwrap();
        }
        slow.push(stream);
    }
    assert_eq!(server.names("review"), ["a.jpg"], "it answers while 200 hang");
    assert_eq!(library.hashes(), before);
    drop(slow);
}

#[test]
fn hostile_names_are_only_text() {
    let library = Library::new();
    let names = [
        "<script>alert(1)<script>.jpg",
        "\"><img src=x onerror=alert(1)>.jpg",
        "a\nb\u{202e}.jpg",
        "'; DROP TABLE photos;--.jpg",
    ];
    for name in names {
        library.add(name, &with_segment(&needs(90), 0xFE, name.as_bytes()));
    }
    library.add(not_utf8(), &with_segment(&needs(90), 0xFE, b"not UTF-8"));
    library.scan(&[]);
    let server = Server::start(&library, &[]);
    let items = server.items("review");
    assert_eq!(items.len(), 5);
    for item in &items {
        assert!(!item["name"].as_str().unwrap().contains('\n'));
        let reply = server.post("/api/answer", &answer_body(&[(item, 90)])).json();
        assert_eq!(reply["results"][0]["ok"], true, "{reply}");
    }
    let n_fixed = fs::read_dir(library.root()).unwrap().filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        let name = path.as_os_str().as_bytes();
        assert!(!name.is_empty());
        fs::read(path).unwrap().windows(4).any(|four| four == b"Exif")
    });
    assert_eq!(n_fixed.count(), 5);
    let page = server.get("/");
    assert!(page.head.contains("text/html"));
    let text = String::from_utf8_lossy(&page.body).into_owned();
    assert!(
        !text.contains("<script>") && !text.contains(" style="),
        "the policy forbids inline code"
    );
    for answer in [server.get("/api/page?tab=fixed"), server.get("/thumb/0")] {
        assert!(!answer.head.contains("text/html"), "{}", answer.head);
    }
}

#[test]
fn beyond_this_machine_only_with_a_password() {
    let library = library(&[("a.jpg", 90)]);
    let refused = library.fails(1, ["review", "--no-open", "--listen", "0.0.0.0"]);
    assert!(refused.contains("a password is needed"), "{refused}");
    let file = library.home().join("password");
    fs::write(&file, "short\n").unwrap();
    let path = file.to_str().unwrap();
    let permit = |mode: u32| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o644, 0o640, 0o604] {
        permit(mode);
        let args = ["review", "--no-open", "--password-file", path];
        let refused = library.fails(1, args);
        assert!(refused.contains("others can read the password"), "{mode:o}: {refused}");
    }
    permit(0o600);
    let flags = ["--listen", "0.0.0.0", "--password-file", path];
    let mut args = vec!["review", "--no-open"];
    args.extend(flags);
    assert!(library.fails(1, args).contains("shorter than 12"));
    fs::write(&file, "correct horse battery\n").unwrap();
    let named = ["--host", "photos.example"];
    let server = Server::start(&library, &[&flags[..], &named].concat());
    assert_eq!(server.url, format!("http://photos.example:{}/", server.port));
    let host = server.host();
    let own = format!("http://{}", server.host());
    let asks = server.request("GET /", &[("Host", &host)], "");
    assert!(String::from_utf8_lossy(&asks.body).contains("type=\"password\""));
    assert_eq!(server.request("GET /api/page", &[("Host", &host)], "").status, 403);
    let headers = [
        ("Host", &host[..]),
        ("Origin", &own),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let wrong = server.request("POST /login", &headers, "password=wrong");
    assert_eq!((wrong.status, wrong.head.contains("set-cookie")), (403, false));
    let form = String::from_utf8_lossy(&wrong.body).into_owned();
    assert!(form.contains("type=\"password\"") && form.contains("That is not the password"));
    let right = server.request("POST /login", &headers, "password=correct+horse+battery");
    assert_eq!(right.status, 303, "{}", right.head);
    let cookie = right.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let known = server.request("GET /api/page", &[("Host", &host), ("Cookie", cookie)], "");
    assert_eq!(known.status, 200);
    let by_name = format!("photos.example:{}", server.port);
    for (host, status) in [
        (&by_name[..], 200),
        ("photos.example", 200),
        ("evil.example", 403),
        ("photos.example:80", 403),
    ] {
        let headers = [("Host", host), ("Cookie", cookie)];
        assert_eq!(server.request("GET /api/page", &headers, "").status, status, "{host}");
    }
    // Without a name, what is printed can be typed into another device.
    let server = Server::start(&library, &flags);
    assert!(!server.url.contains("0.0.0.0"), "{}", server.url);
    let printed = server.url.strip_prefix("http://").unwrap().trim_end_matches('/');
    assert_eq!(server.request("GET /", &[("Host", printed)], "").status, 200);
    let refused = library.fails(2, ["review", "--host", "http://photos.example/"]);
    assert!(refused.contains("a name like photos.lan"), "{refused}");
}

#[test]
fn searches_by_date_use_the_capture_date() {
    const DAY: i64 = 86_400;
    /// 2003-07-04 at midnight.
    const FOURTH: i64 = 1_057_276_800;
    let library = Library::new();
    let file_of_that_day = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_057_320_000);
    for (name, taken, has_file_of_that_day) in [
        ("taken.jpg", Some("2003:07:04 23:30:00"), false),
        ("scanned.jpg", None, true),
        // A file that was copied that day says when it was taken.
        ("copied.jpg", Some("1999:12:31 10:00:00"), true),
        ("blank.jpg", Some("0000:00:00 00:00:00"), true),
        ("today.jpg", None, false),
    ] {
        let path = library.add(name, &with_segment(&needs(90), 0xFE, name.as_bytes()));
        if let Some(taken) = taken {
            // exiftool writes real dates only; cameras without a clock write zeros.
            let tag = "-DateTimeOriginal=2222:02:02 02:02:02";
            let status = std::process::Command::new("exiftool")
                .args(["-q", "-overwrite_original", tag])
                .arg(&path)
                .status();
            assert!(status.expect("exiftool is installed by `make test`").success(), "{name}");
            let mut bytes = fs::read(&path).unwrap();
            let at = bytes.windows(19).position(|part| part == b"2222:02:02 02:02:02").unwrap();
            bytes[at..at + 19].copy_from_slice(taken.as_bytes());
            fs::write(&path, bytes).unwrap();
        }
        if has_file_of_that_day {
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(file_of_that_day).unwrap();
        }
    }
    library.scan(&[]);
    let server = Server::start(&library, &[]);
    let names = |from: i64, to: i64| {
        let dates = format!("from={from}&to={to}&taken_from={from}&taken_to={to}");
        let page = server.get(&format!("/api/page?tab=review&{dates}")).json();
        let items = page["items"].as_array().unwrap();
        let mut names: Vec<_> =
            items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        let counts = server.get(&format!("/api/counts?{dates}")).json();
        assert_eq!(counts["review"], names.len(), "{counts}");
        names
    };
    assert_eq!(names(FOURTH, FOURTH + DAY), ["blank.jpg", "scanned.jpg", "taken.jpg"]);
    assert_eq!(names(FOURTH + DAY, FOURTH + 2 * DAY), Vec::<String>::new());
    assert_eq!(names(FOURTH - 2000 * DAY, FOURTH), ["copied.jpg"]);
    // Somebody east of here: their midnight is earlier by the clock of the file system only.
    let east = 12 * 3600;
    let dates = format!(
        "from={}&to={}&taken_from={FOURTH}&taken_to={}",
        FOURTH - east,
        FOURTH + DAY - east,
        FOURTH + DAY
    );
    let page = server.get(&format!("/api/page?tab=review&{dates}")).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    assert_eq!(page["items"][0]["name"], "taken.jpg");
}

#[test]
fn ones_own_folder_is_a_tilde() {
    let library = Library::new();
    let folder = library.home().join("Pictures/2019");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a.jpg"), needs(90)).unwrap();
    library.add("b.jpg", &needs(180));
    library.ok(["scan".as_ref(), folder.as_os_str(), library.root().as_os_str()]);
    let server = Server::start(&library, &[]);
    let items = server.items("review");
    assert_eq!(named(&items, "a.jpg")["folder"], "~/Pictures/2019");
    assert_eq!(named(&items, "b.jpg")["folder"], library.root().to_str().unwrap());
    for typed in ["~/Pictures", "~/Pictures/2019/", "pictures/2019"] {
        let page = server.get(&format!("/api/page?tab=review&folder={typed}")).json();
        let names: Vec<&Value> =
            page["items"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
        assert_eq!(names, ["a.jpg"], "{typed}");
    }
}
