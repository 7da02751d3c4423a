//! A site's list of apps: what the engine lists, with what the repository tells of each.

use tracing::instrument;

use super::call_error::CallError;
use super::class::{Class, chain};
use super::cloud::Tenant;
use super::engine::Engine;
use super::http::RestError;
use super::inventory::{self, DocList};
use super::model::{AppEntry, AppList};
use super::qrs;
use super::settings::name;
use super::site::{Error, Inner, Site};

/// Tries for the list of apps: the first, and after a lost connection or a busy server.
const LIST_TRIES: u32 = 3;

impl Site {
    /// The site's apps. A repository that refuses or cannot be reached is a notice, not an error.
    ///
    /// # Errors
    /// The engine cannot be reached or does not list apps.
    #[instrument(name = "list of apps", level = "info", skip_all)]
    pub async fn apps(&self) -> Result<AppList, Error> {
        if let Some(tenant) = &self.inner.tenant {
            return self.cloud_apps(tenant).await;
        }
        let list = self.inner.doc_list().await?;
        let mut apps = AppList { apps: list.apps, complete: true, ..AppList::default() };
        if list.damaged > 0 {
            apps.complete = false;
            apps.notices.push(format!("{} apps are listed without an id", list.damaged));
        }
        match &self.inner.repository {
            Some(repository) => self.add_repository(repository, &mut apps).await,
            // Nothing more will ever be told.
            None => apps.apps.iter_mut().for_each(|app| app.described = true),
        }
        Ok(apps)
    }

    /// What the repository tells of these apps, as [`Self::apps`] would list them; those that it does
    /// not tell are missing.
    ///
    /// # Errors
    /// The repository cannot be reached or refuses the user.
    pub async fn apps_by_id(&self, ids: &[String]) -> Result<Vec<AppEntry>, Error> {
        let Some(repository) = &self.inner.repository else { return Ok(Vec::new()) };
        let login = &self.inner.login;
        let read = repository.apps_by_id(login, ids).await?;
        let owners = inventory::owner_ids(&read.entries);
        let users = repository.users_by_id(login, &owners).await;
        // As for the whole list: who may not read users never may.
        let is_told = users.as_ref().err().is_none_or(is_final);
        let mut apps = inventory::of_repository(read.entries, &users.unwrap_or_default());
        apps.iter_mut().for_each(|app| app.described = is_told);
        Ok(apps)
    }

    async fn cloud_apps(&self, tenant: &Tenant) -> Result<AppList, Error> {
        let list = tenant.apps(&self.inner.login).await?;
        let mut apps = AppList {
            apps: list.apps,
            complete: list.damaged == 0,
            repository_read: list.owners_read,
            notices: list.notices,
        };
        apps.apps.iter_mut().for_each(|app| app.described = list.owners_read);
        if list.damaged > 0 {
            apps.notices.push(format!("{} apps of the tenant are not understood", list.damaged));
        }
        Ok(apps)
    }

    /// Adds what the repository knows, or says why not.
    async fn add_repository(&self, repository: &qrs::Repository, list: &mut AppList) {
        let login = &self.inner.login;
        let ids: Vec<String> = list.apps.iter().map(|app| app.id.clone()).collect();
        let read = match repository.apps(login, &ids).await {
            Ok(read) => read,
            Err(error) => {
                list.notices.push(format!(
                    "owners, tags and custom properties are not known, because the repository could \
                     not be read: {}; check `{}`",
                    chain(&error),
                    name::REPOSITORY_URL
                ));
                return;
            }
        };
        list.repository_read = true;
        if read.damaged > 0 {
            list.notices
                .push(format!("{} apps of the repository are not understood", read.damaged));
        }
        let owners = inventory::owner_ids(&read.entries);
        let users = match repository.users(login, &owners).await {
            Ok(users) => users,
            Err(error) => {
                // A user who may not read users never may; anything else is better next time.
                list.repository_read = is_final(&error);
                list.notices.push(format!(
                    "e-mail addresses of owners are not known, because users could not be read: {}",
                    chain(&error)
                ));
                std::collections::HashMap::new()
            }
        };
        inventory::add_repository(&mut list.apps, read.entries, &users);
        if !list.repository_read {
            list.apps.iter_mut().for_each(|app| app.described = false);
        }
    }
}

impl Inner {
    async fn doc_list(&self) -> Result<DocList, Error> {
        let mut tries = 0;
        loop {
            let permit = self.limiter.acquire().await;
            let error = match self.doc_list_once().await {
                Ok(list) => {
                    permit.succeeded();
                    return Ok(list);
                }
                Err(error) => error,
            };
            tries += 1;
            let class = error.class();
            match class {
                Class::SessionLimit => permit.refused(),
                _ => drop(permit),
            }
            let again = matches!(
                class,
                Class::Later
                    | Class::Reconnect
                    | Class::SessionLimit
                    | Class::SignIn
                    | Class::Repeat
            );
            if !again || tries >= LIST_TRIES {
                return Err(error);
            }
            tracing::warn!(error = %chain(&error), "the list of apps could not be read; trying again");
            if class == Class::Later {
                tokio::time::sleep(self.settings.timeouts.retry).await;
            }
        }
    }

    async fn doc_list_once(&self) -> Result<DocList, Error> {
        let open = self.open_session(None).await?;
        let engine = Engine::new(&open.session, &self.settings.timeouts);
        let result = engine.doc_list().await;
        self.close_session(open, result.as_ref().err().map(CallError::class)).await;
        Ok(result?)
    }
}

/// Whether asking again will never help: the user may not read it, or there is no such thing.
fn is_final(error: &RestError) -> bool {
    matches!(error.class(), Class::Denied | Class::NotFound | Class::Missing)
}
