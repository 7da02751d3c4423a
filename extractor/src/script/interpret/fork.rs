//! Branches that cannot be decided.

use std::rc::Rc;

use super::worlds::MAX_WORLDS;
use super::{Machine, Pending};
use crate::script::limits;
use crate::script::model::Flags;
use crate::script::model::state::{Changes, Choice, Mark};

/// A branch of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Number by which the decision knows it.
    pub(super) label: u16,
    /// Where it starts; `None`: the way past all branches.
    pub(super) start: Option<usize>,
}

/// A decision whose branches are each followed from the same state.
#[derive(Debug)]
pub(super) struct Fork {
    choice: u64,
    ways: Vec<Way>,
    /// The branch that is being followed.
    way: usize,
    /// `None` when forks are nested too deep: the branches are then followed one after another.
    start: Option<(Mark, Flags)>,
    /// What the branches so far left.
    done: Vec<(u16, Changes)>,
    fixed: usize,
    isolated: bool,
    /// Place in the log at which the branches start, and the farthest that one of them reached.
    place: (usize, usize),
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
    pub(super) fn fork(&mut self, choice: u64, ways: Vec<Way>) -> Fork {
        if self.forks == 0 {
            // A branch may take away for its time what is there before and after it.
            self.index_fields();
        }
        let isolated = self.forks < limits::MAX_FORKS
            && self.decisions < limits::MAX_DECISIONS
            && self.merged < limits::MAX_MERGED;
        self.forks += 1;
        self.decisions += 1;
        let fixed = self.worlds.fixed.len();
        let flags = self.state.flags.clone();
        let done = Vec::new();
        let place = (self.log_place(), 0);
        let mut fork = Fork { choice, ways, way: 0, start: None, done, fixed, isolated, place };
        if isolated {
            self.start_way(&mut fork, flags);
        }
        fork
    }

    fn start_way(&mut self, fork: &mut Fork, flags: Flags) {
        fork.start = Some((self.state.mark(), flags));
        if let Some(way) = fork.ways.get(fork.way) {
            self.worlds.fixed.push((fork.choice, way.label));
        }
    }

    /// Ends the branch that is being followed.
    pub(super) fn end_branch(&mut self, fork: &mut Fork, exited: bool) -> Next {
        let mut exited = exited;
        fork.place.1 = fork.place.1.max(self.log_place());
        self.set_log_place(fork.place.0);
        loop {
            let ended = fork.ways.get(fork.way).copied();
            let mut flags = None;
            if let Some((mark, before)) = fork.start.take() {
                self.worlds.fixed.truncate(fork.fixed);
                let changes = self.state.take(mark, &before);
                if exited && ended.is_some_and(|way| way.start.is_some()) {
                    self.keep_stores(&changes);
                } else if let Some(way) = ended {
                    fork.done.push((way.label, changes));
                }
                flags = Some(before);
            }
            fork.way += 1;
            let Some(next) = fork.ways.get(fork.way).copied() else { return self.merge(fork) };
            if let Some(flags) = flags {
                self.start_way(fork, flags);
            }
            match next.start {
                Some(index) => return Next::Branch(index),
                // The way past all branches changes nothing.
                None => exited = false,
            }
        }
    }

    fn merge(&mut self, fork: &mut Fork) -> Next {
        self.forks = self.forks.saturating_sub(1);
        self.set_log_place(fork.place.1);
        let done = std::mem::take(&mut fork.done);
        if done.is_empty() && fork.isolated {
            return Next::Exited;
        }
        if !done.is_empty() {
            self.merged += self.state.merge(fork.choice, &done);
        }
        if self.forks == 0 {
            self.forget_signatures();
        }
        Next::Merged
    }

    /// What a branch stored before it ended the script is stored all the same.
    fn keep_stores(&mut self, changes: &Changes) {
        let stored = changes.stores.iter().filter_map(|(key, stored)| {
            stored.as_ref().map(|stored| (Rc::clone(key), Rc::clone(stored)))
        });
        self.lost_stores.extend(stored);
    }

    /// Follows the same thing once for each combination of values, and merges what they leave.
    pub(super) fn each_world(
        &mut self,
        worlds: Vec<Vec<Choice>>,
        mut run: impl FnMut(&mut Self, usize),
    ) {
        let waiting = std::mem::take(&mut self.pending);
        let mut left: Vec<(Vec<Choice>, Vec<Pending>)> = Vec::new();
        let choice = super::control::hash(&worlds);
        let ways = (0..worlds.len()).map(|index| Way {
            label: u16::try_from(index).unwrap_or(u16::MAX),
            start: Some(index),
        });
        let mut fork = self.fork(choice, ways.collect());
        let mut index = 0;
        loop {
            let before = self.worlds.fixed.len();
            let guard = worlds.get(index).map_or(&[][..], Vec::as_slice);
            self.worlds.fixed.extend_from_slice(guard);
            // Each of them feeds, and leaves, preceding loads of its own.
            self.pending.clone_from(&waiting);
            self.inline_forks += 1;
            run(self, index);
            self.inline_forks -= 1;
            self.worlds.fixed.truncate(before);
            match std::mem::take(&mut self.pending) {
                pending if !pending.is_empty() => left.push((guard.to_vec(), pending)),
                _ => left.extend(self.alternatives.drain(..).map(|(inner, pending)| {
                    (guard.iter().chain(&inner).copied().collect(), pending)
                })),
            }
            let exited = std::mem::take(&mut self.exiting);
            match self.end_branch(&mut fork, exited) {
                Next::Branch(next) => index = next,
                Next::Merged => break,
                Next::Exited => {
                    self.exiting = true;
                    return;
                }
            }
        }
        if left.len() > MAX_WORLDS {
            self.say_cut();
            left.truncate(MAX_WORLDS);
        }
        if left.len() > 1 {
            self.alternatives = left;
        } else {
            self.pending = left.pop().map(|(_, pending)| pending).unwrap_or_default();
        }
    }

    /// Says that only some of the ways to read a statement are followed.
    pub(super) fn say_cut(&mut self) {
        self.say(format!(
            "there are more than {MAX_WORLDS} ways to read what is loaded here; the others are left out"
        ));
    }
}
