use super::*;

#[test]
fn a_newer_database_is_refused_and_unchanged() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("orientd.db");
    Store::open(&path)?.db.pragma_update(None, "user_version", 99)?;
    let before = std::fs::read(&path)?;
    let message = format!("{:#}", Store::open(&path).err().context("must be refused")?);
    assert!(message.contains("newer orientd (schema 99"), "{message}");
    assert_eq!(std::fs::read(&path)?, before);
    Ok(())
}

/// A database as an older version left it.
fn older(path: &Path, version: usize) -> Result<Connection> {
    let db = Connection::open(path)?;
    for sql in &MIGRATIONS[..version] {
        db.execute_batch(sql)?;
    }
    db.pragma_update(None, "user_version", i64::try_from(version)?)?;
    Ok(db)
}

#[test]
fn every_older_database_is_backed_up_and_migrated() -> Result<()> {
    for version in 1..MIGRATIONS.len() {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.db"));
        drop(older(&path, version)?);
        let store = Store::open(&path).with_context(|| format!("from {version}"))?;
        assert_eq!(store.version()?, MIGRATIONS.len());
        let mut backup = path.into_os_string();
        backup.push(format!(".backup-v{version}"));
        let db = Connection::open(Path::new(&backup))?;
        let patience = waiting::command_patience();
        let kept = Store { db, path: backup.into(), patience };
        assert_eq!(kept.version()?, version);
    }
    Ok(())
}

/// What an older rule proposed is no proposal any more, without a photo being opened.
#[test]
fn verdicts_of_an_older_rule_are_decided_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("orientd.db");
    older(&path, 5)?.execute_batch(
        "INSERT INTO models VALUES (1, zeroblob(32), 'm', 'b', 0.99, 0.5, 0.99, 0.5, 0);
         INSERT INTO runs VALUES (1, 'scan', '0.1.0', 1, 0, 0);
         INSERT INTO photos(id, path, dev, ino, size, mtime_ns, ctime_ns, hash, look_version, looked_at, run_id)
         VALUES (1, CAST('/a.jpg' AS BLOB), 1, 1, 1, 1, 1, zeroblob(32), 2, 0, 1);
         INSERT INTO predictions
         VALUES (1, 1, zeroblob(32), 1, 4, 0.25, 0.25, 0.25, 0.25, 90, 0.25, 'review', 0);",
    )?;
    let mut store = Store::open(&path)?;
    let model = crate::files::identity::ContentHash::from_bytes([0; 32]);
    store.known_model(&model, crate::store::ThresholdOverrides::default())?;
    let sql = "SELECT verdict FROM predictions";
    let verdict: String = store.db.query_row(sql, [], |row| row.get(0))?;
    assert_eq!(verdict, "upright");
    Ok(())
}

#[test]
fn another_kind_of_file_is_refused_and_unchanged() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("orientd.db");
    std::fs::write(&path, b"this is not a database, but it is long enough to be one".repeat(40))?;
    let before = std::fs::read(&path)?;
    let message = format!("{:#}", Store::open(&path).err().context("must be refused")?);
    assert!(message.contains("not a database"), "{message}");
    assert_eq!(std::fs::read(&path)?, before);
    Ok(())
}

/// The second comes a little later each time, so that it meets every step of the first.
#[test]
fn two_may_make_the_database_at_once() -> Result<()> {
    for round in 0..200u64 {
        let folder = tempfile::tempdir()?;
        let path = &folder.path().join("orientd.db");
        let barrier = &std::sync::Barrier::new(2);
        let open = |later: Duration| {
            barrier.wait();
            std::thread::sleep(later);
            Store::open(path).map(drop)
        };
        std::thread::scope(|scope| {
            let first = scope.spawn(|| open(Duration::ZERO));
            let second = scope.spawn(|| open(Duration::from_micros(60 * (round % 100))));
            first.join().expect("no panic").and(second.join().expect("no panic"))
        })
        .with_context(|| format!("round {round}"))?;
    }
    Ok(())
}

fn refusal_to_read(path: &Path) -> Result<String> {
    Ok(format!("{:#}", Store::open_read_only(path).err().context("must be refused")?))
}

#[test]
fn reading_alone_takes_exactly_this_schema() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("orientd.db");
    assert!(refusal_to_read(&path)?.contains("cannot open the database"));
    let known = i64::try_from(MIGRATIONS.len())?;
    for (version, hint) in [
        (0, "has no schema\n  `orientd scan`"),
        (known - 1, "older orientd (schema "),
        (known - 1, "\n  run `orientd --db "),
        (known + 1, "newer orientd (schema "),
    ] {
        Store::open(&path)?.db.pragma_update(None, "user_version", version)?;
        let message = refusal_to_read(&path)?;
        assert!(message.contains(hint), "{version}: {message}");
        // What was refused has not been migrated.
        let db = Connection::open(&path)?;
        let left: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        assert_eq!(left, version);
        db.pragma_update(None, "user_version", known)?;
    }
    Ok(())
}

#[test]
fn a_store_opened_for_reading_writes_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("orientd.db");
    let mut writer = Store::open(&path)?;
    let mut reader = Store::open_read_only(&path)?;
    assert!(reader.set_setting("key", "value").is_err());
    writer.set_setting("key", "value")?;
    assert_eq!(reader.setting("key")?.as_deref(), Some("value"));
    Ok(())
}

#[test]
fn old_answers_are_tied_to_their_turns() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("orientd.db");
    let db = Connection::open(&path)?;
    for sql in &MIGRATIONS[..5] {
        db.execute_batch(sql)?;
    }
    db.pragma_update(None, "user_version", 5)?;
    db.execute_batch(
        "INSERT INTO runs(id, kind, program, pid, started_at) VALUES (7, 'fix', '', 1, 1);
         INSERT INTO photos(id, path, dev, ino, size, mtime_ns, ctime_ns, hash, look_version,
                            looked_at, run_id)
         VALUES (1, x'61', 0, 0, 0, 0, 0, x'0B', 1, 1, 7), (2, x'62', 0, 0, 0, 0, 0, x'0C', 1, 1, 7);
         INSERT INTO changes(id, run_id, photo_id, path, action, turn, old_stored, new_stored,
                             hash_before, hash_after, state, begun_at)
         VALUES (1, 7, 1, x'61', 'tag', 90, 1, 6, x'0A', x'0B', 'done', 1),
                (2, 7, 2, x'62', 'sidecar', 90, 1, 6, x'00', x'0D', 'undone', 1);
         INSERT INTO labels(id, photo_id, path, hash, stored, turn, source, at)
         VALUES (1, 1, x'61', x'0A', 1, 90, 'fix', 1), (2, 2, x'62', x'0C', 1, 90, 'review', 1),
                (3, 1, x'61', x'0B', 6, 0, 'review', 1);",
    )?;
    drop(db);
    let store = Store::open(&path)?;
    let mut labels = store.db.prepare("SELECT id, change_id, run_id FROM labels ORDER BY id")?;
    let rows = labels.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let labels = rows.collect::<Result<Vec<(i64, Option<i64>, Option<i64>)>, _>>()?;
    assert_eq!(labels, [(1, Some(1), Some(7)), (3, None, None)], "the undone one is withdrawn");
    Ok(())
}

#[test]
fn opening_twice_migrates_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("orientd.db");
    drop(Store::open(&path)?);
    let store = Store::open(&path)?;
    assert_eq!(store.version()?, MIGRATIONS.len());
    assert_eq!(store.quick_check()?, Vec::<String>::new());
    Ok(())
}
