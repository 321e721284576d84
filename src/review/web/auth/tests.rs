use super::*;

fn auth(address: &str) -> Auth {
    Auth::new(address.parse().unwrap(), Vec::new(), None).unwrap()
}

#[test]
#[rustfmt::skip]
fn admits_only_its_own_page() {
    let auth = auth("127.0.0.1:8000");
    for (name, method, headers, admitted) in [
        ("typed",                  Method::GET,  &[("host", "127.0.0.1:8000"), ("sec-fetch-site", "none")][..], true),
        ("localhost",              Method::GET,  &[("host", "localhost:8000")], true),
        ("an old browser reads",   Method::GET,  &[("host", "127.0.0.1:8000")], true),
        ("the page writes",        Method::POST, &[("host", "127.0.0.1:8000"), ("origin", "http://127.0.0.1:8000"), ("sec-fetch-site", "same-origin")], true),
        ("an old browser writes",  Method::POST, &[("host", "127.0.0.1:8000"), ("origin", "http://127.0.0.1:8000")], true),
        ("no origin writes",       Method::POST, &[("host", "127.0.0.1:8000")], false),
        ("typed writes",           Method::POST, &[("host", "127.0.0.1:8000"), ("sec-fetch-site", "none")], false),
        ("rebinding",              Method::GET,  &[("host", "evil.example:8000")], false),
        ("another port",           Method::GET,  &[("host", "127.0.0.1:8001")], false),
        ("no port",                Method::GET,  &[("host", "127.0.0.1")], false),
        ("no host",                Method::GET,  &[], false),
        ("two hosts",              Method::GET,  &[("host", "127.0.0.1:8000"), ("host", "evil.example")], false),
        ("foreign origin",         Method::GET,  &[("host", "127.0.0.1:8000"), ("origin", "http://evil.example")], false),
        ("another local page",     Method::POST, &[("host", "127.0.0.1:8000"), ("origin", "http://127.0.0.1:9000")], false),
        ("localhost for address",  Method::POST, &[("host", "127.0.0.1:8000"), ("origin", "http://localhost:8000")], false),
        ("null origin",            Method::POST, &[("host", "127.0.0.1:8000"), ("origin", "null")], false),
        ("two origins",            Method::POST, &[("host", "127.0.0.1:8000"), ("origin", "http://127.0.0.1:8000"), ("origin", "http://evil.example")], false),
        ("an image on a site",     Method::GET,  &[("host", "127.0.0.1:8000"), ("sec-fetch-site", "cross-site")], false),
        ("a sister port",          Method::GET,  &[("host", "127.0.0.1:8000"), ("sec-fetch-site", "same-site")], false),
    ] {
        let mut map = HeaderMap::new();
        for (key, value) in headers {
            map.append(*key, HeaderValue::from_static(value));
        }
        assert_eq!(auth.admit(&method, &map).is_ok(), admitted, "{name}");
    }
}

#[test]
fn only_the_printed_token_works_twice() {
    let auth = auth("127.0.0.1:8000");
    let token = |url: String| url.split_once("token=").unwrap().1.to_owned();
    let once = token(auth.once());
    let printed = token(auth.urls().remove(0));
    assert_ne!(once, printed);
    assert!(auth.is_token(&once) && !auth.is_token(&once));
    assert!(auth.is_token(&printed) && auth.is_token(&printed));
    assert!(!auth.is_token("") && !auth.is_token(&printed[1..]));
}

#[test]
#[rustfmt::skip]
fn a_page_for_others_is_found_by_its_addresses_and_allowed_names() {
    let hosts = vec!["photos.example".to_owned(), "proxy.example:8443".to_owned()];
    let auth = Auth::new("0.0.0.0:8000".parse().unwrap(), hosts, Some("secret".into())).unwrap();
    for (name, host, origin, admitted) in [
        ("its address",          "192.168.1.20:8000",   "http://192.168.1.20:8000",   true),
        ("this machine",         "localhost:8000",      "http://localhost:8000",      true),
        ("another port",         "192.168.1.20:8001",   "http://192.168.1.20:8001",   false),
        ("an allowed name",      "photos.example:8000", "http://photos.example:8000", true),
        ("in capitals",          "Photos.Example:8000", "http://Photos.Example:8000", true),
        ("behind a proxy",       "photos.example",      "https://photos.example",     true),
        ("its own port",         "proxy.example:8443",  "https://proxy.example:8443", true),
        ("a port not its own",   "proxy.example:8000",  "http://proxy.example:8000",  false),
        ("TLS to an address",    "192.168.1.20:8000",   "https://192.168.1.20:8000",  false),
        ("a name of somebody",   "evil.example:8000",   "http://evil.example:8000",   false),
        ("an allowed name asked by another", "photos.example:8000", "http://evil.example:8000", false),
    ] {
        let mut map = HeaderMap::new();
        map.append("host", HeaderValue::from_static(host));
        map.append("origin", HeaderValue::from_static(origin));
        assert_eq!(auth.admit(&Method::POST, &map).is_ok(), admitted, "{name}");
    }
    let urls = auth.urls();
    assert_eq!(urls[..2], ["http://photos.example:8000/", "http://proxy.example:8443/"]);
    assert!(urls.iter().all(|url| !url.contains("0.0.0.0")), "{urls:?}");
    assert_eq!(auth.once(), "http://127.0.0.1:8000/");
}
