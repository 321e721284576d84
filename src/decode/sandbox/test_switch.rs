//! For tests and benches, and in no release: names of files that a decoding process must come to grief
//! over, as `ORIENTD_TEST_DECODER=crash:a.jpg,hang:b.jpg`; a shorter time for a file; no process at all.

use std::hint::black_box;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use super::Times;
use super::protocol::Reply;
use crate::error::SkipReason;

pub(super) struct TestSwitch {
    /// What to do at which file name.
    rules: Vec<(String, String)>,
}

/// `None` if nothing is asked for.
pub(super) fn from_environment() -> Option<TestSwitch> {
    let text = std::env::var("ORIENTD_TEST_DECODER").ok()?;
    let rules = text.split(',').filter_map(|rule| rule.split_once(':'));
    Some(TestSwitch { rules: rules.map(|(act, name)| (act.into(), name.into())).collect() })
}

/// What one file may take, so that a test need not wait for minutes.
pub(super) fn times() -> Option<Times> {
    let seconds = std::env::var("ORIENTD_TEST_DECODER_SECONDS").ok()?;
    let cpu = Duration::from_secs(seconds.parse().ok()?);
    Some(Times { cpu, wall: 2 * cpu })
}

/// Whether to decode here, without a process of its own.
pub(super) fn in_process() -> bool {
    std::env::var_os("ORIENTD_BENCH_IN_PROCESS").is_some()
}

impl TestSwitch {
    /// Does what is asked for at a file of this name; most of it has no return.
    pub(super) fn act(&self, name: &str) -> Option<Reply> {
        let (act, _) = self.rules.iter().find(|(_, at)| at == name)?;
        match act.as_str() {
            // SAFETY: not at all, which is the point: a decoder that writes where it must not.
            "crash" => unsafe { black_box(std::ptr::without_provenance_mut::<u8>(8)).write(1) },
            "abort" => std::process::abort(),
            "exit" => std::process::exit(3),
            "sleep" => std::thread::sleep(Duration::from_secs(3600)),
            "hang" => loop {
                std::hint::spin_loop();
            },
            "eat" => eat(),
            "lie" => return Some(lie()),
            "reach" => return Some(reach()),
            _ => return None,
        }
        None
    }
}

/// Takes memory and never gives any back.
fn eat() {
    let mut eaten = Vec::new();
    loop {
        eaten.push(vec![1u8; 8 << 20]);
        black_box(&eaten);
    }
}

/// A photo without its picture.
fn lie() -> Reply {
    let format = orientd_core::format::sniff::Format::Jpeg;
    Reply::Photo {
        format,
        width: 1,
        height: 1,
        stored: 9,
        taken: None,
        caution: None,
        hash: crate::files::identity::ContentHash::from_bytes([0; 32]),
    }
}

/// Tries what a decoder that has been taken over would: reports all that worked.
fn reach() -> Reply {
    let may = [
        ("read a file", std::fs::read("/etc/passwd").is_ok()),
        ("write a file", std::fs::write("/tmp/orientd-was-here", "").is_ok()),
        ("list a folder", std::fs::read_dir("/").is_ok()),
        (
            "connect",
            TcpStream::connect("127.0.0.1:9")
                .is_err_and(|err| err.kind() == std::io::ErrorKind::ConnectionRefused),
        ),
        ("start a program", Command::new("/bin/true").status().is_ok()),
        ("signal", rustix::process::test_kill_process(rustix::process::getpid()).is_ok()),
    ];
    let worked: Vec<&str> =
        may.into_iter().filter(|(_, it_may)| *it_may).map(|(what, _)| what).collect();
    let skip = SkipReason::Corrupt(format!("reached: [{}]", worked.join(", ")));
    Reply::Skipped { format: None, skip }
}
