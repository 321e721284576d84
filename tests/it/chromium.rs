//! A real headless Chromium, driven through its own WebDriver.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

pub struct Browser {
    driver: Child,
    runtime: Runtime,
    client: Client,
    _profile: tempfile::TempDir,
}

/// Keys as WebDriver names them (W3C WebDriver, section 17.4.2).
pub mod key {
    pub const ENTER: &str = "\u{E007}";
    pub const BACKSPACE: &str = "\u{E003}";
    pub const LEFT: &str = "\u{E012}";
    pub const RIGHT: &str = "\u{E014}";
    pub const DOWN: &str = "\u{E015}";
    pub const SHIFT_RIGHT: &str = "\u{E008}\u{E014}";
    pub const CONTROL_A: &str = "\u{E009}a";
    pub const ESCAPE: &str = "\u{E00C}";
    pub const PAGE_UP: &str = "\u{E00E}";
    pub const PAGE_DOWN: &str = "\u{E00F}";
    pub const TAB: &str = "\u{E004}";
}

impl Browser {
    pub fn start(width: u32, height: u32, flags: &[&str]) -> Self {
        Self::with(json!({}), width, height, flags)
    }

    /// A telephone: touched, and as narrow as given.
    pub fn phone(width: u32, height: u32, flags: &[&str]) -> Self {
        let metrics = json!({"width": width, "height": height, "pixelRatio": 1, "touch": true});
        let options = json!({"mobileEmulation": {"deviceMetrics": metrics}});
        Self::with(options, width, height, flags)
    }

    fn with(mut options: Value, width: u32, height: u32, flags: &[&str]) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed by `make test`");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map(Result::unwrap);
        let started = lines.find(|line| line.contains("started successfully on port")).unwrap();
        let port = started.trim_end_matches('.').rsplit(' ').next().unwrap().to_owned();
        // Nobody reads on, and a full pipe must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::tempdir().unwrap();
        let mut args: Vec<String> = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ]
        .map(str::to_owned)
        .to_vec();
        args.push(format!("--window-size={width},{height}"));
        args.push(format!("--user-data-dir={}", profile.path().display()));
        args.extend(flags.iter().map(|flag| (*flag).to_owned()));
        options["args"] = json!(args);
        let capabilities =
            json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime
            .block_on(async {
                ClientBuilder::new(HttpConnector::new())
                    .capabilities(capabilities)
                    .connect(&format!("http://127.0.0.1:{port}"))
                    .await
            })
            .expect("Chromium starts");
        Self { driver, runtime, client, _profile: profile }
    }

    pub fn open(&self, url: &str) {
        self.runtime.block_on(self.client.goto(url)).unwrap();
    }

    pub fn reload(&self) {
        self.runtime.block_on(self.client.refresh()).unwrap();
    }

    pub fn url(&self) -> String {
        self.runtime.block_on(self.client.current_url()).unwrap().to_string()
    }

    /// The value of a JavaScript expression.
    pub fn eval(&self, expression: &str) -> Value {
        let script = format!("return ({expression})");
        self.runtime.block_on(self.client.execute(&script, Vec::new())).unwrap()
    }

    pub fn run_async(&self, script: &str) -> Value {
        self.runtime.block_on(self.client.execute_async(script, Vec::new())).unwrap()
    }

    /// Waits until the expression has this value.
    pub fn wait(&self, expression: &str, expected: impl Into<Value>) {
        let expected = expected.into();
        let began = Instant::now();
        loop {
            let value = self.eval(expression);
            if value == expected {
                return;
            }
            let said = || self.eval("document.getElementById('toasts')?.textContent");
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "{expression} is {value}, not {expected}; {}",
                said()
            );
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// Waits until the text that the expression gives has `part` in it, on a page that may be loading.
    pub fn wait_for(&self, expression: &str, part: &str) {
        let whether = format!("(({expression}) ?? '').includes({})", Value::from(part));
        self.wait(&whether, true);
    }

    /// Types into whatever has the focus.
    pub fn keys(&self, keys: &str) {
        self.runtime
            .block_on(async { self.client.active_element().await?.send_keys(keys).await })
            .unwrap();
    }

    pub fn click(&self, selector: &str) {
        self.runtime
            .block_on(async { self.client.find(Locator::Css(selector)).await?.click().await })
            .unwrap_or_else(|err| panic!("{selector}: {err}"));
    }

    pub fn fill(&self, selector: &str, text: &str) {
        self.runtime
            .block_on(async {
                let field = self.client.find(Locator::Css(selector)).await?;
                field.clear().await?;
                field.send_keys(text).await
            })
            .unwrap();
    }

    /// A finger put down in the middle of an element, moved by so many pixels to the right, and lifted.
    pub fn swipe(&self, selector: &str, by: i32) {
        self.run_async(&format!(
            "const done = arguments[0]; const on = document.querySelector('{selector}'); \
             const box = on.getBoundingClientRect(); on.setPointerCapture = () => {{}}; \
             const at = (type, x) => on.dispatchEvent(new PointerEvent(type, {{bubbles: true, pointerType: 'touch', \
             pointerId: 1, isPrimary: true, clientX: box.x + box.width / 2 + x, clientY: box.y + box.height / 2}})); \
             at('pointerdown', 0); at('pointermove', {by} / 2); at('pointermove', {by}); at('pointerup', {by}); done()"
        ));
    }

    pub fn screenshot(&self) -> Vec<u8> {
        self.runtime.block_on(self.client.screenshot()).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium; the driver alone would leave it behind.
        let _ = self.runtime.block_on(self.client.clone().close());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// axe-core's rules, evaluated by the driver, which the page's policy does not bind.
pub fn accessible(browser: &Browser, name: &str) {
    let axe = include_str!("../axe/axe.min.js");
    let script = format!(
        "const done = arguments[arguments.length - 1]; {axe};
         axe.run({{resultTypes: ['violations']}}).then((r) => done(r.violations.map((v) => v.id + ': ' + v.nodes[0].html + ' ' + v.nodes[0].failureSummary)), (e) => done(['' + e]))"
    );
    assert_eq!(browser.run_async(&script), json!([]), "{name}");
}
