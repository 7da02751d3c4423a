//! Events as JSON with the Avro field names: enums as their symbols, unions without a wrapper.

use serde_json::Value;

use crate::Event;

/// The event with times as milliseconds since the epoch, as Avro has them.
#[must_use]
pub fn of_event(event: &Event) -> Value {
    match event {
        Event::Dashboard(e) => serde_json::to_value(e),
        Event::Chart(e) => serde_json::to_value(e),
        Event::DataModel(e) => serde_json::to_value(e),
        Event::Lineage(e) => serde_json::to_value(e),
        Event::Run(e) => serde_json::to_value(e),
    }
    // Plain structs with string keys: there is nothing that JSON could not hold.
    .unwrap_or(Value::Null)
}

/// The event for people and scripts: times as RFC 3339 in UTC. Members whose name ends in `_at` are
/// times in every event.
#[must_use]
pub fn readable(event: &Event) -> Value {
    let mut value = of_event(event);
    if let Value::Object(members) = &mut value {
        for (name, member) in members {
            if let (true, Some(millis)) = (name.ends_with("_at"), member.as_i64()) {
                *member = rfc3339(millis).map_or(Value::Null, Value::String);
            }
        }
    }
    value
}

/// RFC 3339 with milliseconds; `None` outside the years that it can express.
#[must_use]
pub fn rfc3339(millis: i64) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(millis).ok()?;
    Some(format!("{time:.3}"))
}
