//! Decoders that crash, hang, eat memory or are taken over: one file is lost to the scan, no more.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Library, Scanned, needs};
use crate::running::{self, Daemon};

const FAULTS: [(&str, &str); 7] = [
    ("crash", "decoder_crashed"),
    ("abort", "decoder_crashed"),
    ("exit", "decoder_crashed"),
    ("lie", "decoder_crashed"),
    ("hang", "decoder_timed_out"),
    ("sleep", "decoder_timed_out"),
    ("eat", "out_of_memory"),
];

/// A scan whose decoders come to grief over files named after a fault.
fn scan_with_faults(library: &Library, flags: &[&str]) -> Scanned {
    let faults = FAULTS.map(|(fault, _)| fault).into_iter().chain(["reach"]);
    let rules: Vec<String> = faults.map(|fault| format!("{fault}:{fault}.jpg")).collect();
    let mut command = library.command(["scan", "--json", "--jobs", "4"]);
    command.args(flags).arg(library.root());
    command.env("ORIENTD_TEST_DECODER", rules.join(",")).env("ORIENTD_TEST_DECODER_SECONDS", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", crate::harness::text_of(&output));
    Scanned::parse(&output.stdout)
}

#[test]
fn a_crash_costs_one_file_until_it_changes() {
    let library = Library::new();
    for at in 0..6 {
        library.add(format!("good{at}.jpg"), &needs(90));
    }
    for (fault, _) in FAULTS {
        library.add(format!("{fault}.jpg"), &needs(90));
    }
    let before = library.hashes();
    let scanned = scan_with_faults(&library, &[]);
    for (fault, reason) in FAULTS {
        let name = format!("{fault}.jpg");
        assert_eq!(scanned.reason(&name), reason, "{}", scanned.photos[&name]);
    }
    for at in 0..6 {
        assert_eq!(scanned.photos[&format!("good{at}.jpg")]["turn"], 90);
    }
    assert_eq!(library.hashes(), before);

    // In quarantine: the decoders are sound now, and yet the files are left alone.
    let again = library.scan(&[]);
    assert_eq!(again.reason("crash.jpg"), "decoder_crashed");
    assert_eq!(again.summary["looked_at"], 0);
    library.add("crash.jpg", &[needs(90), vec![0]].concat());
    assert_eq!(library.scan(&[]).photos["crash.jpg"]["turn"], 90);
    let rescanned = library.scan(&["--rescan"]);
    assert_eq!(rescanned.summary["verdicts"]["fix"], 6 + FAULTS.len());
}

#[test]
fn a_hijacked_decoder_reaches_nothing() {
    let library = Library::new();
    library.add("reach.jpg", &needs(0));
    let scanned = scan_with_faults(&library, &[]);
    let detail = scanned.photos["reach.jpg"]["detail"].as_str().unwrap();
    assert!(detail.ends_with("reached: []"), "{detail}");
    assert!(!PathBuf::from("/tmp/orientd-was-here").exists());
}

#[test]
fn decoders_end_with_the_scan_however_it_ends() {
    let library = Library::new();
    library.add("sleep.jpg", &needs(0));
    let mut command = library.command(["scan", "--json", "--jobs", "1"]);
    command.arg(library.root()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut scan = command.env("ORIENTD_TEST_DECODER", "sleep:sleep.jpg").spawn().unwrap();
    let decoder = eventually(|| children(scan.id()).first().copied());
    scan.kill().unwrap();
    scan.wait().unwrap();
    let is_gone = || {
        let state = fs::read_to_string(format!("/proc/{decoder}/stat")).unwrap_or_default();
        (state.is_empty() || state.contains(") Z ")).then_some(())
    };
    eventually(is_gone);
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let lists = tasks.flat_map(|task| fs::read_to_string(task.unwrap().path().join("children")));
    let text: String = lists.collect();
    text.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

/// Without the interruption, this test would wait for minutes and fail.
#[test]
fn a_hung_decoder_does_not_delay_the_stop() {
    let library = Library::new();
    running::configure(&library, &running::root(&library, "auto"));
    let mut command = library.command(["run"]);
    command.env("ORIENTD_TEST_DECODER", "sleep:sleep.jpg");
    let running = Daemon::spawn(&library, command);
    library.add("sleep.jpg", &needs(90));
    let pid = u32::try_from(running.status()["pid"].as_u64().unwrap()).unwrap();
    eventually(|| children(pid).first().copied());
    running.stop();
    assert!(running::listed(&library).is_empty(), "a file in hand is neither known nor skipped");
    let running = Daemon::start(&library);
    running::eventually("it is turned", || running.status()["turned"] == 1);
    running.stop();
}

fn eventually<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "it never came to pass");
        std::thread::sleep(Duration::from_millis(20));
    }
}
