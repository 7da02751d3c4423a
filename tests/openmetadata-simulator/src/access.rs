//! Tokens, and what their owners may do.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::entity::Entity;
use crate::json::Json;
use crate::problem::Problem;
use crate::store::Store;
use crate::version::Rules;

/// The token of the ingestion bot unless the settings name another one: a token in the form of a JWT, with the
/// subject `ingestion-bot` and the signature `simulator`. It opens nothing but this simulator.
pub const DEFAULT_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJpbmdlc3Rpb24tYm90In0.c2ltdWxhdG9y";

/// The user behind the bot whose token a loader uses.
pub(crate) const INGESTION_BOT: &str = "ingestion-bot";

/// The user behind a request.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) name: Arc<str>,
    pub(crate) bot: bool,
    admin: bool,
    has_role: bool,
}

impl Actor {
    /// The author of what is there before anybody came.
    pub(crate) fn administrator() -> Self {
        Self { name: Arc::from("admin"), bot: false, admin: true, has_role: true }
    }

    pub(crate) fn of(user: &Entity) -> Self {
        Self {
            name: Arc::clone(&user.name),
            bot: user.plain_flag("isBot"),
            admin: user.plain_flag("isAdmin"),
            has_role: user.plain("roles").is_some_and(|roles| !roles.items().is_empty()),
        }
    }

    /// Whether the user may do `operation`; users without a role may only read.
    pub(crate) fn may(&self, operation: &str) -> Result<(), Problem> {
        if self.admin || self.has_role { Ok(()) } else { Err(self.denied(operation)) }
    }

    /// Whether the user may read.
    pub(crate) fn may_read(&self, rules: &Rules) -> Result<(), Problem> {
        if self.bot && !self.has_role && !rules.everyone_reads {
            return Err(self.denied("ViewBasic"));
        }
        Ok(())
    }

    fn denied(&self, operation: &str) -> Problem {
        Problem::Forbidden(format!(
            "Principal: CatalogPrincipal{{name='{}'}} operations [{operation}] not allowed",
            self.name
        ))
    }
}

/// A bot's token, and the one the server still remembers.
#[derive(Debug)]
struct BotToken {
    current: String,
    /// What was read last, and when (milliseconds).
    cached: Option<(String, i64)>,
}

/// All tokens and passwords.
#[derive(Debug, Default)]
pub(crate) struct Access {
    /// Every token ever made; of a bot's tokens only one is good.
    owners: HashMap<String, Uuid>,
    bots: HashMap<Uuid, BotToken>,
    /// As given at sign-up.
    passwords: HashMap<Uuid, Box<str>>,
    made: u64,
}

impl Access {
    /// Makes `token` the token of `user`; a bot's former one stays good as long as the server remembers it.
    pub(crate) fn set_token(&mut self, user: &Entity, token: &str) {
        self.owners.insert(token.to_owned(), user.id);
        if user.plain_flag("isBot") {
            let cached = self.bots.remove(&user.id).and_then(|bot| bot.cached);
            self.bots.insert(user.id, BotToken { current: token.to_owned(), cached });
        }
    }

    /// Makes the server read a bot's token anew.
    pub(crate) fn forget(&mut self, user: Uuid) {
        if let Some(bot) = self.bots.get_mut(&user) {
            bot.cached = None;
        }
    }

    /// A new token for `user`.
    pub(crate) fn make_token(&mut self, user: &Entity) -> String {
        self.made += 1;
        let claims = serde_json::json!({"sub": &*user.name, "jti": self.made, "isBot": user.plain_flag("isBot")});
        let unsigned = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{unsigned}.{}", user.id)));
        let token = format!("{unsigned}.{signature}");
        self.set_token(user, &token);
        token
    }

    /// The current token of a bot.
    pub(crate) fn bot_token(&self, user: Uuid) -> Option<&str> {
        self.bots.get(&user).map(|bot| &*bot.current)
    }

    pub(crate) fn set_password(&mut self, user: Uuid, password: &str) {
        self.passwords.insert(user, password.into());
    }

    pub(crate) fn has_password(&self, user: Uuid, password: &[u8]) -> bool {
        self.passwords.get(&user).is_some_and(|known| known.as_bytes() == password)
    }

    /// The user behind `token`. The server remembers a bot's token for `memory` milliseconds: so long the old one
    /// passes and a new one is refused.
    pub(crate) fn authenticate(
        &mut self,
        store: &Store,
        token: Option<&str>,
        rules: &Rules,
        now: i64,
        memory: i64,
    ) -> Result<Actor, Problem> {
        let refused = |text: &str| Err(Problem::Unauthorized(text.to_owned()));
        let Some(token) = token else { return refused("Not Authorized! Token not present") };
        let user =
            self.owners.get(token).and_then(|id| store.get(*id)).filter(|user| !user.deleted);
        let Some(user) = user else {
            return refused(match (rules.plain_errors, is_jwt(token)) {
                (false, _) => "Invalid token",
                (true, false) => "Not Authorized! Invalid token.",
                (true, true) => {
                    "Not Authorized! Invalid token. Token verification failed. Public key mismatch. due to \
                     com.auth0.jwt.exceptions.SignatureVerificationException: The Token's Signature resulted \
                     invalid when verified using the Algorithm: SHA256withRSA"
                }
            });
        };
        if let Some(bot) = self.bots.get_mut(&user.id) {
            if bot.cached.as_ref().is_none_or(|(_, at)| now - at >= memory) {
                bot.cached = Some((bot.current.clone(), now));
            }
            if bot.cached.as_ref().is_none_or(|(known, _)| known != token) {
                return refused(if rules.plain_errors {
                    "Not Authorized! The given token does not match the current bot's token!"
                } else {
                    "Not Authorized! Invalid Token"
                });
            }
        }
        Ok(Actor::of(user))
    }
}

/// Whether `token` has three parts and claims with a subject.
fn is_jwt(token: &str) -> bool {
    let mut parts = token.split('.');
    let claims = parts.nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Json>(&claims).ok());
    claims.is_some_and(|claims| claims.text_of("sub").is_some()) && parts.count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_token_is_a_jwt() {
        fn check(token: &str, expected: bool) {
            assert_eq!(is_jwt(token), expected, "{token}");
        }
        check(DEFAULT_TOKEN, true);
        check(&DEFAULT_TOKEN.replace("dG9y", "aaaa"), true);
        check("abc", false);
        check("a.b.c", false);
        check("", false);
        check(&format!("{DEFAULT_TOKEN}.x"), false);
    }
}
