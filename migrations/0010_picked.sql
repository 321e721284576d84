-- Was the turn put back as a photo that a person pointed at (1), or together with a folder, a run or a time (0)? Only
-- the former says that the turn was wrong. NULL: not put back, or before this was noted.
ALTER TABLE changes ADD COLUMN picked INTEGER;
