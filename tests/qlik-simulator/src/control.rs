//! The handle with which a test or the admin interface steers a running site.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bundle::{Bundle, BundleError, Person};
use crate::faults::Fault;
use crate::settings::{Behaviour, ScriptAccess};
use crate::site::{Site, now};
use crate::stats::Stats;

/// Steers a running site. Cloning gives another handle to the same site. Methods that name an app
/// return false when the site has no such app.
#[derive(Clone)]
pub struct Control {
    pub(crate) site: Arc<Site>,
}

/// New times of an app (ISO, as Qlik writes them: `2026-05-10T09:00:00.000Z`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Touch {
    /// Modification time.
    pub modified: Option<String>,
    /// Reload time.
    pub reloaded: Option<String>,
}

/// What the management console changes of an app and only the repository tells (the stream, the engine's
/// list too); what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Description {
    /// Owner.
    pub owner: Option<Person>,
    /// Stream.
    pub stream: Option<String>,
    /// Tags.
    pub tags: Option<Vec<String>>,
    /// Custom properties by name, each with its values.
    pub custom_properties: Option<BTreeMap<String, Vec<String>>>,
}

impl Touch {
    /// Modified now.
    pub fn modified_now() -> Self {
        Self { modified: Some(now()), reloaded: None }
    }

    /// Reloaded now; Qlik moves the modification time too.
    pub fn reloaded_now() -> Self {
        let now = now();
        Self { modified: Some(now.clone()), reloaded: Some(now) }
    }
}

impl Control {
    /// Adds the app(s) of a bundle or replaces those with the same ids; returns the ids.
    pub fn put_app(&self, bundle: Bundle) -> Result<Vec<String>, BundleError> {
        self.site.put(bundle, 1)
    }

    /// Removes an app and breaks the connections of its sessions.
    pub fn remove_app(&self, id: &str) -> bool {
        self.site.remove(id)
    }

    /// Gives an app another title, which changes its modification time.
    pub fn rename_app(&self, id: &str, title: &str) -> bool {
        self.site.change(id, true, |app| {
            app.title = title.to_owned();
            app.modified = now();
        })
    }

    /// Changes what the management console changes. No time of the app moves; the change feed tells.
    pub fn describe_app(&self, id: &str, description: Description) -> bool {
        self.site.change(id, true, |app| {
            // The key of a publication is its time, which must stay what it was.
            let publish_time = app.publish_time();
            let keys = Arc::make_mut(&mut app.keys);
            if let Some(owner) = description.owner {
                keys.owner = Some(owner);
            }
            if let Some(stream) = description.stream {
                keys.stream = Some(stream);
                keys.publish_time = publish_time;
            }
            if let Some(tags) = description.tags {
                keys.tags = tags;
            }
            if let Some(properties) = description.custom_properties {
                keys.custom_properties = properties;
            }
        })
    }

    /// The change feed forgets everything so far, as when the repository is restarted: a gap.
    pub fn forget_changes(&self) {
        self.site.forget_changes();
    }

    /// Sets an app's modification and reload times, as far as given.
    pub fn touch_app(&self, id: &str, touch: Touch) -> bool {
        let known = self.site.change(id, true, |app| {
            if let Some(modified) = touch.modified {
                app.modified = modified;
            }
            if let Some(reloaded) = touch.reloaded {
                app.reloaded = Some(reloaded);
            }
        });
        if known {
            // Whoever has the app open is told that its document is not what it was.
            for socket in self.site.sockets(Some(id)) {
                socket.push(r#"{"jsonrpc":"2.0","change":[1]}"#.into());
            }
        }
        known
    }

    /// Hides an app from every list, as if access to it was lost (the change feed says nothing), or
    /// shows it again.
    pub fn hide_app(&self, id: &str, hidden: bool) -> bool {
        self.site.change(id, false, |app| app.hidden = hidden)
    }

    /// Opening the app with data fails with `code` (4000 is what section access is thought to
    /// answer), or works again.
    pub fn deny_data(&self, id: &str, code: Option<i64>) -> bool {
        self.site.change(id, false, |app| app.data_denied = code)
    }

    /// What of the app's script may be read; `None` as the site says.
    pub fn set_script_access(&self, id: &str, access: Option<ScriptAccess>) -> bool {
        self.site.change(id, false, |app| app.script_access = access)
    }

    /// Ids of all apps, hidden ones included.
    pub fn app_ids(&self) -> Vec<String> {
        self.site.app_ids()
    }

    /// The behaviour now.
    pub fn behaviour(&self) -> Behaviour {
        Behaviour::clone(&self.site.behaviour())
    }

    /// Changes the behaviour from the next request on.
    pub fn set_behaviour(&self, change: impl FnOnce(&mut Behaviour)) {
        self.site.set_behaviour(change);
    }

    /// Lays a fault on the site. Of several that match a request the oldest strikes.
    pub fn add_fault(&self, fault: Fault) {
        self.site.add_fault(fault);
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.site.clear_faults();
    }

    /// Breaks the connections of sessions that opened `app`, or all, without a word; returns how
    /// many.
    pub fn drop_sockets(&self, app: Option<&str>) -> usize {
        self.site.drop_sockets(app)
    }

    /// Sends a notification to every open socket and, when its `severity` is `fatal`, closes them
    /// as the proxy does (`OnSessionTimedOut`, `OnSessionLoggedOut`, …).
    pub fn notify(&self, method: &str, params: &Value) -> usize {
        let fatal = params.get("severity").and_then(Value::as_str) == Some("fatal");
        let frame = serde_json::json!({"jsonrpc": "2.0", "method": method, "params": params});
        let sockets = self.site.sockets(None);
        for socket in &sockets {
            socket.push(frame.to_string());
            if fatal {
                socket.close();
            }
        }
        sockets.len()
    }

    /// Ends all proxy sessions, as an inactivity timeout does: their cookies are worth nothing.
    pub fn end_proxy_sessions(&self) {
        crate::proxy::end_all(&self.site);
    }

    /// Statistics so far.
    pub fn stats(&self) -> Stats {
        self.site.stats()
    }

    /// Starts the statistics anew.
    pub fn reset_stats(&self) {
        self.site.count(|stats| *stats = stats.restarted());
    }
}
