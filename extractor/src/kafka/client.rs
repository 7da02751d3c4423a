//! librdkafka's clients: properties, and the last words of a client that failed.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

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
) -> Result<BaseConsumer<LastWords>, Error> {
    let context = LastWords { last: Mutex::default(), tokens: kafka.tokens.clone() };
    let consumer: BaseConsumer<LastWords> =
        client_config(kafka, ours).create_with_context(context).map_err(Error::client)?;
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
    consumer: &BaseConsumer<LastWords>,
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
        let refused = consumer.context().is_refusal() && started.elapsed() >= REFUSED;
        if refused || started.elapsed() >= limit {
            return Err(Error::unreachable(kafka, &consumer.context().reason())(source));
        }
        attempt *= 2;
    }
}

/// Keeps the last error in librdkafka's words, which say more than its error codes: why the sign-in
/// or the handshake failed. Its log says some of it only (facility `FAIL`), its errors the rest.
#[derive(Debug)]
pub(super) struct LastWords {
    last: Mutex<Option<String>>,
    tokens: Option<Tokens>,
}

impl LastWords {
    /// The last error, with a colon in front; empty when there was none.
    pub(super) fn reason(&self) -> String {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.map(|reason| format!(": {reason}")).unwrap_or_default()
    }

    /// Whether the last error is a broker's no, or ours to it.
    fn is_refusal(&self) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let signs = ["SASL authentication error", "OAUTHBEARER token", "SSL routines"];
        last.as_ref().is_some_and(|last| signs.iter().any(|sign| last.contains(sign)))
    }

    fn remember(&self, reason: &str) {
        // What follows may be the user's own text.
        let reason = reason.split(" beginning at: ").next().unwrap_or_default();
        let reason = reason.split(" (after ").next().unwrap_or_default();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
    }
}

impl ClientContext for LastWords {
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
            // `[thrd:…]: ` comes first.
            self.remember(message.split_once("]: ").map_or(message, |(_, message)| message));
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
            self.remember(reason);
        }
    }
}

impl ConsumerContext for LastWords {}

/// Logs and tokens of a producer.
pub(super) struct ProducerLog {
    pub(super) tokens: Option<Tokens>,
}

impl ClientContext for ProducerLog {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(
        &self,
        _: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        token(self.tokens.as_ref())
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }
}

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
