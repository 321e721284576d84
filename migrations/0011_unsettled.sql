-- What stands between a change that was cut short and its end, and the name of the new file that is made for it.
ALTER TABLE changes ADD COLUMN temp TEXT;     -- in the target's folder; NULL: a name made from id and hash_before
ALTER TABLE changes ADD COLUMN stuck TEXT;    -- why it could not be settled when that was last tried; NULL: settled, or not tried
ALTER TABLE changes ADD COLUMN n_tries INTEGER NOT NULL DEFAULT 0; -- how often that was tried
ALTER TABLE changes ADD COLUMN next_try INTEGER;                   -- for the service: Unix seconds
