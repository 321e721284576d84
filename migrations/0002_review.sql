-- For the review page: who answered, and pages of 100,000 proposals without reading them all.
ALTER TABLE labels ADD COLUMN who TEXT;          -- the user who answered; NULL before this was noted
CREATE INDEX labels_by_photo ON labels(photo_id);
CREATE INDEX predictions_proposed ON predictions(model_id, confidence, photo_id) WHERE verdict <> 'upright';
CREATE INDEX predictions_upright ON predictions(model_id, confidence, photo_id) WHERE verdict = 'upright';
CREATE INDEX changes_in_force ON changes(id) WHERE state = 'done';
CREATE INDEX photos_skipped ON photos(id) WHERE reason IS NOT NULL;
