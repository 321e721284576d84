//! Answers that changed no file, as `orientd undo` takes them back.

use std::path::Path;

use anyhow::Result;
use serde_json::{Map, json};

use crate::output::{self, human, json as json_output};
use crate::store::{GivenAnswer, Store};

/// The answer that an undo of `path` takes back: the latest thing that a person did about this one photo.
pub(super) fn latest_at(store: &Store, path: &Path) -> Result<Option<GivenAnswer>> {
    if path.is_dir() { Ok(None) } else { store.latest_answer(path) }
}

/// Takes the answers back and names each.
pub(super) fn withdraw(
    store: &mut Store,
    answers: &[GivenAnswer],
    as_json: bool,
    quiet: bool,
) -> Result<()> {
    for answer in answers {
        store.withdraw(answer)?;
        if as_json {
            let mut object = Map::new();
            json_output::add_path(&mut object, &answer.path);
            object.insert("run".into(), json!(answer.run));
            object.insert("undone".into(), json!(true));
            object.insert("answer".into(), json!("fine"));
            object.insert("stored".into(), json!(answer.stored.to_exif()));
            object.insert("reason".into(), json!(null));
            object.insert("detail".into(), json!(null));
            output::line(&serde_json::Value::Object(object).to_string())?;
        } else if !quiet {
            let path = human::printable(&answer.path.to_string_lossy());
            let turned = match store.last_done(answer.photo)? {
                Some(last) if !last.is_superseded => {
                    "; its turn stays, and undoing the photo once more puts that back"
                }
                _ => "",
            };
            output::line(&format!("taken back  {path}  the answer \"fine as it is\"{turned}"))?;
        }
    }
    Ok(())
}
