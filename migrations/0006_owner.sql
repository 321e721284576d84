-- The owner's word: what other programs do to photos that orientd has turned, and which answers an undo takes back.
-- A label by `outside` says that somebody else changed the orientation after orientd's turn, and is right as it is.

ALTER TABLE predictions ADD COLUMN picture BLOB; -- 16x16 brightness of what was seen; NULL: no turn is proposed, or seen earlier
ALTER TABLE changes ADD COLUMN content BLOB;     -- the photo before: hash_before, but with a sidecar its own file's hash
ALTER TABLE changes ADD COLUMN picture BLOB;     -- the photo as it was displayed before
ALTER TABLE changes ADD COLUMN begun_ns INTEGER; -- begun_at, more exactly
ALTER TABLE labels ADD COLUMN change_id INTEGER REFERENCES changes(id); -- the turn that an answer made, or that was put back outside
ALTER TABLE labels ADD COLUMN run_id INTEGER REFERENCES runs(id);       -- an answer's; NULL before this was noted

UPDATE changes SET
    content = CASE action WHEN 'sidecar' THEN (SELECT hash FROM photos WHERE id = photo_id) ELSE hash_before END,
    begun_ns = begun_at * 1000000000;

-- Answers that made a turn; those whose turn was undone since are withdrawn, as they would be now.
UPDATE labels SET change_id = (
    SELECT max(c.id) FROM changes c
    WHERE c.photo_id = labels.photo_id AND c.turn = labels.turn AND c.old_stored = labels.stored
      AND c.content = labels.hash AND c.state IN ('done', 'undone'))
WHERE source IN ('fix', 'review') AND turn <> 0;
UPDATE labels SET run_id = (SELECT run_id FROM changes WHERE id = change_id) WHERE change_id IS NOT NULL;
DELETE FROM labels WHERE change_id IN (SELECT id FROM changes WHERE state = 'undone');

CREATE INDEX labels_by_change ON labels(change_id) WHERE change_id IS NOT NULL;
CREATE INDEX labels_by_run ON labels(run_id) WHERE run_id IS NOT NULL;
CREATE INDEX changes_by_content ON changes(content);
CREATE INDEX changes_by_picture ON changes(picture) WHERE picture IS NOT NULL;
