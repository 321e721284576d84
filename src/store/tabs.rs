//! The tabs of the review page, and where the photos of each are in the database.

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
                from: "FROM changes c INDEXED BY changes_in_force CROSS JOIN photos p ON p.id = c.photo_id
                       WHERE ?1 IS ?1 AND c.state = 'done'
                         AND CASE c.action WHEN 'sidecar' THEN c.new_stored = p.stored
                                           ELSE c.hash_after = p.hash END"
                    .into(),
                key: "0.0",
                row: "c.id",
            },
            Self::Skipped => Source {
                columns: "p.stored, 0, NULL",
                from: "FROM photos p INDEXED BY photos_skipped
                       WHERE ?1 IS ?1 AND p.reason IS NOT NULL"
                    .into(),
                key: "0.0",
                row: "p.id",
            },
            Self::Answered => Source {
                columns: "l.stored, l.turn, NULL",
                from: "FROM labels l CROSS JOIN photos p ON p.id = l.photo_id
                       WHERE ?1 IS ?1 AND (l.source IN ('review', 'fix') OR (
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

const PROPOSED: &str = "predictions_proposed";

/// Where the photos of a tab come from.
pub(super) struct Source {
    /// Orientation, turn and confidence.
    pub columns: &'static str,
    pub from: String,
    pub key: &'static str,
    pub row: &'static str,
}

impl Source {
    /// What the model says of photos as they are now, where nobody has answered yet.
    fn predictions(index: &str, verdict: &str) -> Self {
        Self {
            columns: "q.stored, q.turn, q.confidence",
            from: format!(
                "FROM predictions q INDEXED BY {index} CROSS JOIN photos p ON p.id = q.photo_id
                 WHERE q.model_id = ?1 AND {verdict} AND q.hash = p.hash
                   AND q.stored = p.stored AND p.reason IS NULL AND NOT EXISTS (
                       SELECT 1 FROM labels l
                       WHERE l.hash = p.hash AND l.stored = p.stored AND l.source <> 'sensor')"
            ),
            key: "q.confidence",
            row: "q.photo_id",
        }
    }
}
