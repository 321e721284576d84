//! The evaluation as one HTML file that needs nothing beside it.

use std::fmt::Write;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use orientd_core::image::rgb::Rgb8;

use super::canvas::png;
use super::drawings::{Tile, confusion, contact_sheet};
use super::plots::{Line, plot};
use crate::data::Cache;
use crate::eval::Evaluation;
use crate::eval::bootstrap::Figure;
use crate::eval::measure::Look;

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
    let title = format!(
        "{} on {} photos ({})",
        escape(&evaluation.model),
        evaluation.photos,
        evaluation.part
    );
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style><h1>{title}</h1>"
    );
    page.push_str(&looks(evaluation));
    page.push_str(&resaved(evaluation));
    page.push_str("<h2>Plots</h2>");
    page.push_str(&plots(evaluation));
    for (name, look) in [("One view", &evaluation.one_view), ("Four views", &evaluation.four_views)]
    {
        let picture = data_uri(&confusion(&look.confusion))?;
        let _ = write!(
            page,
            "<figure><img src=\"{picture}\" alt=\"confusion matrix\">\
             <figcaption>{name}: turned (rows), seen as (columns)</figcaption></figure>"
        );
    }
    page.push_str(&sources(evaluation));
    let _ = write!(
        page,
        "<h2>The surest mistakes</h2><p>{} photos answered wrongly with four views, the surest \
         first; below each the turn it asked for.</p><img src=\"{}\" alt=\"contact sheet\"></html>",
        evaluation.n_mistakes,
        data_uri(sheet)?
    );
    Ok(page)
}

fn percent(figure: &Figure) -> String {
    let share = |x: f64| 100.0 * x;
    format!(
        "{:.2} % <small>({:.2}–{:.2})</small>",
        share(figure.value),
        share(figure.low),
        share(figure.high)
    )
}

fn plain(figure: &Figure) -> String {
    format!("{:.2} <small>({:.2}–{:.2})</small>", figure.value, figure.low, figure.high)
}

fn looks(evaluation: &Evaluation) -> String {
    let looks = [&evaluation.one_view, &evaluation.four_views, &evaluation.cascade];
    let mut table = String::from(
        "<p>95 % intervals by resampling photos.</p><table><tr><th><th>one view<th>four views<th>cascade",
    );
    let mut row = |name: &str, cell: &dyn Fn(&Look) -> String| {
        let _ = write!(table, "<tr><td>{name}");
        for look in looks {
            let _ = write!(table, "<td>{}", cell(look));
        }
    };
    row("right of all four turns", &|look| percent(&look.accuracy));
    row("average precision", &|look| percent(&look.average_precision));
    row("recall at precision 0.97", &|look| percent(&look.recall_at_97));
    row("recall at precision 0.99", &|look| percent(&look.recall_at_99));
    row("wrong turns per 1,000 upright", &|look| plain(&look.wrong_per_thousand));
    row("wrongly stored: turned rightly", &|look| percent(&look.turned_rightly));
    row("wrongly stored: turned wrongly", &|look| percent(&look.turned_wrongly));
    row("wrongly stored: for review", &|look| percent(&look.reviewed));
    row("loss", &|look| format!("{:.4}", look.loss.value));
    row("calibration error", &|look| percent(&look.calibration_error));
    let settings = &evaluation.settings;
    let _ = write!(
        table,
        "</table><p>Precision and recall where {:.0} % are stored wrongly. Turned at {:.4}, for review \
         from {:.4}; with one view plainly upright from {:.4}, so that {:.1} % of the photos need four \
         views. Temperatures {:.3} and {:.3}.</p>",
        100.0 * evaluation.prevalence,
        settings.auto_confidence,
        settings.review_confidence,
        settings.cascade_confidence,
        100.0 * evaluation.cascade_four_views,
        settings.temperature_1,
        settings.temperature_4
    );
    table
}

fn resaved(evaluation: &Evaluation) -> String {
    let resave = &evaluation.resave;
    let row = |name: &str, plain: &Figure, resaved: &Figure, change: &Figure| {
        let points = |share: f64| 100.0 * share;
        format!(
            "<tr><td>{name}<td>{}<td>{}<td>{:+.2} <small>({:+.2} to {:+.2})</small>",
            percent(plain),
            percent(resaved),
            points(change.value),
            points(change.low),
            points(change.high)
        )
    };
    format!(
        "<h2>Re-save probe</h2><p>{} photos turned, saved as JPEG and looked at again.</p>\
         <table><tr><th><th>plain<th>saved again<th>difference{}{}</table>",
        resave.photos,
        row("one view", &resave.plain_1, &resave.resaved_1, &resave.change_1),
        row("four views", &resave.plain_4, &resave.resaved_4, &resave.change_4)
    )
}

fn plots(evaluation: &Evaluation) -> String {
    let looks = [
        ("one view", "#c60", &evaluation.one_view),
        ("four views", "#06c", &evaluation.four_views),
    ];
    let curves = looks.map(|(name, colour, look)| Line {
        name,
        colour,
        points: look.curve.iter().map(|point| (point.recall, point.precision)).collect(),
        dots: false,
    });
    let mut reliability = vec![Line {
        name: "ideal",
        colour: "#999",
        points: vec![(0.0, 0.0), (1.0, 1.0)],
        dots: false,
    }];
    reliability.extend(looks.map(|(name, colour, look)| {
        let bins = look.bins.iter().filter(|bin| bin.answers > 0.0);
        let points = bins.map(|bin| (bin.confidence, bin.accuracy)).collect();
        Line { name, colour, points, dots: true }
    }));
    let unit = [0.0, 1.0];
    format!(
        "<figure>{}</figure><figure>{}</figure>",
        plot("needs turning, and this way", ["recall", "precision"], unit, [0.5, 1.0], &curves),
        plot("calibration", ["confidence", "share right"], unit, unit, &reliability)
    )
}

fn sources(evaluation: &Evaluation) -> String {
    let mut table = format!(
        "<h2>Sources</h2><p>Mean over sources {:.2} %; the worst first.</p><table><tr><th>source\
         <th>photos<th>one view<th>four views<th>wrong turns per 1,000<th>turned rightly",
        100.0 * evaluation.mean_source
    );
    for source in &evaluation.sources {
        let _ = write!(
            table,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}",
            escape(&source.source),
            source.photos,
            percent(&source.accuracy_1),
            percent(&source.accuracy_4),
            plain(&source.wrong_per_thousand),
            percent(&source.turned_rightly)
        );
    }
    table.push_str("</table>");
    table
}

fn data_uri(picture: &Rgb8) -> Result<String> {
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png(picture)?)))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
