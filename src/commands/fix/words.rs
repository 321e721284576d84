//! What `orientd fix` asks, and says of photos that it leaves.

use super::targets::Targets;
use crate::cli::FixArgs;
use crate::output::human;
use orientd_core::orientation::Turn;

/// What is to be confirmed: turns that nobody has seen and the model doubts, or a whole folder.
pub(super) fn question_about(targets: &Targets, args: &FixArgs) -> Option<String> {
    let photos = human::plural(targets.n_meant(), "photo");
    let in_doubt = human::grouped(targets.n_doubtful);
    match args.turn {
        None if targets.n_doubtful > 0 => {
            Some(format!("Turn {photos}, {in_doubt} of them in doubt?"))
        }
        Some(Turn::NONE) if targets.n_in_folders > 0 => {
            Some(format!("Say of {photos} that they are fine as they are?"))
        }
        Some(turn) if targets.n_in_folders > 0 => {
            Some(format!("Turn {photos} by {}° clockwise?", turn.degrees()))
        }
        _ => None,
    }
}

/// What was left since its turn was taken back.
pub(super) fn put_back(n_left: u64) -> Option<String> {
    let photos = human::plural(n_left, "photo");
    let text = format!(
        "{photos} whose turn was put back left as they are: `orientd review` asks about them, `orientd fix --turn` \
         turns them."
    );
    (n_left > 0).then_some(text)
}

/// What was left since nobody asked for it.
pub(super) fn in_doubt(n_left: u64) -> Option<String> {
    let photos = human::plural(n_left, "photo");
    let text = format!(
        "{photos} in doubt left as they are: `orientd list --verdict review` shows them, `orientd review` asks about \
         them, `orientd fix --doubtful` turns them too."
    );
    (n_left > 0).then_some(text)
}
