-- What is known of a photo follows it when another program changes its metadata alone: every photo's picture is kept,
-- answers are carried over to the new content, and changes know it.
CREATE TABLE pictures (
    photo_id INTEGER PRIMARY KEY REFERENCES photos(id) ON DELETE CASCADE,
    hash     BLOB NOT NULL,                      -- the content, and the orientation it was shown with
    stored   INTEGER NOT NULL,
    picture  BLOB NOT NULL                       -- 16x16 brightness, as it was displayed
) STRICT;
INSERT INTO pictures SELECT photo_id, hash, stored, picture FROM predictions WHERE picture IS NOT NULL GROUP BY photo_id;
UPDATE predictions SET picture = NULL WHERE picture IS NOT NULL; -- no longer written

ALTER TABLE labels ADD COLUMN picture BLOB;      -- the photo as it was displayed when it was answered; NULL: not kept
ALTER TABLE labels ADD COLUMN root INTEGER;      -- the answer that this one was carried over from; NULL: given
ALTER TABLE changes ADD COLUMN seen BLOB;        -- the content since, where it is displayed as orientd left it
CREATE INDEX labels_by_picture ON labels(picture) WHERE picture IS NOT NULL;
CREATE INDEX labels_by_root ON labels(root) WHERE root IS NOT NULL;
CREATE INDEX changes_by_seen ON changes(seen) WHERE seen IS NOT NULL;
CREATE INDEX changes_by_result ON changes(hash_after);
UPDATE labels SET picture = (SELECT x.picture FROM pictures x WHERE x.photo_id = labels.photo_id
                             AND x.hash = labels.hash AND x.stored = labels.stored);
