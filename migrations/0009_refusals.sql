-- Why a photo was not turned although it should have been, as long as it is what it was then. A turn of it
-- removes the row, and so does looking at the file anew.
CREATE TABLE refusals (
    photo_id INTEGER PRIMARY KEY REFERENCES photos(id) ON DELETE CASCADE,
    hash     BLOB NOT NULL,                      -- the content, and the orientation it was shown with
    stored   INTEGER NOT NULL,
    run_id   INTEGER NOT NULL REFERENCES runs(id),
    reason   TEXT NOT NULL,
    detail   TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

-- 1: the run applied what the model proposed, and no person looked at the photos. Scans and daemons always do.
ALTER TABLE runs ADD COLUMN proposed INTEGER NOT NULL DEFAULT 0;

-- The rule of the verdict has changed (a turn must be likelier than "upright" by a margin), so that each model's
-- verdicts are decided again when it is next used: no model has this threshold.
UPDATE models SET review_confidence = -1;
