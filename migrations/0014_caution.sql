-- What bounds a photo's verdict, whatever the network says: panorama, strip, nothing_to_see, preview_unclear.
ALTER TABLE photos ADD COLUMN caution TEXT;

-- Proposals for panoramas, strips and raw files were made without knowing that, or for a preview that was shown wrongly:
-- those photos are looked at again.
DELETE FROM predictions WHERE verdict <> 'upright' AND photo_id IN (
    SELECT id FROM photos
    WHERE format IN ('dng', 'cr2', 'cr3', 'nef', 'arw', 'raf', 'orf', 'rw2')
       OR width BETWEEN 1.98 * height AND 2.02 * height
       OR width >= 20 * height OR height >= 20 * width);
