//! librdkafka's clients: properties, and the last words of a client that failed.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig,
    client::{ClientContext, DefaultClientContext, OAuthToken},
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
    metadata::Metadata,
    types::RDKafkaErrorCode,
};
use schemas::{
    LastWords,
    config::{Kafka, client_properties},
    oidc::Tokens,
};
use secrecy::ExposeSecret as _;
use tracing::debug;

use super::Error;

/// librdkafka's configuration: the user's properties, then `ours`.
pub(super) fn client_config(kafka: &Kafka, ours: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.extend(client_properties(kafka, ours));
    config
}

/// A consumer that remembers why it failed.
pub(super) fn consumer(
    kafka: &Kafka,
    ours: &[(&str, &str)],
) -> Result<BaseConsumer<ClientLog>, Error> {
    let consumer: BaseConsumer<ClientLog> = client_config(kafka, ours)
        .create_with_context(ClientLog::new(kafka))
        .map_err(Error::client)?;
    if kafka.tokens.is_some() {
        // Delivers the request for the first token: no question to the brokers does that.
        drop(consumer.poll(Duration::ZERO));
    }
    Ok(consumer)
}

/// First time limit of one attempt to ask for metadata; doubled each time, because what a client
/// reports of its connections is seen between attempts only.
const ATTEMPT: Duration = Duration::from_secs(1);
/// How long brokers may refuse before that is an answer: one that is starting refuses, too.
const REFUSED: Duration = Duration::from_secs(5);

/// Asks the brokers for the metadata of a topic, or of all. Blocks for `limit` at most, and less when
/// the brokers refuse the sign-in or the encryption.
///
/// # Errors
/// [`Error::Unreachable`] with the cause in librdkafka's words.
pub(super) fn metadata(
    kafka: &Kafka,
    consumer: &BaseConsumer<ClientLog>,
    topic: Option<&str>,
    limit: Duration,
) -> Result<Metadata, Error> {
    let started = Instant::now();
    let mut attempt = ATTEMPT;
    loop {
        let left = limit.saturating_sub(started.elapsed());
        let source = match consumer.fetch_metadata(topic, attempt.min(left)) {
            Ok(metadata) => return Ok(metadata),
            Err(source) => source,
        };
        // Nothing is assigned: this delivers what the client reports, and waits where errors come at once.
        while consumer.poll(ATTEMPT / 10).is_some() {}
        let refused = consumer.context().words.is_refusal() && started.elapsed() >= REFUSED;
        if refused || started.elapsed() >= limit {
            return Err(Error::unreachable(kafka, &consumer.context().reason())(source));
        }
        attempt *= 2;
    }
}

/// Logs of librdkafka, as ours, and tokens for it. Keeps the last error in its words: its log says some
/// of it only (facility `FAIL`), its error events the rest.
#[derive(Debug)]
pub(super) struct ClientLog {
    words: LastWords,
    tokens: Option<Tokens>,
}

impl ClientLog {
    pub(super) fn new(kafka: &Kafka) -> Self {
        Self { words: LastWords::default(), tokens: kafka.tokens.clone() }
    }

    /// The last error, with a colon in front; empty when there was none.
    fn reason(&self) -> String {
        self.words.get().map(|reason| format!(": {reason}")).unwrap_or_default()
    }
}

impl ClientContext for ClientLog {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(
        &self,
        _: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        token(self.tokens.as_ref())
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "FAIL" {
            debug!(target: "librdkafka", facility, "{message}");
            self.words.remember_line(message);
        } else {
            log_line(level, facility, message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "the Kafka client reports an error");
        let code = error.rdkafka_error_code();
        // The ends of partitions are no errors here; that all brokers are down follows from the cause.
        if !matches!(code, Some(RDKafkaErrorCode::PartitionEOF | RDKafkaErrorCode::AllBrokersDown))
        {
            self.words.remember(reason);
        }
    }
}

impl ConsumerContext for ClientLog {}

/// A log line of librdkafka. `kafka.properties` are for every client: that one of consumers means nothing
/// to a producer is nobody's mistake.
fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match facility {
        "CONFWARN" => debug!(target: "librdkafka", facility, "{message}"),
        _ => DefaultClientContext.log(level, facility, message),
    }
}

/// A token for the brokers. librdkafka asks again soon when there is none, and for a new one in time.
fn token(tokens: Option<&Tokens>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
    let tokens = tokens.ok_or("no token endpoint is configured")?;
    let token = tokens.token()?;
    Ok(OAuthToken {
        token: token.value.expose_secret().to_owned(),
        principal_name: tokens.client_id().to_owned(),
        lifetime_ms: token.expires_at,
    })
}
