//! The unit in a real `systemd --user` manager of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Library, needs, needs_with_exif, text_of};
use crate::running::{Daemon, configure, eventually, listed, root};

/// A user manager with a runtime directory of its own; it ends with the test.
struct Manager<'a> {
    library: &'a Library,
    runtime: PathBuf,
    child: Child,
}

impl<'a> Manager<'a> {
    /// `None` if there is no systemd, or it cannot run here; the reason is printed.
    fn start(library: &'a Library) -> Option<Self> {
        let program = Path::new("/lib/systemd/systemd");
        if !program.exists() {
            println!("skipped: systemd is not installed");
            return None;
        }
        // systemctl asks for this to tell whether the machine was booted with systemd.
        if fs::create_dir_all("/run/systemd/system").is_err() {
            println!("skipped: /run/systemd/system is missing and cannot be made");
            return None;
        }
        let runtime = library.home().join("run");
        fs::create_dir_all(&runtime).unwrap();
        let log = fs::File::create(library.home().join("systemd.log")).unwrap();
        let mut command = Command::new(program);
        command.arg("--user");
        Self::set_up(library, &runtime, &mut command);
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let manager = Self { library, runtime, child };
        eventually("the manager answers", || {
            manager.systemctl(&["show", "-p", "Version"]).status.success()
        });
        Some(manager)
    }

    fn set_up(library: &Library, runtime: &Path, command: &mut Command) {
        library.set_home(command);
        command.env("XDG_RUNTIME_DIR", runtime);
        for variable in ["DBUS_SESSION_BUS_ADDRESS", "NOTIFY_SOCKET", "XDG_CONFIG_DIRS"] {
            command.env_remove(variable);
        }
    }

    fn run(&self, program: &str, args: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(args);
        Self::set_up(self.library, &self.runtime, &mut command);
        command.output().unwrap()
    }

    fn systemctl(&self, args: &[&str]) -> Output {
        self.run("systemctl", &[&["--user"], args].concat())
    }

    fn show(&self, property: &str) -> String {
        let output = self.systemctl(&["show", "--value", "-p", property, "orientd"]);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn orientd(&self, args: &[&str]) -> Output {
        self.run(env!("CARGO_BIN_EXE_orientd"), args)
    }
}

impl Drop for Manager<'_> {
    fn drop(&mut self) {
        drop(self.systemctl(&["exit"]));
        let deadline = Instant::now() + Duration::from_secs(15);
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The system's journal, or one started for the test; it ends with the test.
struct Journal(Option<Child>);

const JOURNAL: &str = "/run/systemd/journal";

impl Journal {
    /// `None` if there is none and none can be started; the reason is printed.
    fn start() -> Option<Self> {
        let socket = Path::new(JOURNAL).join("socket");
        if socket.exists() {
            return Some(Self(None));
        }
        if !rustix::process::geteuid().is_root() || fs::create_dir_all(JOURNAL).is_err() {
            println!("skipped: there is no journal, and only root can start one");
            return None;
        }
        let mut command = Command::new("/lib/systemd/systemd-journald");
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let journal = Self(Some(child));
        eventually("the journal listens", || socket.exists());
        Some(journal)
    }

    /// What was logged of `path`: turn, confidence and run, as fields of their own.
    fn fields(path: &Path) -> Option<Value> {
        let of_path = format!("ORIENTD_PATH={}", path.display());
        let output = Command::new("journalctl").args(["-q", "-o", "json", &of_path]).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        text.lines().next().map(|line| serde_json::from_str(line).unwrap())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Some(journal) = &mut self.0 {
            // A stale socket would make the next one believe that the system has a journal.
            let _ = journal.kill();
            let _ = journal.wait();
            let _ = fs::remove_dir_all(JOURNAL);
        }
    }
}

#[test]
fn the_unit_works_under_a_real_systemd() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    let journal = Journal::start();
    let Some(manager) = Manager::start(&library) else { return };
    let said = |output: &Output| assert!(output.status.success(), "{}", text_of(output));
    said(&manager.orientd(&["service", "install"]));
    assert_eq!(manager.show("ActiveState"), "active", "install returns when it is ready");
    let pid = manager.show("MainPID");
    let cgroup_is_idle = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    assert_eq!(cgroup_is_idle.split(' ').nth(18), Some("19"), "nice");

    library.add("a.jpg", &needs_with_exif(90, 1));
    let action =
        |name: &str| listed(&library).get(&library.path(name)).map(|p| p["action"].clone());
    eventually("it is turned", || action("a.jpg") == Some("tag".into()));
    eventually("systemd has its line", || manager.show("StatusText").contains("turned 1"));

    if journal.is_some() {
        let path = library.path("a.jpg");
        eventually("the journal has it", || Journal::fields(&path).is_some());
        let fields = Journal::fields(&path).unwrap();
        assert_eq!((&fields["MESSAGE"], &fields["ORIENTD_TURN"]), (&"turned".into(), &"90".into()));
        let confidence: f32 = fields["ORIENTD_CONFIDENCE"].as_str().unwrap().parse().unwrap();
        assert!(confidence > 0.9 && fields["ORIENTD_RUN"] == "1", "{fields}");
    }

    configure(&library, &root(&library, "review"));
    said(&manager.systemctl(&["reload", "orientd"]));
    assert_eq!(manager.show("MainPID"), pid);
    eventually("the new settings are in force", || {
        text_of(&manager.orientd(&["status"])).contains("fix = review")
    });
    library.add("b.jpg", &needs(90));
    eventually("it is only recorded", || action("b.jpg") == Some("none".into()));

    said(&manager.systemctl(&["kill", "-s", "KILL", "orientd"]));
    eventually("it comes back", || {
        manager.show("ActiveState") == "active" && manager.show("MainPID") != pid
    });
    library.add("c.jpg", &needs(0));
    eventually("and works", || action("c.jpg").is_some());

    #[cfg(feature = "test-switches")]
    the_watchdog_ends_a_round_that_hangs(&library, &manager);

    let started = Instant::now();
    said(&manager.systemctl(&["stop", "orientd"]));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(manager.show("Result"), "success");
    let installed = library.home().join(".config/systemd/user/orientd.service");
    let printed = manager.orientd(&["service", "unit"]).stdout;
    assert_eq!(fs::read(&installed).unwrap(), printed, "what `make install` would put in place");
    said(&manager.orientd(&["service", "uninstall"]));
    assert!(!installed.exists());
    assert_eq!(manager.show("LoadState"), "not-found");
}

#[cfg(feature = "test-switches")]
fn the_watchdog_ends_a_round_that_hangs(library: &Library, manager: &Manager<'_>) {
    let said = |output: &Output| assert!(output.status.success(), "{}", text_of(output));
    let drop_in = library.home().join(".config/systemd/user/orientd.service.d/test.conf");
    fs::create_dir_all(drop_in.parent().unwrap()).unwrap();
    // At idle priority a busy machine could starve it past so short a watchdog.
    let hang = "[Service]\nWatchdogSec=5s\nNice=0\nCPUSchedulingPolicy=other\n\
                Environment=ORIENTD_TEST_HANG_ON=hang.jpg\n";
    fs::write(&drop_in, hang).unwrap();
    said(&manager.systemctl(&["daemon-reload"]));
    said(&manager.systemctl(&["restart", "orientd"]));
    let pid = manager.show("MainPID");
    // Long enough for a machine so busy that idle scheduling starves.
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(manager.show("MainPID"), pid, "idle, it feeds the watchdog");
    let hanging = library.add("hang.jpg", &needs(0));
    eventually("the watchdog bites", || manager.show("MainPID") != pid);
    fs::remove_file(hanging).unwrap();
    // Not at idle priority, where a busy machine would not let it stop in time.
    fs::write(&drop_in, "[Service]\nNice=0\nCPUSchedulingPolicy=other\n").unwrap();
    said(&manager.systemctl(&["daemon-reload"]));
    said(&manager.systemctl(&["restart", "orientd"]));
}

/// `make install` writes the same unit as `service install`.
#[test]
fn the_unit_can_be_printed_for_any_place() {
    let library = Library::new();
    let unit = library.ok(["service", "unit", "--program", "/opt/my 100% tools/orientd"]);
    assert!(unit.contains("ExecStart=\"/opt/my 100%% tools/orientd\" run\n"), "{unit}");
    assert!(unit.contains("[Install]\nWantedBy=default.target"), "{unit}");
    let reloads = unit.contains("Type=notify-reload") || unit.contains("ExecReload=/bin/kill -HUP");
    assert!(reloads, "{unit}");
}

#[test]
fn install_says_what_is_in_its_way() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    let unit = library.home().join(".config/systemd/user/orientd.service");
    let install = || {
        let mut command = library.command(["service", "install"]);
        command.env_remove("DBUS_SESSION_BUS_ADDRESS").env("USER", "ada");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
        assert!(!unit.exists(), "nothing is half done");
        String::from_utf8(output.stderr).unwrap()
    };
    let message = install();
    for part in ["nothing was installed", "`sudo loginctl enable-linger ada`", "`orientd run`"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let daemon = Daemon::start(&library);
    let message = install();
    let pid = daemon.pid();
    assert!(message.contains(&format!("runs already, as process {pid}")), "{message}");
    assert!(message.contains(&format!("`kill {pid}`")), "{message}");
    daemon.stop();
}
