//! What is said of the automatic threshold: the rate promised, what the owner's answers show, and how many
//! more would tighten it.

use serde_json::{Value, json};

use super::human::{grouped, plural};
use crate::store::FittedThreshold;
use orientd_core::verdict::auto_threshold::{NEVER, PROMISED};

/// `configured`: the threshold that the config names, where it does; it wins.
pub(crate) fn json(configured: Option<f32>, fitted: &FittedThreshold) -> Value {
    let mut object = json!({
        "auto_confidence": decimal(configured.unwrap_or(fitted.threshold)),
        "source": if configured.is_some() { "config" } else { &fitted.source },
        "promised_per_thousand": PROMISED * 1000.0,
        "answers": null, "wrong": null, "proposals": null, "upright": null,
        "at_most_per_thousand": null, "next_confidence": null, "answers_missing": null,
    });
    if configured.is_none() {
        object["answers"] = fitted.n_answers.into();
        object["wrong"] = fitted.n_wrong.into();
        object["proposals"] = fitted.n_proposals.into();
        object["upright"] = fitted.n_upright.into();
        object["at_most_per_thousand"] = fitted.bound.map(|bound| bound * 1000.0).into();
        object["next_confidence"] = fitted.next.map(|(threshold, _)| decimal(threshold)).into();
        object["answers_missing"] = fitted.next.map(|(_, n)| n).into();
    }
    object
}

/// The shortest decimal that is this number, not the nearest f64's many digits.
fn decimal(threshold: f32) -> f64 {
    threshold.to_string().parse().unwrap_or(f64::from(threshold))
}

pub(crate) fn lines(configured: Option<f32>, fitted: &FittedThreshold) -> Vec<String> {
    let promised = PROMISED * 1000.0;
    if let Some(threshold) = configured {
        let text = "by the config; your answers do not change that";
        return vec![format!("turned without asking: from {} on, {text}", percent(threshold))];
    }
    let why = match (fitted.source.as_str(), fitted.threshold >= NEVER) {
        (_, true) => {
            "turned without asking: nothing, since your answers refute the model".to_owned()
        }
        ("lowered", _) => {
            format!("turned without asking: from {} on, by your answers", percent(fitted.threshold))
        }
        ("raised", _) => {
            format!(
                "turned without asking: from {} on, raised by your answers",
                percent(fitted.threshold)
            )
        }
        _ => format!(
            "turned without asking: from {} on, as the model says",
            percent(fitted.threshold)
        ),
    };
    let mut lines =
        vec![why, format!("  promised: of 1,000 upright photos at most {promised} turned wrongly")];
    lines.push(match fitted.bound.filter(|_| fitted.n_answers > 0) {
        None => "  evidence: no answers about such photos yet; the model's figure is from other people's".into(),
        Some(bound) => format!(
            "  evidence: {} of {} such photos answered, {} wrong; at most {:.1} of 1,000 here (95 %)",
            grouped(fitted.n_answers.unsigned_abs()),
            grouped(fitted.n_proposals.unsigned_abs()),
            grouped(fitted.n_wrong.unsigned_abs()),
            bound * 1000.0
        ),
    });
    if let Some((next, n)) = fitted.next {
        let answers = plural(n.unsigned_abs(), "more answer");
        let next = percent(next);
        lines.push(format!(
            "  about {answers} on photos from {next} on, all agreeing, would lower it to {next}"
        ));
    }
    lines
}

/// Whole tenths of a percent do not tell 99.95 from 100.
fn percent(threshold: f32) -> String {
    let text = format!("{:.2}", f64::from(threshold) * 100.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(threshold: f32, source: &str) -> FittedThreshold {
        FittedThreshold {
            threshold,
            source: source.to_owned(),
            n_answers: 1234,
            n_wrong: 2,
            n_proposals: 5000,
            n_upright: 100_000,
            bound: Some(0.00044),
            next: Some((0.98, 46)),
        }
    }

    #[test]
    fn the_statement_matches_the_evidence() {
        let text = lines(None, &fitted(0.985, "lowered")).join("\n");
        for part in [
            "from 98.5 % on, by your answers",
            "of 1,000 upright photos at most 1 turned",
            "1,234 of 5,000 such photos answered, 2 wrong; at most 0.4 of 1,000 here (95 %)",
            "about 46 more answers on photos from 98 % on",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = lines(None, &fitted(NEVER, "raised")).join("\n");
        assert!(text.contains("nothing, since your answers refute the model"), "{text}");
        let text = lines(Some(0.95), &fitted(0.985, "lowered"));
        assert_eq!(text.len(), 1);
        assert!(text[0].contains("from 95 % on, by the config"), "{text:?}");
        let object = json(Some(0.95), &fitted(0.985, "lowered"));
        assert_eq!((&object["source"], &object["answers"]), (&"config".into(), &Value::Null));
        assert_eq!(json(None, &fitted(0.985, "lowered"))["auto_confidence"], 0.985);
    }
}
