//! A client for the tests.

use openmetadata_simulator::{OpenMetadata, Running, Seed, Settings};
use serde_json::{Value, json};

/// A running simulator and a client of it.
pub(crate) struct Site {
    pub(crate) running: Running,
    http: reqwest::Client,
}

/// An answer: the status and the JSON (a string when it is none).
pub(crate) type Answer = (u16, Value);

impl Site {
    /// A simulator of `release` with a Qlik service `q`, a database table `pg.dwh.sales.orders` and a user `ada`.
    pub(crate) async fn of(release: &str) -> Self {
        let settings = Settings::of_release(release.parse().expect(release));
        let running = OpenMetadata::start(settings).await.expect("started");
        let seed = Seed::default()
            .database_service("pg", "Postgres", "db:5432", "dwh")
            .table("pg.dwh.sales.orders", &["id", "amount"])
            .user("ada", "ada@example.org")
            .team("bi");
        running.seed(&seed).expect("seeded");
        let site = Self { running, http: reqwest::Client::new() };
        let connection = json!({"config": {"type": "QlikSense", "hostPort": "wss://q:4747"}});
        let service = json!({"name": "q", "serviceType": "QlikSense", "connection": connection});
        assert_eq!(site.put("/services/dashboardServices", &service).await.0, 201);
        site
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        let url = format!("{}/v1{path}", self.running.url());
        self.http.request(method, url).bearer_auth(self.running.token())
    }

    /// Sends a request as the bot; `Err` when the connection broke.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            let media =
                if method == "PATCH" { "application/json-patch+json" } else { "application/json" };
            request = request.header("content-type", media).body(body.to_string());
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.send(method, path, body).await.expect("an answer")
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call("PUT", path, Some(body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    pub(crate) async fn chart(&self, name: &str) -> Value {
        self.put("/charts", &json!({"name": name, "service": "q"})).await.1
    }

    pub(crate) async fn model(&self, name: &str, columns: &[&str]) -> Value {
        let data_model_type = match self.running.entity(openmetadata_simulator::Kind::DataModel, "")
        {
            _ if self.is_before_1_4().await => "QlikSenseDataModel",
            _ => "QlikDataModel",
        };
        let columns: Vec<Value> =
            columns.iter().map(|name| json!({"name": name, "dataType": "STRING"})).collect();
        let body = json!({"name": name, "service": "q", "dataModelType": data_model_type, "columns": columns});
        self.put("/dashboard/datamodels", &body).await.1
    }

    async fn is_before_1_4(&self) -> bool {
        let version = self.get("/system/version").await.1["version"].clone();
        ["1.1", "1.2", "1.3"]
            .iter()
            .any(|old| version.as_str().is_some_and(|v| v.starts_with(&format!("{old}."))))
    }
}
