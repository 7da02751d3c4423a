//! The order of work within a batch: parents before children, deletes in reverse.

use std::collections::BTreeMap;

use schemas::Topic;

use super::Work;
use crate::sink::{Change, Item, Stage};

/// Stage of a change.
#[must_use]
pub fn stage(item: &Item) -> Stage {
    match (&item.change, item.topic) {
        (Change::Upsert(_), Topic::Dashboards) => Stage::Dashboards,
        (Change::Upsert(_), Topic::Lineage) => Stage::Lineage,
        (Change::Upsert(_), _) => Stage::Assets,
        (Change::Delete { .. }, Topic::Dashboards) => Stage::DeleteDashboards,
        (Change::Delete { .. }, Topic::Lineage) => Stage::DeleteLineage,
        (Change::Delete { .. }, _) => Stage::DeleteAssets,
    }
}

/// The changes of a batch by stage, in the order in which they are to be applied. There is at most one
/// change of a key, so the order within a stage does not matter.
#[must_use]
pub fn by_stage(works: Vec<Work>) -> BTreeMap<Stage, Vec<Work>> {
    let mut stages: BTreeMap<Stage, Vec<Work>> = BTreeMap::new();
    for work in works {
        stages.entry(stage(&work.item)).or_default().push(work);
    }
    stages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::work;

    #[test]
    fn parents_come_before_children_and_deletes_in_reverse() {
        let item = |topic: Topic, upsert: bool| {
            let mut work = work("k", 1, upsert, 1);
            work.item.topic = topic;
            work
        };
        let topics = [Topic::Lineage, Topic::Dashboards, Topic::Charts, Topic::DataModels];
        let works = topics.into_iter().flat_map(|topic| [item(topic, false), item(topic, true)]);
        let order: Vec<_> = by_stage(works.collect())
            .into_iter()
            .flat_map(|(stage, works)| {
                works.into_iter().map(move |work| (stage, work.item.topic.suffix()))
            })
            .collect();
        assert_eq!(
            order,
            [
                (Stage::Assets, "charts"),
                (Stage::Assets, "datamodels"),
                (Stage::Dashboards, "dashboards"),
                (Stage::Lineage, "lineage"),
                (Stage::DeleteLineage, "lineage"),
                (Stage::DeleteDashboards, "dashboards"),
                (Stage::DeleteAssets, "charts"),
                (Stage::DeleteAssets, "datamodels"),
            ]
        );
    }
}
