//! Variables that branches set differently have several values. A statement that uses them is
//! followed once for each combination that can occur: values from the same way through the script
//! go together.

use std::cell::{Cell, RefCell};

use crate::script::eval::Value;
use crate::script::model::state::Choice;

/// Most combinations that one statement is followed for.
pub(super) const MAX_WORLDS: usize = 16;

/// Which decisions are taken as made.
#[derive(Debug, Default)]
pub(super) struct Worlds {
    /// By the branches that are being followed.
    pub(super) fixed: Vec<Choice>,
    replay: RefCell<Replay>,
    /// Whether conditions that are not known may be taken as made, too.
    assuming: Cell<bool>,
    /// Whether the last run left combinations out.
    cut: Cell<bool>,
}

#[derive(Debug, Default)]
struct Replay {
    /// Choices made in this run, with how many there were to choose from.
    picks: Vec<(usize, usize)>,
    next: usize,
    assumed: Vec<Choice>,
    active: bool,
}

impl Worlds {
    /// The value that a variable has in the present combination.
    pub(super) fn choose<'a>(&self, alternatives: &'a [(Vec<Choice>, Value)]) -> Option<&'a Value> {
        let mut replay = self.replay.borrow_mut();
        let possible: Vec<&(Vec<Choice>, Value)> = alternatives
            .iter()
            .filter(|(guard, _)| {
                guard.iter().all(|&(choice, way)| {
                    let known = self.fixed.iter().chain(&replay.assumed);
                    known.filter(|&&(other, _)| other == choice).all(|&(_, taken)| taken == way)
                })
            })
            .collect();
        let index = match possible.len() {
            0 => return alternatives.first().map(|(_, value)| value),
            1 => 0,
            count if replay.active => {
                let next = replay.next;
                replay.next += 1;
                match replay.picks.get(next) {
                    Some(&(pick, _)) => pick,
                    None => {
                        replay.picks.push((0, count));
                        0
                    }
                }
            }
            _ => 0,
        };
        let (guard, value) = possible.get(index).copied().or_else(|| possible.first().copied())?;
        if replay.active {
            replay.assumed.extend(guard.iter().copied());
        }
        Some(value)
    }

    /// A condition that is not known, taken one way and then the other by [`Self::each_assuming`].
    pub(super) fn assume(&self, choice: u64) -> Option<bool> {
        if !self.assuming.get() || !self.replay.borrow().active {
            return None;
        }
        let ways = [(0, true), (1, false)].map(|(way, truth)| {
            let guard = vec![(choice, way)];
            (guard, Value::boolean(truth))
        });
        self.choose(&ways)?.truth()
    }

    /// Whether the last run of [`Self::each`] left combinations out.
    pub(super) fn was_cut(&self) -> bool {
        self.cut.get()
    }

    /// As [`Self::each`], for every way that conditions between known values can go.
    pub(super) fn each_assuming<T>(&self, run: impl FnMut() -> T) -> Vec<(Vec<Choice>, T)> {
        self.assuming.set(true);
        let results = self.each(run);
        self.assuming.set(false);
        results
    }

    /// Runs something for every combination, with the choices that each assumes.
    pub(super) fn each<T>(&self, mut run: impl FnMut() -> T) -> Vec<(Vec<Choice>, T)> {
        *self.replay.borrow_mut() = Replay { active: true, ..Replay::default() };
        let mut results = Vec::new();
        loop {
            {
                let mut replay = self.replay.borrow_mut();
                replay.next = 0;
                replay.assumed.clear();
            }
            let result = run();
            let mut replay = self.replay.borrow_mut();
            let mut assumed = std::mem::take(&mut replay.assumed);
            assumed.sort_unstable();
            assumed.dedup();
            results.push((assumed, result));
            while let Some((pick, count)) = replay.picks.pop() {
                if pick + 1 < count {
                    replay.picks.push((pick + 1, count));
                    break;
                }
            }
            if replay.picks.is_empty() || results.len() >= MAX_WORLDS {
                self.cut.set(!replay.picks.is_empty());
                replay.active = false;
                return results;
            }
        }
    }
}
