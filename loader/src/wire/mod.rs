//! The one place where the commands meet the OpenMetadata sink.

mod probe;

use schemas::Topic;
use tokio_util::sync::CancellationToken;

use crate::{
    commands::{Catalogue, Line},
    config::{self, DeleteMode, ServiceType, Settings},
    sink::{
        Fatal, Figures, Inventory, Item, MetadataSink, Outcome, Stage, Watcher,
        openmetadata::{
            Alive, OpenMetadataSink, Stray,
            settings::{
                self, LoadSettings, Pem, ServerSettings, ServiceKind, ServiceSettings,
                TableMapping, TableSettings, TlsSettings, VerifySsl,
            },
        },
    },
};

/// OpenMetadata over REST.
#[derive(Clone, Copy, Debug)]
pub struct OpenMetadata;

impl MetadataSink for OpenMetadataSink {
    async fn apply(&self, stage: Stage, items: &[Item]) -> Result<Vec<Outcome>, Fatal> {
        Self::apply(self, stage, items).await
    }

    fn observe(&self, item: &Item) {
        Self::observe(self, std::slice::from_ref(item));
    }

    fn refresh(&self) {
        Self::refresh(self);
    }

    fn figures(&self) -> Figures {
        Self::figures(self)
    }
}

impl Inventory for OpenMetadataSink {
    type Alive = Alive;
    type Stray = Stray;

    fn add_alive(&self, alive: &mut Alive, topic: Topic, key: &str) {
        Self::add_alive(self, alive, topic, key);
    }

    async fn strays(&self, alive: &Alive) -> Result<(usize, Vec<Stray>), Fatal> {
        let found = Self::strays(self, alive).await?;
        Ok((found.total, found.strays))
    }

    async fn stray_edges(&self, alive: &Alive) -> Result<(usize, Vec<Stray>), Fatal> {
        let found = Self::stray_edges(self, alive).await?;
        Ok((found.total, found.strays))
    }

    fn is_stray(&self, alive: &Alive, stray: &Stray) -> bool {
        Self::is_stray(self, alive, stray)
    }

    async fn remove(&self, stray: &Stray) -> Result<bool, Fatal> {
        Self::remove(self, stray).await
    }
}

impl Catalogue for OpenMetadata {
    type Sink = OpenMetadataSink;

    async fn connect(&self, settings: &Settings) -> Result<OpenMetadataSink, Fatal> {
        // Commands drop the future when they are stopped.
        OpenMetadataSink::connect(sink_settings(settings), CancellationToken::new()).await
    }

    async fn look(&self, settings: &Settings, watcher: Watcher) -> Result<OpenMetadataSink, Fatal> {
        let mut settings = sink_settings(settings);
        // What does not come while somebody looks is said to be missing.
        settings.load.wait_for_columns = false;
        OpenMetadataSink::connect_to_look(settings, CancellationToken::new(), watcher).await
    }

    async fn check(&self, settings: &Settings) -> Vec<Line> {
        probe::check(&settings.service, &settings.open_metadata).await
    }
}

fn sink_settings(settings: &Settings) -> settings::Settings {
    let catalogue = &settings.open_metadata;
    let urls = catalogue.store_service_connection.then(|| catalogue.qlik_urls.clone());
    let urls = urls.unwrap_or_default();
    settings::Settings {
        server: ServerSettings {
            extra_headers: catalogue.extra_headers.clone(),
            refuse_unknown_version: catalogue.validate_version,
            former_users: catalogue.former_users.clone(),
            tls: tls(&catalogue.tls),
            request_timeout: catalogue.request_timeout,
            token_grace: catalogue.token_grace,
            // At start a server that does not answer is more likely misspelt than away.
            patience: Some(settings.flow.connect_timeout),
            max_concurrency: catalogue.concurrency,
            ..ServerSettings::new(catalogue.url.as_str(), catalogue.token.clone())
        },
        service: ServiceSettings {
            name: settings.service.clone(),
            kind: match catalogue.service_type {
                ServiceType::QlikSense => ServiceKind::QlikSense,
                ServiceType::QlikCloud => ServiceKind::QlikCloud,
            },
            host_port: urls.host_port,
            display_url: urls.display_url,
        },
        tables: TableSettings {
            mappings: catalogue.tables.iter().map(mapping).collect(),
            prefixes: catalogue.db_service_prefixes.clone(),
        },
        load: LoadSettings {
            owners: catalogue.include_owners,
            tags: catalogue.include_tags,
            classification: catalogue.classification.clone(),
            override_metadata: catalogue.override_metadata,
            override_lineage: catalogue.override_lineage,
            hard_delete: catalogue.delete_mode == DeleteMode::Hard,
            bulk_rows: catalogue.bulk_rows,
            ..LoadSettings::default()
        },
    }
}

fn tls(tls: &config::Tls) -> TlsSettings {
    TlsSettings {
        verify: if tls.verify { VerifySsl::Validate } else { VerifySsl::Ignore },
        ca: tls.ca_pem.clone().map(|text| Pem::Text(text.into())),
        identity: tls.client_pem.clone().map(Pem::Text).into_iter().collect(),
    }
}

fn mapping(mapping: &config::TableMapping) -> TableMapping {
    TableMapping {
        connection: mapping.connection.clone(),
        service: mapping.service.clone(),
        database: mapping.database.clone(),
        schema: mapping.schema.clone(),
    }
}
