//! Branches that cannot be decided.

use std::rc::Rc;

use super::Machine;
use crate::script::limits;
use crate::script::model::state::{Changes, Mark};
use crate::script::model::{Flags, StoredFile};

/// A decision whose branches are each followed from the same state.
#[derive(Debug)]
pub(super) struct Fork {
    pub(super) choice: u64,
    /// Where each branch starts; `None`: the way past all of them.
    ways: Vec<Option<usize>>,
    /// The branch that is being followed.
    way: usize,
    /// `None` when forks are nested too deep: the branches are then followed one after another.
    start: Option<(Mark, Flags)>,
    /// What the branches so far left.
    done: Vec<(u16, Changes)>,
    fixed: usize,
    isolated: bool,
}

/// What comes after a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next branch, at that index.
    Branch(usize),
    /// All branches are merged.
    Merged,
    /// All branches ended the script.
    Exited,
}

impl Machine<'_> {
    /// Starts a decision; the first branch is to be followed next.
    pub(super) fn fork(&mut self, choice: u64, ways: Vec<Option<usize>>) -> Fork {
        let deep = self.forks >= limits::MAX_FORKS;
        self.forks += 1;
        let flags = self.state.flags.clone();
        let start = (!deep).then(|| (self.state.mark(), flags));
        let fixed = self.worlds.fixed.len();
        if !deep {
            self.worlds.fixed.push((choice, 0));
        }
        Fork { choice, ways, way: 0, start, done: Vec::new(), fixed, isolated: !deep }
    }

    /// Ends the branch that is being followed.
    pub(super) fn end_branch(&mut self, fork: &mut Fork, exited: bool) -> Next {
        loop {
            self.worlds.fixed.truncate(fork.fixed);
            if let Some((mark, flags)) = fork.start.take() {
                let changes = self.state.take(mark, &flags);
                if exited && fork.ways.get(fork.way).is_some_and(Option::is_some) {
                    self.keep_stores(&changes);
                } else {
                    fork.done.push((u16::try_from(fork.way).unwrap_or(u16::MAX), changes));
                }
                fork.way += 1;
                if let Some(way) = fork.ways.get(fork.way) {
                    fork.start = Some((self.state.mark(), flags));
                    self.worlds
                        .fixed
                        .push((fork.choice, u16::try_from(fork.way).unwrap_or(u16::MAX)));
                    match way {
                        Some(index) => return Next::Branch(*index),
                        None => return self.end_empty(fork),
                    }
                }
                return self.merge(fork);
            }
            // Followed one after another on one state.
            fork.way += 1;
            match fork.ways.get(fork.way) {
                Some(Some(index)) => return Next::Branch(*index),
                Some(None) => {}
                None => return self.merge(fork),
            }
        }
    }

    /// The way past all branches changes nothing.
    fn end_empty(&mut self, fork: &mut Fork) -> Next {
        self.worlds.fixed.truncate(fork.fixed);
        if let Some((mark, flags)) = fork.start.take() {
            let changes = self.state.take(mark, &flags);
            fork.done.push((u16::try_from(fork.way).unwrap_or(u16::MAX), changes));
        }
        self.merge(fork)
    }

    fn merge(&mut self, fork: &mut Fork) -> Next {
        self.forks = self.forks.saturating_sub(1);
        if fork.done.is_empty() {
            return if fork.isolated { Next::Exited } else { Next::Merged };
        }
        let done = std::mem::take(&mut fork.done);
        self.state.merge(fork.choice, &done);
        Next::Merged
    }

    /// What a branch stored before it ended the script is stored all the same.
    fn keep_stores(&mut self, changes: &Changes) {
        let stored = changes.stores.values().flatten().map(Rc::clone);
        let stored: Vec<Rc<StoredFile>> = stored.collect();
        self.lost_stores.extend(stored);
    }

    /// Follows the same thing once for each combination of values, and merges what they leave.
    pub(super) fn each_world(
        &mut self,
        worlds: Vec<Vec<crate::script::model::state::Choice>>,
        mut run: impl FnMut(&mut Self, usize),
    ) {
        let choice = super::control::hash(&worlds);
        let mut fork = self.fork(choice, (0..worlds.len()).map(Some).collect());
        let mut index = 0;
        loop {
            let before = self.worlds.fixed.len();
            self.worlds.fixed.extend(worlds.get(index).into_iter().flatten().copied());
            run(self, index);
            self.worlds.fixed.truncate(before);
            let exited = std::mem::take(&mut self.exiting);
            match self.end_branch(&mut fork, exited) {
                Next::Branch(next) => index = next,
                Next::Merged => return,
                Next::Exited => {
                    self.exiting = true;
                    return;
                }
            }
        }
    }
}
