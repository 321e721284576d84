//! Who may ask. A page on 127.0.0.1 can be reached by every program and every web site on this
//! machine, so each request must name this host, come from this page, and carry the token.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Method, StatusCode};

use super::addresses;
use super::respond::cookie;

/// Nothing but this page's own files; no inline script or style; no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The secrets of one life of the server, and the address they hold for.
pub(super) struct Auth {
    address: SocketAddr,
    /// Names that this page is reached by, beside its addresses.
    hosts: Vec<String>,
    password: Option<String>,
    /// In the printed address, and in the cookie.
    token: String,
    /// For the browser that is opened; gone after its first use.
    once: Mutex<Option<String>>,
}

/// Why a request goes no further.
pub(super) type Refusal = (StatusCode, &'static str);

impl Auth {
    /// # Errors
    /// Returns an error if the system has no random numbers.
    pub(super) fn new(
        address: SocketAddr,
        hosts: Vec<String>,
        password: Option<String>,
    ) -> Result<Self> {
        let once = Mutex::new(Some(random_token()?));
        Ok(Self { address, hosts, password, token: random_token()?, once })
    }

    /// What is printed: where a browser finds the page, the best first. With a password there is no token in it.
    pub(super) fn urls(&self) -> Vec<String> {
        let port = self.address.port();
        let names = self.hosts.iter().map(|host| with_port(host, port));
        let addresses = addresses::reachable(self.address).into_iter().map(|one| one.to_string());
        let mut places: Vec<String> = names.chain(addresses).collect();
        if places.is_empty() {
            places.push(self.here().to_string());
        }
        places.iter().map(|place| self.url(place, &self.token)).collect()
    }

    /// The address for a browser on this machine.
    pub(super) fn here(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        SocketAddr::new(ip, self.address.port())
    }

    /// Can nobody but people at this machine reach the page? A name may be that of a proxy.
    pub(super) fn is_for_this_machine(&self) -> bool {
        self.address.ip().is_loopback() && self.hosts.is_empty()
    }

    fn url(&self, place: &str, token: &str) -> String {
        match self.password {
            Some(_) => format!("http://{place}/"),
            None => format!("http://{place}/?token={token}"),
        }
    }

    /// What a browser is opened with.
    pub(super) fn once(&self) -> String {
        let once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        self.url(&self.here().to_string(), once.as_deref().unwrap_or(&self.token))
    }

    /// Checks Host, Origin and Sec-Fetch-Site.
    ///
    /// # Errors
    /// Returns an error if the request may come from another site; it is what the client is told.
    pub(super) fn admit(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(host) = single(headers, header::HOST.as_str()) else {
            return forbidden("the request must name one host");
        };
        if !self.is_own_host(host) {
            return forbidden("this is not the host that the page is served for");
        }
        let origin = single(headers, "origin");
        if headers.contains_key("origin") && !origin.is_some_and(|origin| self.is_own(origin, host))
        {
            return forbidden("another site asked");
        }
        let site = single(headers, "sec-fetch-site");
        let is_read = method == Method::GET || method == Method::HEAD;
        let is_own = match site {
            Some("same-origin") => true,
            // Typed, or opened from another program.
            Some("none") => is_read,
            Some(_) => false,
            None => !headers.contains_key("sec-fetch-site") && (is_read || origin.is_some()),
        };
        if is_own { Ok(()) } else { forbidden("another site asked") }
    }

    /// A name that was allowed may be that of a proxy, which speaks TLS.
    fn is_own(&self, origin: &str, host: &str) -> bool {
        let plain = origin.strip_prefix("http://");
        let secure = origin.strip_prefix("https://").filter(|_| self.is_allowed_name(host));
        plain.or(secure) == Some(host)
    }

    /// Names can be made to point anywhere (DNS rebinding), so only addresses, `localhost` and the names that
    /// the person allowed count.
    fn is_own_host(&self, host: &str) -> bool {
        let port = self.address.port();
        let is_loopback = self.here().ip().is_loopback();
        if self.is_allowed_name(host) || (is_loopback && host == format!("localhost:{port}")) {
            return true;
        }
        let Ok(asked) = host.parse::<SocketAddr>() else { return false };
        let is_same = asked.ip() == self.address.ip();
        asked.port() == port && (is_same || self.address.ip().is_unspecified())
    }

    /// With this page's port, or with none: then a proxy is in between, or the port is the usual one.
    fn is_allowed_name(&self, host: &str) -> bool {
        let port = self.address.port();
        self.hosts.iter().any(|name| {
            host.eq_ignore_ascii_case(name) || host.eq_ignore_ascii_case(&with_port(name, port))
        })
    }

    /// Does the request carry the cookie?
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        cookie(headers, &self.cookie_name()).any(|value| is_equal(value, &self.token))
    }

    /// Is this the token of the printed address, or the one for the opened browser, used first now?
    pub(super) fn is_token(&self, token: &str) -> bool {
        if self.password.is_some() {
            return false;
        }
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        if once.as_deref().is_some_and(|once| is_equal(token, once)) {
            *once = None;
            return true;
        }
        is_equal(token, &self.token)
    }

    pub(super) fn asks_for_password(&self) -> bool {
        self.password.is_some()
    }

    pub(super) fn is_password(&self, password: &str) -> bool {
        self.password.as_deref().is_some_and(|known| is_equal(password, known))
    }

    /// Cookies know no ports, so the name does.
    fn cookie_name(&self) -> String {
        format!("orientd_{}", self.address.port())
    }

    /// The session cookie to set.
    ///
    /// # Errors
    /// Returns an error if the token is no valid header value; one made here always is.
    pub(super) fn cookie(&self) -> Result<HeaderValue> {
        let name = self.cookie_name();
        let token = &self.token;
        let cookie = format!("{name}={token}; HttpOnly; SameSite=Strict; Path=/");
        cookie.parse().context("a cookie of letters")
    }
}

/// `name` with the port, unless it names one itself.
fn with_port(name: &str, port: u16) -> String {
    if name.contains(':') { name.to_owned() } else { format!("{name}:{port}") }
}

/// On every answer, refused or not.
pub(super) fn harden(headers: &mut HeaderMap) {
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        // Without one, browsers send no origin with a form.
        ("referrer-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

fn forbidden(why: &'static str) -> Result<(), Refusal> {
    Err((StatusCode::FORBIDDEN, why))
}

/// A header that is there exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

/// Hashes compare in constant time, so the time tells nothing of how much was right.
fn is_equal(a: &str, b: &str) -> bool {
    blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes())
}

fn random_token() -> Result<String> {
    let mut bytes = [0; 32];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.context("cannot read /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests;
