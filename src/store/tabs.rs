//! The tabs of the review page, and where the photos of each are in the database.

use super::photo_state::{IS_SAID, IS_TURNED};

/// Which photos a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// A proposal waits for a person: those of the two below.
    Review,
    /// Surely wrong.
    Sure,
    /// Perhaps wrong.
    Doubt,
    /// Turned, and still so.
    Fixed,
    /// Seen as upright.
    Left,
    /// Not looked at, or not turned although it should have been.
    Skipped,
    /// Answered by a person, latest first.
    Answered,
}

impl Tab {
    pub const ALL: [(&'static str, Self); 7] = [
        ("review", Self::Review),
        ("sure", Self::Sure),
        ("doubt", Self::Doubt),
        ("fixed", Self::Fixed),
        ("left", Self::Left),
        ("skipped", Self::Skipped),
        ("answered", Self::Answered),
    ];

    /// Columns, table, conditions and key. The key is what a page continues from: a confidence, or 0, and a row.
    pub(super) fn source(self) -> Source {
        match self {
            Self::Review => Source::predictions(PROPOSED, "q.verdict <> 'upright'"),
            Self::Sure => Source::predictions(
                PROPOSED,
                "q.verdict <> 'upright' AND q.verdict = 'fix'",
            ),
            Self::Doubt => Source::predictions(
                PROPOSED,
                "q.verdict <> 'upright' AND q.verdict = 'review'",
            ),
            Self::Left => Source::predictions("predictions_upright", "q.verdict = 'upright'"),
            Self::Fixed => Source {
                columns: "c.new_stored, c.turn, NULL",
                reason: SKIPPED,
                from: "FROM changes c INDEXED BY changes_in_force CROSS JOIN photos p ON p.id = c.photo_id
                       WHERE ?1 IS ?1 AND c.state = 'done'
                         AND CASE c.action WHEN 'sidecar' THEN c.new_stored = p.stored
                                           ELSE p.hash IN (c.hash_after, c.seen) END"
                    .into(),
                key: "0.0",
                row: "c.id",
            },
            Self::Skipped => Source {
                columns: "p.stored, 0, NULL",
                reason: LEFT_ALONE,
                from: format!(
                    "FROM photos p LEFT JOIN refusals r
                         ON r.photo_id = p.id AND r.hash = p.hash AND r.stored = p.stored
                     WHERE ?1 IS ?1 AND p.id IN (
                         SELECT id FROM photos INDEXED BY photos_skipped WHERE reason IS NOT NULL
                         UNION SELECT photo_id FROM refusals)
                       AND {} IS NOT NULL AND NOT {IS_TURNED} AND (p.reason IS NOT NULL OR NOT EXISTS (
                           SELECT 1 FROM labels l WHERE l.hash = p.hash AND l.stored = p.stored
                                                    AND l.source <> 'sensor'))",
                    LEFT_ALONE[0]
                ),
                key: "0.0",
                row: "p.id",
            },
            Self::Answered => Source {
                columns: "l.stored, l.turn, NULL",
                reason: SKIPPED,
                from: "FROM labels l CROSS JOIN photos p ON p.id = l.photo_id
                       WHERE ?1 IS ?1 AND (l.source IN ('review', 'fix') AND l.root IS NULL OR (
                           l.source = 'outside' AND l.hash = p.hash AND l.stored = p.stored))"
                    .into(),
                key: "0.0",
                row: "l.id",
            },
        }
    }

    /// Is a photo here at most once, by what the model says of it?
    pub(super) fn is_predicted(self) -> bool {
        matches!(self, Self::Review | Self::Sure | Self::Doubt | Self::Left)
    }
}

/// Why a photo was not looked at: the code, and the words.
const SKIPPED: [&str; 2] = ["p.reason", "p.detail"];

/// The same, or why it could not be turned.
const LEFT_ALONE: [&str; 2] = ["coalesce(p.reason, r.reason)", "coalesce(p.detail, r.detail)"];

const PROPOSED: &str = "predictions_proposed";

/// Where the photos of a tab come from.
pub(super) struct Source {
    /// Orientation, turn and confidence.
    pub columns: &'static str,
    pub reason: [&'static str; 2],
    pub from: String,
    pub key: &'static str,
    pub row: &'static str,
}

impl Source {
    /// What the model says of photos as they are now, where nobody has answered yet.
    fn predictions(index: &str, verdict: &str) -> Self {
        Self {
            columns: "q.stored, q.turn, q.confidence",
            reason: SKIPPED,
            from: format!(
                "FROM predictions q INDEXED BY {index} CROSS JOIN photos p ON p.id = q.photo_id
                 WHERE q.model_id = ?1 AND {verdict} AND q.hash = p.hash
                   AND q.stored = p.stored AND p.reason IS NULL
                   AND NOT {IS_SAID} AND NOT {IS_TURNED}"
            ),
            key: "q.confidence",
            row: "q.photo_id",
        }
    }
}
