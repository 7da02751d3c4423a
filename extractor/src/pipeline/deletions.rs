//! Apps that are gone: their tombstones, and the guard against too many of them.

use std::collections::HashSet;

use tracing::warn;

use super::{Error, Mode, RunContext};
use crate::{
    changes::{self, Gaps, Vanished},
    qlik::model::AppEntry,
    report::Report,
    state::{AppState, State},
};

impl RunContext<'_> {
    /// Tombstones for apps that the site's whole list does not have, unless they are too many.
    pub(super) async fn delete_vanished(
        &self,
        state: &State,
        apps: &[AppEntry],
        mode: Mode,
        report: &mut Report,
    ) -> Result<(), Error> {
        if !self.settings.run.delete_dashboards {
            return Ok(());
        }
        let present: HashSet<&str> = apps.iter().map(|entry| entry.id.as_str()).collect();
        let vanished: Vec<&str> = state
            .apps
            .iter()
            .filter(|(id, _)| !present.contains(id.as_ref()))
            // What the configuration keeps (`markDeleted…: false`) is not gone.
            .filter(|(id, known)| self.vanished(id, known).is_some())
            .map(|(id, _)| id.as_ref())
            .collect();
        if vanished.is_empty() {
            return Ok(());
        }
        if !report.list_complete {
            warn!(
                apps = vanished.len(),
                "apps are missing, but the site's list was not read whole: nothing is deleted"
            );
            return Ok(());
        }
        let max_share = self.settings.run.max_deleted_share;
        if let Some(refusal) = refusal(vanished.len(), state.apps.len(), max_share)
            && !mode.allow_deletions
        {
            warn!(refusal, "deletions refused");
            report.deletions_refused = Some(refusal);
            return Ok(());
        }
        self.delete(state, vanished.into_iter(), report).await
    }

    /// Tombstones for apps that are gone.
    pub(super) async fn delete(
        &self,
        state: &State,
        ids: impl Iterator<Item = &str>,
        report: &mut Report,
    ) -> Result<(), Error> {
        for id in ids {
            let Some(vanished) = state.apps.get(id).and_then(|known| self.vanished(id, known))
            else {
                continue;
            };
            let topics = self.writer.delete(vanished).await?;
            self.topics.files().forget(id);
            for topic in topics {
                report.counts(topic).deleted += 1;
            }
            report.apps_deleted += 1;
            self.metrics.progress(report);
        }
        Ok(())
    }

    fn vanished(&self, id: &str, known: &AppState) -> Option<Vanished> {
        let deletable = self.deletable(&Gaps::default());
        changes::of_vanished_app(&self.settings.service, id, known, deletable)
    }
}

/// Why so many deletions are refused; `None` when they are not. One app may always vanish, unless it
/// was the last: a site that shows nothing any more has hardly been emptied.
pub(crate) fn refusal(vanished: usize, known: usize, max_share: f64) -> Option<String> {
    #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
    let share = vanished as f64 / known.max(1) as f64;
    let is_too_much = share > max_share && (vanished > 1 || vanished == known);
    is_too_much.then(|| {
        format!(
            "{vanished} of {known} published apps are not on the site any more, more than `extractor.maxDeletedShare` ({max_share}) allows; if the user lost access, restore it; if they are really gone, run once with `--allow-deletions`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn deletions_are_refused_beyond_the_share() {
        let check = |vanished, known, max_share, refused: bool| {
            let refusal = refusal(vanished, known, max_share);
            assert_eq!(
                refusal.is_some(),
                refused,
                "{vanished} of {known}, {max_share}: {refusal:?}"
            );
        };
        check(1, 100, 0.5, false);
        check(50, 100, 0.5, false);
        check(51, 100, 0.5, true);
        check(1, 2, 0.3, false);
        check(1, 1, 0.5, true);
        check(2, 3, 0.5, true);
        check(3, 3, 1.0, false);
        check(5, 100, 0.0, true);
    }
}
