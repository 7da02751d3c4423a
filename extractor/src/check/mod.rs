//! `extractor check`: step by step from the network to the topics. A step that fails says why, and which
//! setting or which place in Qlik's console to change; the steps that need it are skipped.

mod advice;
mod brokers;
mod network;
#[cfg(test)]
mod page;
mod site;
mod steps;

use schemas::config::Problems;

use crate::{config::Settings, qlik::Site};

use self::steps::{Step, Steps};

/// Runs every step, a line each on standard output; whether all passed. `kafka` is what is wrong with
/// the configuration of Kafka, when it is not in `settings`.
pub async fn run(settings: &Settings, site: &Site, kafka: Option<&Problems>) -> bool {
    let mut steps = Steps::default();
    network::certificates(&mut steps, site);
    if network::reach(&mut steps, settings).await {
        site::steps(&mut steps, settings, site).await;
    }
    match (&settings.kafka, kafka) {
        (Some(kafka), _) => brokers::steps(&mut steps, kafka).await,
        (None, Some(problems)) => {
            let lines: Vec<_> = problems
                .list()
                .iter()
                .map(|problem| format!("`{}` {}", problem.key, problem.message))
                .collect();
            steps.failed(Step::Brokers, lines.join("; "));
        }
        (None, None) => {}
    }
    steps.finish()
}
