//! `orientd review --tty` in a real pseudo-terminal, and the terminal afterwards.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine as _;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::harness::{Library, needs, with_segment};
use crate::review_server::library;

/// What a terminal answers to the questions about its pictures.
const KITTY: &[u8] = b"\x1b_Gi=31;OK\x1b\\\x1b[?62;c";
const ITERM: &[u8] = b"\x1bP>|iTerm2 3.5.0\x1b\\\x1b[?64;22c";
const SIXEL: &[u8] = b"\x1b[?64;1;4;22c";
const PLAIN: &[u8] = b"\x1b[?6c";

struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// Everything shown so far.
    shown: Vec<u8>,
    /// How far the test has looked.
    seen: usize,
    before: String,
    /// Kept open, so that its settings can be read when the program has ended.
    line: OwnedFd,
}

impl Terminal {
    fn start(library: &Library, answers: &'static [u8], flags: &[&str]) -> Self {
        let mut args = vec!["review", "--tty"];
        args.extend(flags);
        Self::spawn(library.command(args), answers)
    }

    fn spawn(mut command: Command, answers: &'static [u8]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let line = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 1000, ws_ypixel: 600 };
        tcsetwinsize(&line, size).unwrap();
        let before = settings(&tcgetattr(&line).unwrap());
        for name in ["TMUX", "STY", "TERM_PROGRAM", "LC_TERMINAL"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor");
        let copy = || Stdio::from(line.try_clone().unwrap());
        command.stdin(copy()).stdout(copy()).stderr(copy());
        // SAFETY: two system calls between fork and exec.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                if libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        let mut output = File::from(master);
        let keyboard = output.try_clone().unwrap();
        let (sender, screen) = channel();
        let mut replies = keyboard.try_clone().unwrap();
        // Ends with the last holder of the line.
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                if buffer[..n].windows(3).any(|part| part == b"\x1b[c") {
                    replies.write_all(answers).unwrap();
                }
                if sender.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        let shown = Vec::new();
        let seen = 0;
        let line = line.into();
        Self { child, keyboard, screen, shown, seen, before, line }
    }

    /// Waits until `text` has been shown since the last time; returns all that was shown until then.
    fn expect(&mut self, text: &str) -> Vec<u8> {
        let mut from = self.seen;
        loop {
            let news = &self.shown[from..];
            if let Some(at) = news.windows(text.len()).position(|part| part == text.as_bytes()) {
                let end = from + at + text.len();
                let until = self.shown[self.seen..end].to_vec();
                self.seen = end;
                return until;
            }
            from = self.seen.max((self.shown.len() + 1).saturating_sub(text.len()));
            match self.screen.recv_timeout(Duration::from_secs(60)) {
                Ok(bytes) => self.shown.extend(bytes),
                Err(_) => panic!("never shown: {text:?} in {}", self.text()),
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown).escape_debug().to_string()
    }

    /// The keys are the last thing drawn, and by then it listens.
    fn ready(&mut self) -> Vec<u8> {
        self.expect("q quit")
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end; the terminal must be as it was.
    fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        assert_eq!(settings(&tcgetattr(&self.line).unwrap()), self.before, "{}", self.text());
        while let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(200)) {
            self.shown.extend(bytes);
        }
        let text = String::from_utf8_lossy(&self.shown).into_owned();
        let last = |sequence: &str| text.rfind(sequence).unwrap_or(0);
        assert!(last("\x1b[?1049l") > last("\x1b[?1049h"), "the screen comes back: {text:?}");
        assert!(last("\x1b[?25h") > last("\x1b[?25l"), "and the cursor");
        assert!(last("\x1b[?7h") > last("\x1b[?7l"), "and long lines");
        (status, text)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(termios: &Termios) -> String {
    format!("{termios:?}")
}

#[test]
fn a_person_answers_in_a_terminal_and_takes_it_back() {
    let photos = [("a.jpg", 90), ("b.jpg", 180), ("c.jpg", 270), ("d.jpg", 90), ("up.jpg", 0)];
    let library = library(&photos);
    let before = library.hashes();
    let mut terminal = Terminal::start(&library, PLAIN, &[]);
    // Which one comes first is the model's affair.
    let shown = |terminal: &mut Terminal| {
        let text = String::from_utf8_lossy(&terminal.ready()).into_owned();
        let at = text.find(".jpg").unwrap_or_else(|| panic!("no name: {text:?}"));
        (text[at - 1..at + 4].to_owned(), text)
    };
    let changed = |name: &str| {
        let path = library.path(name);
        library.hashes()[&path] != before[&path]
    };

    let (first, text) = shown(&mut terminal);
    assert!(text.contains("1 of 4") && text.contains('▀'), "{text:?}");
    terminal.press("y");
    let (_, text) = shown(&mut terminal);
    assert!(text.contains(&format!("{first} turned")), "{text:?}");
    assert!(changed(&first));
    // Taken back, it is asked about again.
    terminal.press("u");
    let (again, _) = shown(&mut terminal);
    assert_eq!(again, first);
    assert!(!changed(&first));
    terminal.press("\x1b[A\x1b[Bx9");
    terminal.press("n");
    let (second, text) = shown(&mut terminal);
    assert!(text.contains(&format!("{first} is fine as it is")), "{text:?}");
    assert!(!changed(&first) && second != first);
    // Its top is at the left: a quarter turn clockwise.
    terminal.press("4");
    let (third, text) = shown(&mut terminal);
    assert!(text.contains(&format!("{second} turned 90°")), "{text:?}");
    assert!(changed(&second));
    // Later means later, not never.
    terminal.press("s");
    let (fourth, _) = shown(&mut terminal);
    terminal.press("y");
    let text = String::from_utf8_lossy(&terminal.ready()).into_owned();
    assert!(text.contains("Nothing more waits"), "{text:?}");
    terminal.press("q");
    let (status, text) = terminal.end();
    assert!(status.success(), "{text:?}");
    assert!(
        text.contains("2 photos turned, 1 fine as it is; `orientd undo --run 2` takes that back"),
        "{text:?}"
    );
    assert!(changed(&fourth) && !changed(&third));
    assert_eq!(labels(&library), [(fourth.clone(), true), (first, false), (second, true)].into());
    let mut terminal = Terminal::start(&library, PLAIN, &[]);
    terminal.expect(&third);
    terminal.ready();
    terminal.press("q");
    terminal.end();
    library.ok(["undo", "--last"]);
    assert_eq!(library.hashes(), before);
}

/// Who was said to be turned, in this life of the database.
fn labels(library: &Library) -> std::collections::BTreeSet<(String, bool)> {
    let db = rusqlite::Connection::open(crate::review::db_path(library)).unwrap();
    let sql = "SELECT path, turn <> 0 FROM labels WHERE source = 'review' AND who IS NOT NULL";
    let mut rows = db.prepare(sql).unwrap();
    let rows = rows.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?)));
    let name = |path: &[u8]| String::from_utf8_lossy(&path[path.len() - 5..]).into_owned();
    rows.unwrap().map(|row| row.map(|(path, turned)| (name(&path), turned)).unwrap()).collect()
}

/// What is drawn is cleared first, and each line is set by its place.
fn lines_drawn(text: &str) -> Vec<String> {
    let last = text.rsplit("\x1b[2J").next().unwrap_or_default();
    let parts = last.split("\x1b[").filter_map(|part| part.split_once('H'));
    parts.map(|(_, line)| line.to_owned()).collect()
}

#[test]
fn sixty_columns_are_enough_and_the_keys_are_explained() {
    let library = Library::new();
    let name = format!("{}.jpg", "a long name ".repeat(12));
    library.add(format!("{}/{name}", "folder ".repeat(15)), &needs(90));
    library.scan(&[]);
    let before = library.hashes();
    let mut terminal = Terminal::start(&library, PLAIN, &["--pictures", "none"]);
    terminal.ready();
    let size = Winsize { ws_row: 24, ws_col: 60, ws_xpixel: 600, ws_ypixel: 480 };
    tcsetwinsize(&terminal.line, size).unwrap();
    let text = String::from_utf8_lossy(&terminal.ready()).into_owned();
    let lines = lines_drawn(&text);
    assert!(lines.len() >= 5, "{text:?}");
    for line in &lines {
        assert!(line.chars().count() <= 60, "{line:?}");
    }
    assert!(text.contains("1-4 top") && text.contains("? help"), "{text:?}");
    terminal.press("?");
    let text = String::from_utf8_lossy(&terminal.ready()).into_owned();
    for part in ["What the keys do", "its top is up, right, down, left now", "space back"] {
        assert!(text.contains(part), "{part}: {text:?}");
    }
    // A key only leads back: no photo is to be seen that it could mean.
    terminal.press("y");
    let text = String::from_utf8_lossy(&terminal.ready()).into_owned();
    assert!(text.contains("1 of 1"), "{text:?}");
    assert_eq!(library.hashes(), before);
    terminal.press("?");
    terminal.ready();
    terminal.press("\x03");
    let (status, text) = terminal.end();
    assert!(status.success() && text.contains("0 photos turned, 0 fine as they are"), "{text:?}");
}

#[test]
fn every_ending_gives_the_terminal_back() {
    let library = library(&[("a.jpg", 90), ("b.jpg", 180)]);
    let before = library.hashes();
    for ending in ["q", "\x03", "INT", "TERM", "HUP", "QUIT"] {
        let mut terminal = Terminal::start(&library, PLAIN, &[]);
        terminal.ready();
        match ending {
            "q" | "\x03" => terminal.press(ending),
            name => terminal.signal(name),
        }
        let (status, text) = terminal.end();
        assert!(status.success(), "{ending:?}: {status} {text:?}");
    }
    assert_eq!(library.hashes(), before);
    let refused = library.fails(1, ["review", "--tty"]);
    assert!(refused.contains("needs a terminal"), "{refused}");
}

#[test]
#[cfg(feature = "test-switches")]
fn a_panic_gives_the_terminal_back() {
    let library = library(&[("a.jpg", 90), ("b.jpg", 180)]);
    let mut command = library.command(["review", "--tty"]);
    command.env("ORIENTD_TEST_PANIC_ON", "a.jpg").env("RUST_BACKTRACE", "0");
    let mut terminal = Terminal::spawn(command, PLAIN);
    // Whichever comes first, a.jpg comes at the latest second.
    terminal.ready();
    terminal.press("s");
    let (status, text) = terminal.end();
    assert!(!status.success(), "{status} {text:?}");
    let at = text.find("as the test wants it").expect("the message is shown");
    assert!(at > text.rfind("\x1b[?1049l").unwrap(), "after the screen came back: {text:?}");
}

#[test]
fn pictures_come_the_way_the_terminal_can_show_them() {
    let library = library(&[("a.jpg", 90)]);
    for (name, answers, flags) in [
        ("kitty", KITTY, &[][..]),
        ("iterm", ITERM, &[]),
        ("sixel", SIXEL, &[]),
        ("blocks", PLAIN, &[]),
        ("asked for", PLAIN, &["--pictures", "kitty"]),
        ("none", KITTY, &["--pictures", "none"]),
    ] {
        let mut terminal = Terminal::start(&library, answers, flags);
        let bytes = terminal.ready();
        let text = String::from_utf8_lossy(&bytes);
        match name {
            "kitty" | "asked for" => {
                let pictures = kitty_pictures(&text);
                let sizes: Vec<_> = pictures.iter().map(|p| (p.width(), p.height())).collect();
                // Half the window each, a character being ten by twenty pixels.
                assert_eq!(sizes[0], sizes[1], "the photo is square");
                assert!(sizes[0].0 <= 490 && sizes[0].1 <= 480 && sizes[0].0 >= 400, "{sizes:?}");
                // The second is the first, turned clockwise.
                let turned = image::imageops::rotate90(&pictures[0]);
                assert!(alike(&turned, &pictures[1]), "the second picture shows the proposal");
                assert!(!alike(&pictures[0], &pictures[1]));
            }
            "iterm" => {
                assert_eq!(text.matches("\x1b]1337;File=inline=1;size=").count(), 2);
                let data = text.split("preserveAspectRatio=0:").nth(1).unwrap();
                let data = data.split('\x07').next().unwrap();
                let jpeg = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
                assert!(turbojpeg::read_header(&jpeg).unwrap().width >= 400);
            }
            "sixel" => assert_eq!(text.matches("\x1bP0;1;0q\"1;1;").count(), 2),
            "blocks" => assert!(text.contains("\x1b[38;2;") && text.contains('▀')),
            _ => assert!(!text.contains('▀') && !text.contains("\x1b_Ga=T")),
        }
        // Another size, another picture.
        if name == "kitty" {
            let size = Winsize { ws_row: 15, ws_col: 50, ws_xpixel: 500, ws_ypixel: 300 };
            tcsetwinsize(&terminal.line, size).unwrap();
            let text = String::from_utf8_lossy(&terminal.ready()).into_owned();
            assert!(kitty_pictures(&text)[0].width() <= 240);
        }
        terminal.press("q");
        assert!(terminal.end().0.success(), "{name}");
    }
}

fn kitty_pictures(text: &str) -> Vec<image::RgbImage> {
    let mut pictures = Vec::new();
    let mut data = String::new();
    for command in text.split("\x1b_G").skip(1) {
        let command = command.split("\x1b\\").next().unwrap();
        let Some((keys, chunk)) = command.split_once(';') else { continue };
        if keys.contains("a=q") {
            continue;
        }
        data += chunk;
        if keys.contains("m=0") {
            let png = base64::engine::general_purpose::STANDARD.decode(&data).unwrap();
            pictures.push(image::load_from_memory(&png).unwrap().to_rgb8());
            data.clear();
        }
    }
    pictures
}

/// The same photo, as far as scaling lets it be.
fn alike(a: &image::RgbImage, b: &image::RgbImage) -> bool {
    let small = |image| image::imageops::thumbnail(image, 16, 16).into_raw();
    let a = small(a);
    let b = small(b);
    let total: u32 = a.iter().zip(&b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    total < 16 * 16 * 3 * 12
}

#[test]
fn a_file_name_says_nothing_to_the_terminal() {
    let library = Library::new();
    let names =
        ["\x1b]0;owned\x07.jpg", "\x1b[2Jgone\x1b[31m.jpg", "a\n\r\u{9b}31m\u{202e}gpj.jpg"];
    for name in names {
        library.add(name, &with_segment(&needs(90), 0xFE, name.as_bytes()));
    }
    library.scan(&[]);
    let mut terminal = Terminal::start(&library, PLAIN, &["--pictures", "none"]);
    for _ in names {
        let text = String::from_utf8_lossy(&terminal.ready()).into_owned();
        assert!(text.contains("\\u{1b}") || text.contains("\\u{9b}"), "{text:?}");
        for hostile in ["\x1b]0;", "\x1b[31m", "\u{9b}", "\u{202e}", "gone\x1b", "\x07"] {
            assert!(!text.contains(hostile), "{hostile:?} in {text:?}");
        }
        terminal.press("y");
    }
    let text = String::from_utf8_lossy(&terminal.ready()).into_owned();
    assert!(text.contains("Nothing more waits") && text.contains("turned 90°"), "{text:?}");
    terminal.press("q");
    terminal.end();
}

/// Keys meant for one picture must not answer for the next ones, nor does a paste.
#[test]
fn what_was_typed_ahead_answers_for_one_photo_only() {
    let library = library(&[("a.jpg", 90), ("b.jpg", 180), ("c.jpg", 270), ("d.jpg", 90)]);
    let before = library.hashes();
    let mut terminal = Terminal::start(&library, PLAIN, &[]);
    terminal.ready();
    terminal.press("\x1b[200~yyyy\nnnnn\x1b[201~");
    terminal.press("yyyy");
    let text = String::from_utf8_lossy(&terminal.ready()).into_owned();
    assert!(text.contains("u undoes."), "{text:?}");
    terminal.press("q");
    terminal.end();
    let now = library.hashes();
    assert_eq!(before.iter().filter(|(path, hash)| now[*path] != **hash).count(), 1);
}
