-- For searching by date: when a photo was taken, by its camera's clock, in seconds as if that clock showed UTC
-- (EXIF names no time zone). NULL: its file does not say, or it has not been looked at since.
ALTER TABLE photos ADD COLUMN taken INTEGER;
