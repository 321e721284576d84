-- The history of runs: who began each, and which turns could not be put back.
ALTER TABLE runs ADD COLUMN who TEXT;            -- a user; NULL before this was noted
ALTER TABLE changes ADD COLUMN refused TEXT;     -- why it could not be put back when that was last tried; NULL: not tried
