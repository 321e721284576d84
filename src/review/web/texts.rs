//! What the page says, in each language: one file of texts each, chosen by a cookie or by what the browser asks for.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use axum::http::header::{self, HeaderMap};

use super::respond::cookie;

/// The first is for whoever asks for none of them.
const FILES: [(&str, &str); 2] = [
    ("en", include_str!("../../../assets/review/texts/en.json")),
    ("de", include_str!("../../../assets/review/texts/de.json")),
];

/// Set by the page's switch.
const COOKIE: &str = "orientd_language";

/// The texts of all languages.
pub(super) struct Languages(Vec<Texts>);

/// The texts of one language, by their keys.
pub(super) struct Texts {
    code: &'static str,
    texts: BTreeMap<String, String>,
    json: &'static str,
}

impl Languages {
    /// # Errors
    /// Returns an error if a file of texts is not one.
    pub(super) fn read() -> Result<Self> {
        let read = |(code, json): (&'static str, &'static str)| {
            let texts = serde_json::from_str(json);
            let texts = texts.with_context(|| format!("the texts of the language {code}"))?;
            Ok(Texts { code, texts, json })
        };
        Ok(Self(FILES.into_iter().map(read).collect::<Result<_>>()?))
    }

    /// The language for a request.
    pub(super) fn of(&self, headers: &HeaderMap) -> Option<&Texts> {
        let chosen = cookie(headers, COOKIE).find_map(|code| self.by_code(code));
        chosen.or_else(|| self.accepted(headers)).or_else(|| self.0.first())
    }

    fn by_code(&self, code: &str) -> Option<&Texts> {
        self.0.iter().find(|texts| texts.code == code)
    }

    /// RFC 9110, section 12.5.4: languages with weights, the first of the highest that is known.
    fn accepted(&self, headers: &HeaderMap) -> Option<&Texts> {
        let asked = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        let mut best: Option<(f32, &Texts)> = None;
        for part in asked.split(',') {
            let (tag, weight) = part.split_once(';').unwrap_or((part, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok());
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            if let Some(texts) = self.by_code(&primary)
                && let Some(weight) = weight.filter(|weight: &f32| *weight > 0.0)
                && best.is_none_or(|(known, _)| weight > known)
            {
                best = Some((weight, texts));
            }
        }
        best.map(|(_, texts)| texts)
    }
}

impl Texts {
    /// The texts as a module for the page's script.
    pub(super) fn script(&self) -> String {
        format!("export const LANGUAGE = \"{}\";\nexport const TEXTS = {};\n", self.code, self.json)
    }

    /// A page's template with its `{{keys}}` filled in, first from `values`, then from the texts.
    pub(super) fn fill(&self, template: &str, values: &[(&str, &str)]) -> String {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            filled.push_str(before);
            let Some((key, after)) = after.split_once("}}") else {
                rest = after;
                break;
            };
            let given = values.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
            let text = given.or_else(|| match key {
                "language" => Some(self.code),
                _ => self.texts.get(key).map(String::as_str),
            });
            filled.push_str(&escaped(text.unwrap_or_default()));
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

fn escaped(text: &str) -> String {
    let escape = |letter: char| match letter {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        letter => letter.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn text_stays_text() {
        let languages = Languages::read().unwrap();
        let texts = languages.of(&HeaderMap::new()).unwrap();
        let filled = texts.fill("<p>{{why}}</p>{{language}}{{none}}", &[("why", "<b>\"&")]);
        assert_eq!(filled, "<p>&lt;b&gt;&quot;&amp;</p>en");
    }

    #[test]
    fn the_browser_or_the_person_says_which_language() {
        let languages = Languages::read().unwrap();
        for (name, value, code) in [
            (header::ACCEPT_LANGUAGE, "en-GB,en;q=0.9", "en"),
            (header::ACCEPT_LANGUAGE, "de-AT", "de"),
            (header::ACCEPT_LANGUAGE, "fr, de;q=0.4, en;q=0.3", "de"),
            (header::ACCEPT_LANGUAGE, "de;q=0, en;q=0.1", "en"),
            (header::ACCEPT_LANGUAGE, "fr, *;q=0.5", "en"),
            (header::ACCEPT_LANGUAGE, "nonsense;;q=", "en"),
            (header::COOKIE, "a=b; orientd_language=de", "de"),
            (header::COOKIE, "orientd_language=../x", "en"),
        ] {
            let shown = value.to_owned();
            let texts = languages.of(&headers(name, value)).unwrap();
            assert_eq!(texts.code, code, "{shown}");
        }
    }

    /// Keys that the templates and the script name, as `{{key}}` and `say("key"`.
    fn named() -> BTreeSet<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/review");
        let mut named = BTreeSet::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_file() {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for (open, close) in [("{{", "}}"), ("say(\"", "\"")] {
                let keys =
                    text.split(open).skip(1).filter_map(|part| Some(part.split_once(close)?.0));
                named.extend(keys.map(str::to_owned));
            }
        }
        named
    }

    #[test]
    fn every_language_has_every_text() {
        let languages = Languages::read().unwrap();
        let english: BTreeSet<&String> = languages.0[0].texts.keys().collect();
        let values = ["language", "status", "why", "error", "here"];
        for key in named().iter().filter(|key| !values.contains(&key.as_str())) {
            assert!(english.contains(key), "{key} is in no text");
        }
        for texts in &languages.0 {
            let known: BTreeSet<&String> = texts.texts.keys().collect();
            assert_eq!(known, english, "{}", texts.code);
            for (key, text) in &texts.texts {
                let places = |text: &str| -> BTreeSet<String> {
                    text.split('{')
                        .skip(1)
                        .map(|part| part.split('}').next().unwrap().to_owned())
                        .collect()
                };
                assert_eq!(
                    places(text),
                    places(&languages.0[0].texts[key]),
                    "{}: {key}",
                    texts.code
                );
            }
        }
    }
}
