//! `orientd review --tty`: one photo at a time in a terminal, for a person on a server. The answers are
//! the page's own: the same [`AnswerWriter`] does what is said.

mod graphics;
mod keys;
mod screen;
mod sixel;
mod view;

use std::time::Duration;

use anyhow::Result;

pub(crate) use graphics::Graphics;

use self::keys::Key;
use self::screen::{Input, Screen};
use self::view::{Shown, View};
use super::answers::{AnswerOutcome, AnswerWriter, PhotoAnswer, WayBack};
use super::thumbnails::Thumbnails;
use crate::output::{self, human};
use crate::pipeline::policy::TurnSettings;
use crate::store::{Card, ModelId, PageQuery, RunKind, Store, Tab};
use orientd_core::orientation::Turn;

/// Even a terminal far away over a network answers within this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Everything that is needed from the command line and the config.
pub(crate) struct TerminalSettings {
    pub reader: Store,
    pub writer: Store,
    pub model: Option<ModelId>,
    pub turns: TurnSettings,
    pub thumbnails: Thumbnails,
    /// `None`: the terminal is asked.
    pub graphics: Option<Graphics>,
    /// Surest first.
    pub descending: bool,
}

/// A key of the review tab: a confidence and a row.
type Place = Option<(f64, i64)>;

struct Review {
    reader: Store,
    model: Option<ModelId>,
    answers: AnswerWriter,
    query: PageQuery,
    /// Where the page stood before each answer that can be taken back, and whether it turned the photo.
    answered: Vec<(Place, bool)>,
    n_total: u64,
    n_turned: u64,
    n_fine: u64,
    message: String,
}

/// Runs until no photo is left or the person quits.
///
/// # Errors
/// Returns an error if there is no terminal, or the database fails. The terminal is given back as it was.
pub(crate) fn run(settings: TerminalSettings) -> Result<()> {
    let TerminalSettings { reader, writer, model, turns, thumbnails, graphics, descending } =
        settings;
    let mut screen = Screen::open()?;
    let graphics = match graphics {
        Some(graphics) => graphics,
        None => {
            let reply = screen.ask(graphics::QUERY, PATIENCE, graphics::is_answered)?;
            Graphics::of(&reply, |name| std::env::var(name).ok())
        }
    };
    let query = PageQuery { descending, limit: 1, ..PageQuery::of(Tab::Review) };
    let mut review = Review {
        n_total: reader.count_tab(model, &query)?,
        reader,
        model,
        answers: AnswerWriter::new(writer, model, turns, RunKind::Terminal),
        query,
        answered: Vec::new(),
        n_turned: 0,
        n_fine: 0,
        message: String::new(),
    };
    let view = View { thumbnails, graphics };
    let result = review.converse(&mut screen, &view);
    drop(screen);
    let Review { answers, n_turned, n_fine, .. } = review;
    let closed = answers.close();
    result?;
    let turned = human::plural(n_turned, "photo");
    let fine = match n_fine {
        1 => "1 fine as it is".to_owned(),
        n => format!("{} fine as they are", human::grouped(n)),
    };
    let undo = closed?.map_or_else(String::new, |WayBack { run, .. }| {
        format!("; `orientd undo --run {run}` takes that back")
    });
    output::line(&format!("{turned} turned, {fine}{undo}"))
}

impl Review {
    fn converse(&mut self, screen: &mut Screen, view: &View) -> Result<()> {
        loop {
            let card = self.reader.page(self.model, &self.query)?.pop();
            let photo = match &card {
                Some(card) => self.reader.photo(card.id, self.model)?,
                None => None,
            };
            let shown = card.as_ref().zip(photo.as_ref());
            let pictures = view.pictures(shown.map(|(card, photo)| (card.turn, photo)));
            loop {
                let shown = Shown {
                    card: card.as_ref(),
                    n_answered: self.answered.len(),
                    n_total: self.n_total,
                    message: &self.message,
                };
                let drawn = view.draw(&shown, &pictures, screen.size())?;
                screen.show(&drawn.picture, &drawn.keys)?;
                #[cfg(feature = "test-switches")]
                panic_for_a_test(card.as_ref());
                match screen.next()? {
                    Input::Ended | Input::Key(Key::Quit) => return Ok(()),
                    Input::Resized => {}
                    Input::Key(Key::Help) => {
                        if explain(screen, view)? {
                            return Ok(());
                        }
                    }
                    Input::Key(key) => {
                        self.message.clear();
                        self.obey(key, card.as_ref())?;
                        break;
                    }
                }
            }
        }
    }

    fn obey(&mut self, key: Key, card: Option<&Card>) -> Result<()> {
        let turn = match (key, card) {
            (Key::Undo, _) => return self.undo(),
            (Key::Quit | Key::Help, _) | (_, None) => return Ok(()),
            (Key::Later, Some(card)) => {
                self.query.after = Some(card.key);
                return Ok(());
            }
            (Key::Yes, Some(card)) => card.turn,
            (Key::No, _) => Turn::NONE,
            (Key::Top(side), _) => brings_up(side),
        };
        let Some(card) = card else { return Ok(()) };
        let answer = PhotoAnswer { photo: card.id, turn, seen: card.hash };
        let outcomes = self.answers.answer(&[answer])?;
        let name = view::name(card);
        self.message = match outcomes.first().and_then(|outcome| outcome.refused.as_ref()) {
            Some(why) => format!("{name} was not changed: {}", human::printable(&why.detail)),
            None => {
                let is_turned = turn != Turn::NONE;
                self.answered.push((self.query.after, is_turned));
                *self.tally(is_turned) += 1;
                match turn.degrees() {
                    0 => format!("{name} is fine as it is. u undoes."),
                    degrees => format!("{name} turned {degrees}°. u undoes."),
                }
            }
        };
        self.query.after = Some(card.key);
        Ok(())
    }

    fn tally(&mut self, is_turned: bool) -> &mut u64 {
        if is_turned { &mut self.n_turned } else { &mut self.n_fine }
    }

    fn undo(&mut self) -> Result<()> {
        let outcomes = self.answers.undo_last()?;
        let Some(AnswerOutcome { photo, refused }) = outcomes.first() else {
            self.message = "There is nothing to undo.".into();
            return Ok(());
        };
        let (place, was_turned) = self.answered.pop().unwrap_or((self.query.after, false));
        if let Some(why) = refused {
            let why = human::printable(&why.detail);
            self.message = format!("It could not be put back: {why}");
            return Ok(());
        }
        *self.tally(was_turned) -= 1;
        let is_there = self.reader.photo(*photo, self.model)?;
        self.message = match is_there {
            Some(photo) => format!("{} is as it was.", view::file_name(&photo.path)),
            None => "Taken back.".into(),
        };
        self.query.after = place;
        Ok(())
    }
}

/// Shows what the keys do, until one of them is pressed. Returns whether that ends the review.
fn explain(screen: &mut Screen, view: &View) -> Result<bool> {
    loop {
        let drawn = view.explain(screen.size())?;
        screen.show(&drawn.picture, &drawn.keys)?;
        match screen.next()? {
            Input::Resized => {}
            Input::Ended | Input::Key(Key::Quit) => return Ok(true),
            Input::Key(_) => return Ok(false),
        }
    }
}

/// The turn that brings this side up, numbered clockwise from the top as on the page.
fn brings_up(side: u8) -> Turn {
    Turn::quarters(4 - (side.clamp(1, 4) - 1))
}

/// For the test that a panic gives the terminal back.
#[cfg(feature = "test-switches")]
fn panic_for_a_test(card: Option<&Card>) {
    let Some(wanted) = std::env::var_os("ORIENTD_TEST_PANIC_ON") else { return };
    let name = card.and_then(|card| card.path.file_name());
    assert!(name != Some(&wanted), "as the test wants it");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_come_up() {
        let degrees = [1, 2, 3, 4].map(|side| brings_up(side).degrees());
        assert_eq!(degrees, [0, 270, 180, 90]);
    }
}
