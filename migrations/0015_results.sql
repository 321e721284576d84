-- What a turn has made, as it is displayed: a copy of it with other metadata is known by that.
ALTER TABLE changes ADD COLUMN result BLOB;      -- picture, turned; NULL: not kept, or before this was noted
CREATE INDEX changes_by_result_picture ON changes(result) WHERE result IS NOT NULL;
