//! Owners: the user of OpenMetadata with the owner's e-mail address, else with the owner's user name.
//!
//! Three questions, the cheapest first: the user named like the local part of the address, if it has
//! that address; a search by address; the user named like the Qlik user. An owner that none of them
//! finds is counted once and left out, not an error.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError, atomic::AtomicU64},
    time::{Duration, Instant},
};

use schemas::event::Owner;
use serde_json::Value;

use super::{
    client::{Client, Failure},
    counters::Counters,
    fqn,
    search::{self, Search},
};

/// Owners asked for.
#[derive(Debug, Default)]
pub(super) struct Owners {
    known: Mutex<HashMap<String, (Option<String>, Instant)>>,
}

/// How long an answer is believed: users come and go slowly.
const BELIEVED: Duration = Duration::from_secs(1800);
/// Most owners remembered; emptied when full.
const MAX_KNOWN: usize = 100_000;

impl Owners {
    /// Id of the user that an owner is.
    pub(super) async fn resolve(
        &self,
        client: &Client,
        search: &Search,
        owner: &Owner,
        unmatched: &AtomicU64,
    ) -> Result<Option<String>, Failure> {
        let email = owner.email.as_deref().map(str::trim).filter(|text| text.contains('@'));
        let user = owner.id.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if email.is_none() && user.is_none() {
            return Ok(None);
        }
        let key = format!(
            "{}\n{}",
            email.unwrap_or_default().to_lowercase(),
            user.unwrap_or_default().to_lowercase()
        );
        if let Some((id, asked)) = self.get(&key)
            && asked.elapsed() < BELIEVED
        {
            return Ok(id);
        }
        let (id, certain) = ask(client, search, email, user).await?;
        if !certain {
            return Ok(id);
        }
        let is_first = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MAX_KNOWN {
                known.clear();
            }
            known.insert(key, (id.clone(), Instant::now())).is_none()
        };
        if id.is_none() && is_first {
            Counters::add(unmatched, 1);
            tracing::debug!(email, user, "no user of OpenMetadata matches an owner");
        }
        Ok(id)
    }

    /// Forgets all answers, because a user that was known is gone.
    pub(super) fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn get(&self, key: &str) -> Option<(Option<String>, Instant)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}

/// The user's id, and whether the answer is certain.
async fn ask(
    client: &Client,
    search: &Search,
    email: Option<&str>,
    user: Option<&str>,
) -> Result<(Option<String>, bool), Failure> {
    let mut certain = true;
    if let Some(email) = email {
        let local = email.split('@').next().unwrap_or_default().to_lowercase();
        if let Some(id) = by_name(client, &local, Some(email)).await? {
            return Ok((Some(id), true));
        }
        match by_search(client, search, email).await? {
            Some(Some(id)) => return Ok((Some(id), true)),
            Some(None) => {}
            None => certain = false,
        }
    }
    let Some(user) = user else { return Ok((None, certain)) };
    let lower = user.to_lowercase();
    let mut id = by_name(client, &lower, None).await?;
    if id.is_none() && lower != user {
        id = by_name(client, user, None).await?;
    }
    Ok((id, certain))
}

async fn by_name(
    client: &Client,
    name: &str,
    email: Option<&str>,
) -> Result<Option<String>, Failure> {
    if name.is_empty() || name.contains('"') {
        return Ok(None);
    }
    let path = fqn::path(&["users", "name", &fqn::quoted(name)]);
    // A name that the server cannot take is nobody's name.
    let answer = match client.get(path, Vec::new()).await {
        Err(Failure::Refused(_)) => None,
        answer => answer?,
    };
    Ok(answer.and_then(|answer| id_of_person(&answer.body, email)))
}

/// `None` when the search engine does not work.
async fn by_search(
    client: &Client,
    search: &Search,
    email: &str,
) -> Result<Option<Option<String>>, Failure> {
    let query = vec![
        ("q", format!("email.keyword:{}", search::escaped(email))),
        ("index", "user_search_index".to_owned()),
        ("from", "0".to_owned()),
        ("size", "10".to_owned()),
    ];
    let hits = search.hits(client, "/search/query", query).await?;
    Ok(hits.map(|hits| hits.iter().find_map(|user| id_of_person(user, Some(email)))))
}

/// The id, if this is a person that is still there (and has that address).
fn id_of_person(user: &Value, email: Option<&str>) -> Option<String> {
    let text = |name: &str| user.get(name).and_then(Value::as_str);
    let flag = |name: &str| user.get(name).and_then(Value::as_bool).unwrap_or_default();
    let same_email = email.is_none_or(|email| {
        text("email").is_some_and(|stored| stored.to_lowercase() == email.to_lowercase())
    });
    (same_email && !flag("deleted") && !flag("isBot")).then(|| text("id"))?.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_people_with_the_address_match() {
        let check = |user: Value, email: Option<&str>, expected: Option<&str>| {
            assert_eq!(id_of_person(&user, email).as_deref(), expected, "{user}");
        };
        let user = json!({"id": "1", "email": "Dana@example.com"});
        check(user.clone(), Some("dana@example.com"), Some("1"));
        check(user.clone(), None, Some("1"));
        check(user, Some("other@example.com"), None);
        check(json!({"id": "1", "isBot": true}), None, None);
        check(json!({"id": "1", "deleted": true}), None, None);
        check(json!({"id": "1"}), Some("dana@example.com"), None);
    }
}
