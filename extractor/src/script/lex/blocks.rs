//! Which statements belong to one block. Kept as jumps between indices rather than as a tree: a
//! script nested a million deep costs no stack, neither here nor when it is followed.

use super::{Control, Kind, Raw};

/// Where a block continues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    /// `IF`, `ELSEIF`, `SWITCH`, `CASE`: the next arm, or the end. `NEXT`, `LOOP`: the opener.
    pub(crate) next: usize,
    /// The statement that closes the block; the number of statements when none does.
    pub(crate) end: usize,
}

struct Open {
    opener: usize,
    /// Opener and arms so far.
    arms: Vec<usize>,
    closer: Control,
}

/// Links of every statement, and the indices of those that lack their counterpart.
pub(super) fn link(raws: &[Raw]) -> (Vec<Link>, Vec<usize>) {
    let mut links = vec![Link::default(); raws.len()];
    let mut unbalanced = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    // How many blocks of each kind are open, so that a stray closer is known without a search.
    let mut counts = [0_usize; 5];
    for (index, raw) in raws.iter().enumerate() {
        let Kind::Control(control) = raw.kind else { continue };
        if let Some(closer) = closer_of(control) {
            if let Some(count) = counts.get_mut(slot(closer)) {
                *count += 1;
            }
            open.push(Open { opener: index, arms: vec![index], closer });
            continue;
        }
        match control {
            Control::ElseIf | Control::Else | Control::Case | Control::Default => {
                let closer = match control {
                    Control::ElseIf | Control::Else => Control::EndIf,
                    _ => Control::EndSwitch,
                };
                match open.last_mut() {
                    Some(block) if block.closer == closer => block.arms.push(index),
                    _ => unbalanced.push(index),
                }
            }
            Control::EndIf
            | Control::Next
            | Control::Loop
            | Control::EndSwitch
            | Control::EndSub => {
                if counts.get(slot(control)).is_none_or(|&count| count == 0) {
                    unbalanced.push(index);
                    continue;
                }
                while let Some(block) = open.pop() {
                    if let Some(count) = counts.get_mut(slot(block.closer)) {
                        *count -= 1;
                    }
                    let matches = block.closer == control;
                    close(&mut links, &block, index);
                    if matches {
                        break;
                    }
                    unbalanced.push(block.opener);
                }
            }
            _ => {}
        }
    }
    while let Some(block) = open.pop() {
        unbalanced.push(block.opener);
        close(&mut links, &block, raws.len());
    }
    unbalanced.sort_unstable();
    (links, unbalanced)
}

fn close(links: &mut [Link], block: &Open, end: usize) {
    for (position, &arm) in block.arms.iter().enumerate() {
        let next = block.arms.get(position + 1).copied().unwrap_or(end);
        if let Some(link) = links.get_mut(arm) {
            *link = Link { next, end };
        }
    }
    if let Some(link) = links.get_mut(end) {
        *link = Link { next: block.opener, end };
    }
}

fn closer_of(control: Control) -> Option<Control> {
    match control {
        Control::If => Some(Control::EndIf),
        Control::For | Control::ForEach => Some(Control::Next),
        Control::Do => Some(Control::Loop),
        Control::Switch => Some(Control::EndSwitch),
        Control::Sub => Some(Control::EndSub),
        _ => None,
    }
}

fn slot(closer: Control) -> usize {
    match closer {
        Control::EndIf => 0,
        Control::Next => 1,
        Control::Loop => 2,
        Control::EndSwitch => 3,
        _ => 4,
    }
}
