-- Which sidecars a change edits: they have two names, and where several lie beside a photo they are kept in step.

ALTER TABLE changes ADD COLUMN sidecar TEXT;     -- full.xmp, full.XMP, stem.xmp, stem.XMP; NULL: no sidecar, or full.xmp before this was noted

-- Those beside the one that the row in `changes` is about, each with its one edit.
CREATE TABLE further_sidecars (
    change_id   INTEGER NOT NULL REFERENCES changes(id) ON DELETE CASCADE,
    name        TEXT NOT NULL,                   -- as in changes.sidecar
    hash_before BLOB NOT NULL,
    hash_after  BLOB NOT NULL,
    offset      INTEGER NOT NULL,
    old         BLOB NOT NULL,
    new         BLOB NOT NULL,
    PRIMARY KEY (change_id, name)
) STRICT, WITHOUT ROWID;
