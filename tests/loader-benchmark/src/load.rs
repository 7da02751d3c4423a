//! The child that loads: the loader's sink, batch by batch as its pipeline hands them over.

use std::time::{Duration, Instant};

use loader::{
    plan::stage,
    sink::{
        Outcome, Stage,
        openmetadata::{
            OpenMetadataSink, Settings,
            settings::{LoadSettings, ServerSettings, ServiceKind, ServiceSettings, TableSettings},
        },
    },
};
use schemas::Topic;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::{
    measure,
    site::{self, SERVICE, Shape},
};

/// Events of a batch, as configured by default.
const BATCH: usize = 500;

const STAGES: [Stage; 3] = [Stage::Assets, Stage::Dashboards, Stage::Lineage];

/// What the child reports.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Loaded {
    /// Events applied.
    pub(crate) events: usize,
    /// Wall time of applying, without making the events.
    pub(crate) seconds: f64,
    /// Computing time of applying.
    pub(crate) cpu_seconds: f64,
    /// Requests sent, and those of them that write.
    pub(crate) requests: u64,
    pub(crate) writes: u64,
    /// Outcomes.
    pub(crate) created: u64,
    pub(crate) unchanged: u64,
    pub(crate) peak_mib: u64,
}

/// Loads the apps; with `without_edges` everything but lineage.
pub(crate) async fn load(
    url: &str,
    token: &str,
    apps: usize,
    without_edges: bool,
) -> anyhow::Result<Loaded> {
    let settings = Settings {
        server: ServerSettings::new(url, Some(token.to_owned().into())),
        service: ServiceSettings {
            name: SERVICE.to_owned(),
            kind: ServiceKind::QlikSense,
            host_port: Some("wss://qlik.example.com:4747".to_owned()),
            display_url: None,
        },
        tables: TableSettings::default(),
        load: LoadSettings::default(),
    };
    let sink = OpenMetadataSink::connect(settings, CancellationToken::new()).await?;
    let (mut wall, mut cpu, mut events) = (Duration::ZERO, Duration::ZERO, 0);
    let shape = Shape::default();
    let per_batch = (BATCH / shape.events_per_app()).max(1);
    let numbers: Vec<usize> = (0..apps).collect();
    for batch in numbers.chunks(per_batch) {
        let mut items: Vec<_> = batch.iter().flat_map(|number| site::app(shape, *number)).collect();
        if without_edges {
            items.retain(|item| item.topic != Topic::Lineage);
        }
        events += items.len();
        // As the pipeline has them: apart, without copying.
        let observed = items.iter().filter(|item| item.topic == Topic::Dashboards).cloned();
        let observed: Vec<_> = observed.collect();
        let mut stages = STAGES.map(|wanted| (wanted, Vec::new()));
        for item in items {
            let wanted = stage(&item);
            if let Some((_, of_stage)) = stages.iter_mut().find(|(stage, _)| *stage == wanted) {
                of_stage.push(item);
            }
        }
        let (begun, computed) = (Instant::now(), measure::own_cpu());
        sink.observe(&observed);
        for (wanted, of_stage) in &stages {
            let wanted = *wanted;
            for (item, outcome) in of_stage.iter().zip(sink.apply(wanted, of_stage).await?) {
                let is_done =
                    matches!(outcome, Outcome::Created | Outcome::Updated | Outcome::Unchanged);
                anyhow::ensure!(is_done, "`{}`: {outcome:?}", item.key);
            }
        }
        wall += begun.elapsed();
        cpu += measure::own_cpu().saturating_sub(computed);
    }
    let counted = sink.snapshot();
    Ok(Loaded {
        events,
        seconds: wall.as_secs_f64(),
        cpu_seconds: cpu.as_secs_f64(),
        requests: counted.requests,
        writes: counted.writes,
        created: counted.created,
        unchanged: counted.unchanged,
        peak_mib: measure::own_peak_mib(),
    })
}
