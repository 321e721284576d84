-- The undo store: whole originals of rewritten photos, named by their hash, oldest dropped first.

CREATE TABLE originals (
    hash    BLOB PRIMARY KEY,
    size    INTEGER NOT NULL,                    -- bytes
    kept_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX originals_by_age ON originals(kept_at);
