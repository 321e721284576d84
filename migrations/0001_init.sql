-- The first schema: what was seen of each photo, what was done to it, and all that is needed to undo it.
-- Times are Unix seconds, *_ns nanoseconds. Paths are bytes, since file names need not be UTF-8.

CREATE TABLE models (
    id                INTEGER PRIMARY KEY,
    hash              BLOB NOT NULL UNIQUE,      -- BLAKE3 of the model file
    name              TEXT NOT NULL,
    backbone          TEXT NOT NULL,
    own_auto          REAL NOT NULL,             -- the bars in the model file
    own_review        REAL NOT NULL,
    auto_confidence   REAL NOT NULL,             -- the bars that the verdicts below were made with
    review_confidence REAL NOT NULL,
    first_used_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
    id         INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL,                    -- scan, fix, undo, daemon
    program    TEXT NOT NULL,
    pid        INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER                           -- NULL: still running, or killed
) STRICT;

CREATE TABLE photos (
    id            INTEGER PRIMARY KEY,
    path          BLOB NOT NULL UNIQUE,
    dev           INTEGER NOT NULL,
    ino           INTEGER NOT NULL,
    size          INTEGER NOT NULL,
    mtime_ns      INTEGER NOT NULL,
    ctime_ns      INTEGER NOT NULL,
    hash          BLOB,                          -- BLAKE3 of the content; NULL where it could not be read
    format        TEXT,
    width         INTEGER,                       -- as stored, before the orientation
    height        INTEGER,
    stored        INTEGER NOT NULL DEFAULT 1,    -- EXIF number 1-8 when it was last looked at
    reason        TEXT,                          -- why it was skipped; NULL: it was looked at
    detail        TEXT,
    look_version  INTEGER NOT NULL,              -- of the decoders; a newer one looks again at skips
    looked_at     INTEGER NOT NULL,
    run_id        INTEGER NOT NULL REFERENCES runs(id),
    missing_since INTEGER                        -- not found by the last whole look at its folder
) STRICT;
CREATE INDEX photos_by_inode ON photos(dev, ino);

CREATE TABLE predictions (
    photo_id     INTEGER NOT NULL REFERENCES photos(id) ON DELETE CASCADE,
    model_id     INTEGER NOT NULL REFERENCES models(id),
    hash         BLOB NOT NULL,                  -- the content that was seen
    stored       INTEGER NOT NULL,               -- and the orientation it was shown with
    views        INTEGER NOT NULL,               -- 1 or 4
    p0           REAL NOT NULL,
    p90          REAL NOT NULL,
    p180         REAL NOT NULL,
    p270         REAL NOT NULL,
    turn         INTEGER NOT NULL,               -- degrees clockwise
    confidence   REAL NOT NULL,
    verdict      TEXT NOT NULL CHECK (verdict IN ('upright', 'fix', 'review')),
    predicted_at INTEGER NOT NULL,
    PRIMARY KEY (photo_id, model_id)
) STRICT, WITHOUT ROWID;

-- Files that are not photos, so that an unchanged one need not be opened again.
CREATE TABLE other_files (
    path     BLOB PRIMARY KEY,
    dev      INTEGER NOT NULL,
    ino      INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The journal. A row is durable before the first byte of its file changes:
--   intent -> done -> undoing -> undone, or intent -> void where nothing was written.
-- `lost` means that a crash was followed by somebody else's change, so there is nothing to put back.
CREATE TABLE changes (
    id          INTEGER PRIMARY KEY,
    run_id      INTEGER NOT NULL REFERENCES runs(id),
    photo_id    INTEGER NOT NULL REFERENCES photos(id),
    path        BLOB NOT NULL,
    action      TEXT NOT NULL CHECK (action IN ('tag', 'pixels', 'sidecar')),
    turn        INTEGER NOT NULL,
    old_stored  INTEGER NOT NULL,
    new_stored  INTEGER NOT NULL,
    hash_before BLOB NOT NULL,
    hash_after  BLOB NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('intent', 'done', 'undoing', 'undone', 'void', 'lost')),
    begun_at    INTEGER NOT NULL,
    settled_at  INTEGER
) STRICT;
CREATE INDEX changes_by_photo ON changes(photo_id, id);
CREATE INDEX changes_by_run ON changes(run_id);
CREATE INDEX changes_unsettled ON changes(state) WHERE state IN ('intent', 'undoing');

-- The bytes of a change: at `offset` of the old file, `old` became `new`.
CREATE TABLE edits (
    change_id INTEGER NOT NULL REFERENCES changes(id) ON DELETE CASCADE,
    seq       INTEGER NOT NULL,
    offset    INTEGER NOT NULL,
    old       BLOB NOT NULL,
    new       BLOB NOT NULL,
    PRIMARY KEY (change_id, seq)
) STRICT, WITHOUT ROWID;

-- What a person (or a sensor) says is true of a content: the turn that makes it upright, seen with `stored`.
CREATE TABLE labels (
    id       INTEGER PRIMARY KEY,
    photo_id INTEGER REFERENCES photos(id) ON DELETE SET NULL,
    path     BLOB NOT NULL,
    hash     BLOB NOT NULL,
    stored   INTEGER NOT NULL,
    turn     INTEGER NOT NULL,
    source   TEXT NOT NULL,                      -- fix, undo, review, sensor
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX labels_by_hash ON labels(hash);

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
