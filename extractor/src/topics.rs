//! The topics as one process uses them: what they hold, and the way to write to them.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use schemas::{
    codec::{Frame, WriterId},
    config::Kafka,
};
use tokio::runtime::Handle;

use crate::{
    config::Settings,
    files::Book,
    kafka::{self, Decoder, Partitions, Publisher, Rereader},
    map::AppNames,
    qlik::model::AppEntry,
    state::State,
};

/// Opened once, used by every run of a process.
pub(crate) struct Topics {
    /// What is published.
    pub(crate) state: State,
    pub(crate) publisher: Publisher,
    pub(crate) rereader: Rereader,
    pub(crate) decoder: Arc<Decoder>,
    /// What all apps say of data files. Locked for moments only.
    files: Mutex<Book>,
    /// The apps of the last look at the whole site, and those that the feed told of since.
    names: Mutex<Arc<AppNames>>,
    kafka: Kafka,
    partitions: Partitions,
    service: String,
}

impl Topics {
    /// Makes sure that the topics exist and reads what they hold.
    pub(crate) async fn open(settings: &Settings, kafka: &Kafka) -> Result<Self, kafka::Error> {
        let partitions = kafka::ensure(kafka).await?;
        let service = settings.service.clone();
        let nothing = (State::default(), Book::default());
        let decoder = Arc::new(Decoder::new(kafka)?);
        // The producer needs half a second until it may write; the topics are read meanwhile.
        let publisher = Publisher::new(kafka, partitions.clone(), settings.run.delivery_timeout);
        let (publisher, read) =
            tokio::join!(publisher, read(kafka, &partitions, &service, &decoder, nothing));
        let (mut publisher, (state, files)) = (publisher?, read?);
        if let Some(limit) = settings.run.max_partition_bytes {
            publisher = publisher.guarded(limit, state.bytes.clone());
        }
        Ok(Self {
            state,
            publisher,
            rereader: Rereader::new(kafka),
            decoder,
            files: Mutex::new(files),
            names: Mutex::default(),
            kafka: kafka.clone(),
            partitions,
            service,
        })
    }

    /// Takes in what was written since the state was read, by this process or by another one. After an
    /// error the topics have to be opened anew.
    pub(crate) async fn catch_up(&mut self) -> Result<(), kafka::Error> {
        let known = (std::mem::take(&mut self.state), std::mem::take(&mut *self.files()));
        let (state, files) =
            read(&self.kafka, &self.partitions, &self.service, &self.decoder, known).await?;
        self.state = state;
        *self.files() = files;
        Ok(())
    }

    pub(crate) fn files(&self) -> MutexGuard<'_, Book> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what scripts may call the apps of the site, which was looked at as a whole.
    pub(crate) fn set_names(&self, names: Arc<AppNames>) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// Adds these apps, which are new or have another title; all names.
    pub(crate) fn add_names(&self, apps: &[AppEntry]) -> Arc<AppNames> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let added = Arc::make_mut(&mut names);
        apps.iter().for_each(|app| added.add(&app.id, &app.title));
        names.clone()
    }
}

/// Reads on from where the state ends.
async fn read(
    kafka: &Kafka,
    partitions: &Partitions,
    service: &str,
    decoder: &Arc<Decoder>,
    (mut state, mut files): (State, Book),
) -> Result<(State, Book), kafka::Error> {
    let (kafka, partitions, service) = (kafka.clone(), partitions.clone(), service.to_owned());
    let (decoder, runtime) = (decoder.clone(), Handle::current());
    let read = tokio::task::spawn_blocking(move || {
        // Asked for once for each of a handful of ids, and not for each value.
        let schemas = RefCell::new(HashMap::new());
        let writer = |frame: &Frame<'_>| {
            let WriterId::Registry(id) = frame.writer else { return None };
            let mut schemas = schemas.borrow_mut();
            let ask = || runtime.block_on(decoder.registered(id));
            schemas.entry(id).or_insert_with(ask).clone()
        };
        let ends = state.ends.clone();
        kafka::read_state(&kafka, &partitions, &ends, |stored| {
            state.take(&service, &stored);
            files.take(&service, &stored, &writer);
        })?;
        Ok((state, files))
    });
    read.await.map_err(|_| kafka::Error::Interrupted)?
}
