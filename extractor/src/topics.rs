//! The topics as one process uses them: what they hold, and the way to write to them.

use schemas::config::Kafka;

use crate::{
    config::Settings,
    kafka::{self, Partitions, Publisher, Rereader},
    state::State,
};

/// Opened once, used by every run of a process.
pub(crate) struct Topics {
    /// What is published.
    pub(crate) state: State,
    pub(crate) publisher: Publisher,
    pub(crate) rereader: Rereader,
    kafka: Kafka,
    partitions: Partitions,
    service: String,
}

impl Topics {
    /// Makes sure that the topics exist and reads what they hold.
    pub(crate) async fn open(settings: &Settings, kafka: &Kafka) -> Result<Self, kafka::Error> {
        let partitions = kafka::ensure(kafka).await?;
        let service = settings.service.clone();
        let state = read(kafka, &partitions, &service, State::default()).await?;
        let mut publisher =
            Publisher::new(kafka, partitions.clone(), settings.run.delivery_timeout).await?;
        if let Some(limit) = settings.run.max_partition_bytes {
            publisher = publisher.guarded(limit, state.bytes.clone());
        }
        let rereader = Rereader::new(kafka);
        Ok(Self { state, publisher, rereader, kafka: kafka.clone(), partitions, service })
    }

    /// Takes in what was written since the state was read, by this process or by another one. After an
    /// error the topics have to be opened anew.
    pub(crate) async fn catch_up(&mut self) -> Result<(), kafka::Error> {
        let state = std::mem::take(&mut self.state);
        self.state = read(&self.kafka, &self.partitions, &self.service, state).await?;
        Ok(())
    }
}

/// Reads on from where `state` ends.
async fn read(
    kafka: &Kafka,
    partitions: &Partitions,
    service: &str,
    mut state: State,
) -> Result<State, kafka::Error> {
    let (kafka, partitions, service) = (kafka.clone(), partitions.clone(), service.to_owned());
    let read = tokio::task::spawn_blocking(move || {
        let ends = state.ends.clone();
        kafka::read_state(&kafka, &partitions, &ends, |stored| state.take(&service, &stored))?;
        Ok(state)
    });
    read.await.map_err(|_| kafka::Error::Interrupted)?
}
