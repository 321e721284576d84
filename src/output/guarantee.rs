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

/// From which confidence on photos are turned without asking.
pub(crate) fn sentence(configured: Option<f32>, fitted: &FittedThreshold) -> String {
    let threshold = configured.unwrap_or(fitted.threshold);
    let because = match (configured, fitted.source.as_str()) {
        (Some(_), _) => ", as the config says",
        (None, "lowered") => ", by your answers",
        (None, "raised") => ", raised by your answers",
        _ => "",
    };
    if threshold >= NEVER && configured.is_none() {
        return "Turns nothing by itself: your answers refute the model.".to_owned();
    }
    format!("Turns by itself only from {} sure{because}.", rounded_up(threshold))
}

/// What the sentence rests on.
pub(crate) fn evidence(configured: Option<f32>, fitted: &FittedThreshold) -> Vec<String> {
    if configured.is_some() {
        return vec!["  your answers do not change that".to_owned()];
    }
    let promised = PROMISED * 1000.0;
    let mut lines = vec![
        format!("  exactly: from {} on", percent(fitted.threshold)),
        format!("  promised: of 1,000 upright photos at most {promised} turned wrongly"),
    ];
    lines.push(match fitted.bound.filter(|_| fitted.n_answers > 0) {
        None => "  evidence: no answers about such photos yet; the model's figure is from other people's".into(),
        Some(bound) => format!(
            "  evidence: {} of {} such photos answered, {} wrong; at most {:.1} of 1,000 here (95 %)",
            grouped(fitted.n_answers.unsigned_abs()),
            grouped(fitted.n_proposals.unsigned_abs()),
            grouped(fitted.n_wrong.unsigned_abs()),
            (bound * 1000.0).min(1000.0)
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

/// Tenths of a percent, and hundredths near 100, never below the threshold itself.
fn rounded_up(threshold: f32) -> String {
    let per_cent = 100.0 * decimal(threshold);
    let steps = if per_cent > 99.9 { 100.0 } else { 10.0 };
    // What is exact in decimals must not move up by a rounding error of f64.
    let up = (per_cent * steps - 1e-6).ceil() / steps;
    format!("{up} %")
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
        let lowered = fitted(0.985, "lowered");
        let text = sentence(None, &lowered);
        assert_eq!(text, "Turns by itself only from 98.5 % sure, by your answers.");
        let text = evidence(None, &lowered).join("\n");
        for part in [
            "of 1,000 upright photos at most 1 turned",
            "1,234 of 5,000 such photos answered, 2 wrong; at most 0.4 of 1,000 here (95 %)",
            "about 46 more answers on photos from 98 % on",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = sentence(None, &fitted(NEVER, "raised"));
        assert!(text.contains("nothing by itself: your answers refute the model"), "{text}");
        let text = sentence(Some(0.95), &lowered);
        assert!(text.contains("from 95 % sure, as the config says"), "{text}");
        assert_eq!(evidence(Some(0.95), &lowered).len(), 1);
        let object = json(Some(0.95), &lowered);
        assert_eq!((&object["source"], &object["answers"]), (&"config".into(), &Value::Null));
        assert_eq!(json(None, &lowered)["auto_confidence"], 0.985);
    }

    #[test]
    fn a_rounded_threshold_is_never_below_itself() {
        let rounded = [0.9884583, 0.95, 0.985, 0.9995, 0.99951, 1.0].map(rounded_up);
        assert_eq!(rounded, ["98.9 %", "95 %", "98.5 %", "99.95 %", "99.96 %", "100 %"]);
    }
}
