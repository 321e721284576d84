-- The automatic bar as the owner's answers have it: the latest row of a model is in force where the config
-- names no bar. A row is added whenever the bar moves, so it can be told why a photo was turned.
CREATE TABLE refits (
    id              INTEGER PRIMARY KEY,
    model_id        INTEGER NOT NULL REFERENCES models(id),
    at              INTEGER NOT NULL,
    auto_confidence REAL NOT NULL,
    source          TEXT NOT NULL CHECK (source IN ('model', 'lowered', 'raised')),
    n_answers       INTEGER NOT NULL,            -- about photos that this bar would turn,
    n_wrong         INTEGER NOT NULL,            -- that say the turn would be wrong
    n_proposals     INTEGER NOT NULL,            -- photos that it would turn
    n_upright       INTEGER NOT NULL,            -- known at that time
    bound           REAL,                        -- wrong turns among upright photos, at most (95 %)
    next_bar        REAL,                        -- the next lower bar within reach,
    n_missing       INTEGER,                     -- and the right answers it takes
    known           TEXT NOT NULL                -- what was known then; fitted anew when that changes
) STRICT;
CREATE INDEX refits_by_model ON refits(model_id, id);
