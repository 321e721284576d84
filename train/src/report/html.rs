//! The evaluation as one HTML file that needs nothing beside it.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use orientd_core::image::rgb::Rgb8;

use super::plots::{Line, plot};
use crate::data::Cache;
use crate::drawing::canvas::png;
use crate::drawing::confusion::confusion;
use crate::drawing::contact_sheet::{Tile, contact_sheet};
use crate::eval::Evaluation;
use crate::eval::bootstrap::Figure;
use crate::eval::measure::Measures;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;\
color:#222;background:#fff}table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;\
padding:.25em .6em;text-align:right}td:first-child,th:first-child{text-align:left}\
svg text{font:10px sans-serif;text-anchor:middle}svg .title{font-size:13px}\
svg .key{text-anchor:start;font-size:12px}svg .grid{stroke:#ddd;fill:none}\
figure{display:inline-block;margin:.5em}img{max-width:100%}";

/// The photos answered wrongly, the surest first.
///
/// # Errors
/// Returns an error if the cache cannot be read.
pub fn contact_sheet_of(evaluation: &Evaluation, cache: &Cache) -> Result<Rgb8> {
    let mut tiles = Vec::new();
    for mistake in &evaluation.mistakes {
        let name = mistake.path.rsplit('/').next().unwrap_or(&mistake.path);
        let lines = vec![
            format!("turn {} {:.1}%", mistake.turn, 100.0 * mistake.confidence),
            mistake.source.clone(),
            name.to_owned(),
        ];
        tiles.push(Tile { picture: cache.read(&cache.records[mistake.record])?, lines });
    }
    contact_sheet(&tiles, 7)
}

/// # Errors
/// Returns an error if a picture cannot be encoded.
pub fn page(evaluation: &Evaluation, sheet: &Rgb8) -> Result<String> {
    let title =
        format!("{} on {} photos ({})", evaluation.model, evaluation.photos, evaluation.part);
    let confusions = [
        ("One view", data_uri(&confusion(&evaluation.one_view.confusion))?),
        ("Four views", data_uri(&confusion(&evaluation.four_views.confusion))?),
    ];
    let sheet = data_uri(sheet)?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                (measures(evaluation))
                (resaved(evaluation))
                h2 { "Plots" }
                (plots(evaluation))
                @for (name, picture) in confusions {
                    figure {
                        img src=(picture) alt="confusion matrix";
                        figcaption { (name) ": turned (rows), seen as (columns)" }
                    }
                }
                (sources(evaluation))
                h2 { "The surest mistakes" }
                p {
                    (evaluation.n_mistakes) " photos answered wrongly with four views, the surest "
                    "first; below each the turn it asked for."
                }
                img src=(sheet) alt="contact sheet";
            }
        }
    };
    Ok(page.into_string())
}

fn percent(figure: &Figure) -> Markup {
    let value = 100.0 * figure.value;
    let low = 100.0 * figure.low;
    let high = 100.0 * figure.high;
    html! { (format!("{value:.2} % ")) small { (format!("({low:.2}–{high:.2})")) } }
}

fn plain(figure: &Figure) -> Markup {
    html! {
        (format!("{:.2} ", figure.value))
        small { (format!("({:.2}–{:.2})", figure.low, figure.high)) }
    }
}

fn measures(evaluation: &Evaluation) -> Markup {
    let measures = [&evaluation.one_view, &evaluation.four_views, &evaluation.cascade];
    let row = |name: &str, cell: &dyn Fn(&Measures) -> Markup| {
        html! { tr { td { (name) } @for one in measures { td { (cell(one)) } } } }
    };
    let settings = &evaluation.settings;
    html! {
        p { "95 % intervals by resampling photos." }
        table {
            tr { th {} th { "one view" } th { "four views" } th { "cascade" } }
            (row("right of all four turns", &|one| percent(&one.accuracy)))
            (row("average precision", &|one| percent(&one.average_precision)))
            (row("recall at precision 0.97", &|one| percent(&one.recall_at_97)))
            (row("recall at precision 0.99", &|one| percent(&one.recall_at_99)))
            (row("wrong turns per 1,000 upright", &|one| plain(&one.wrong_per_thousand)))
            (row("wrongly stored: turned rightly", &|one| percent(&one.turned_rightly)))
            (row("wrongly stored: turned wrongly", &|one| percent(&one.turned_wrongly)))
            (row("wrongly stored: for review", &|one| percent(&one.reviewed)))
            (row("loss", &|one| html! { (format!("{:.4}", one.loss.value)) }))
            (row("calibration error", &|one| percent(&one.calibration_error)))
        }
        p {
            "Precision and recall where " (format!("{:.0}", 100.0 * evaluation.prevalence))
            " % are stored wrongly. Turned at " (format!("{:.4}", settings.auto_confidence))
            ", for review from " (format!("{:.4}", settings.review_confidence))
            "; with one view plainly upright from " (format!("{:.4}", settings.cascade_confidence))
            ", so that " (format!("{:.1}", 100.0 * evaluation.cascade_four_views))
            " % of the photos need four views. Temperatures "
            (format!("{:.3} and {:.3}", settings.temperature_1, settings.temperature_4)) "."
        }
    }
}

fn resaved(evaluation: &Evaluation) -> Markup {
    let resave = &evaluation.resave;
    let row = |name: &str, plain: &Figure, resaved: &Figure, change: &Figure| {
        let points = 100.0 * change.value;
        let low = 100.0 * change.low;
        let high = 100.0 * change.high;
        html! {
            tr {
                td { (name) }
                td { (percent(plain)) }
                td { (percent(resaved)) }
                td {
                    (format!("{points:+.2} ")) small { (format!("({low:+.2} to {high:+.2})")) }
                }
            }
        }
    };
    html! {
        h2 { "Re-save probe" }
        p { (resave.photos) " photos turned, saved as JPEG and looked at again." }
        table {
            tr { th {} th { "plain" } th { "saved again" } th { "difference" } }
            (row("one view", &resave.plain_1, &resave.resaved_1, &resave.change_1))
            (row("four views", &resave.plain_4, &resave.resaved_4, &resave.change_4))
        }
    }
}

fn plots(evaluation: &Evaluation) -> Markup {
    let measures = [
        ("one view", "#c60", &evaluation.one_view),
        ("four views", "#06c", &evaluation.four_views),
    ];
    let curves = measures.map(|(name, colour, one)| Line {
        name,
        colour,
        points: one.curve.iter().map(|point| (point.recall, point.precision)).collect(),
        dots: false,
    });
    let mut reliability = vec![Line {
        name: "ideal",
        colour: "#999",
        points: vec![(0.0, 0.0), (1.0, 1.0)],
        dots: false,
    }];
    reliability.extend(measures.map(|(name, colour, one)| {
        let bins = one.bins.iter().filter(|bin| bin.answers > 0.0);
        let points = bins.map(|bin| (bin.confidence, bin.accuracy)).collect();
        Line { name, colour, points, dots: true }
    }));
    let unit = [0.0, 1.0];
    let curves =
        plot("needs turning, and this way", ["recall", "precision"], unit, [0.5, 1.0], &curves);
    let reliability = plot("calibration", ["confidence", "share right"], unit, unit, &reliability);
    // Drawings of fixed words and numbers.
    html! {
        figure { (PreEscaped(curves)) }
        figure { (PreEscaped(reliability)) }
    }
}

fn sources(evaluation: &Evaluation) -> Markup {
    html! {
        h2 { "Sources" }
        p {
            "Mean over sources " (format!("{:.2}", 100.0 * evaluation.mean_source))
            " %; the worst first."
        }
        table {
            tr {
                th { "source" }
                th { "photos" }
                th { "one view" }
                th { "four views" }
                th { "wrong turns per 1,000" }
                th { "turned rightly" }
            }
            @for source in &evaluation.sources {
                tr {
                    td { (source.source) }
                    td { (source.photos) }
                    td { (percent(&source.accuracy_1)) }
                    td { (percent(&source.accuracy_4)) }
                    td { (plain(&source.wrong_per_thousand)) }
                    td { (percent(&source.turned_rightly)) }
                }
            }
        }
    }
}

fn data_uri(picture: &Rgb8) -> Result<String> {
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png(picture)?)))
}
