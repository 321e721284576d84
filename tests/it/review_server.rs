//! `orientd review` in a library, and requests as raw as an attacker's.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Library, needs, with_segment};

/// The running page; it ends with this value.
pub struct Server {
    child: Child,
    pub url: String,
    pub port: u16,
    pub cookie: String,
}

pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|err| panic!("{err}: {}{text}", self.head))
    }
}

/// Distinct photos that need `degrees`, scanned.
pub fn library(photos: &[(&str, u16)]) -> Library {
    let library = Library::new();
    for (name, degrees) in photos {
        // A comment makes each content its own.
        library.add(name, &with_segment(&needs(*degrees), 0xFE, name.as_bytes()));
    }
    library.scan(&[]);
    library
}

impl Server {
    pub fn start(library: &Library, flags: &[&str]) -> Self {
        let mut args = vec!["review", "--no-open"];
        args.extend(flags);
        Self::spawn(library.command(args))
    }

    /// The command must be `review`.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().last().expect("an address").to_owned();
        let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        let token = url.split_once("token=").map_or("", |(_, token)| token);
        let cookie = format!("orientd_{port}={token}");
        Self { child, port, cookie, url }
    }

    /// Sends bytes as they are and reads until the server closes.
    pub fn raw(&self, request: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // A server that has seen enough may close before it has read everything.
        let _ = stream.write_all(request);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Reply { status, head, body: bytes.get(at + 4..).unwrap_or_default().to_vec() }
    }

    /// A request with exactly these headers, and what HTTP needs.
    pub fn request(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut text = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        self.raw(format!("{text}\r\n{body}").as_bytes())
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn get(&self, path: &str) -> Reply {
        let host = self.host();
        self.request(&format!("GET {path}"), &[("Host", &host), ("Cookie", &self.cookie)], "")
    }

    pub fn post(&self, path: &str, body: &str) -> Reply {
        let host = self.host();
        let origin = format!("http://{}", self.host());
        let headers = [
            ("Host", &host[..]),
            ("Origin", &origin),
            ("Cookie", &self.cookie),
            ("Content-Type", "application/json"),
        ];
        self.request(&format!("POST {path}"), &headers, body)
    }

    /// Presses Ctrl-C; returns what the program then says.
    pub fn interrupt(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success());
        let mut said = String::new();
        self.child.stdout.as_mut().unwrap().read_to_string(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success());
        said
    }

    pub fn items(&self, tab: &str) -> Vec<Value> {
        let page = self.get(&format!("/api/page?tab={tab}")).json();
        page["items"].as_array().unwrap().clone()
    }

    pub fn names(&self, tab: &str) -> Vec<String> {
        let mut names: Vec<String> =
            self.items(tab).iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
