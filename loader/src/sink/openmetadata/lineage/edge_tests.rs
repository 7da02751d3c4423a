use super::*;

fn features(version: &str) -> Features {
    Features::of(&version.parse().expect("a version"))
}

fn entry(from: &str, to: &str) -> Entry {
    Entry::new(to.to_owned(), vec![from.to_owned()], None)
}

fn whole(id: &str, entries: &[Entry]) -> Contribution {
    Contribution { id: id.to_owned(), chart: None, entries: entries.to_vec(), sql: None }
}

fn chart(id: &str, chart: &str, entries: &[Entry]) -> Contribution {
    Contribution { chart: Some(chart.to_owned()), ..whole(id, entries) }
}

struct Case {
    stored: Option<Details>,
    leads_to_dashboard: bool,
}

impl Case {
    fn new(leads_to_dashboard: bool) -> Self {
        Self { stored: None, leads_to_dashboard }
    }

    /// Applies events; what the server then has is read back from the request's body.
    fn apply(&mut self, added: &[Contribution], removed: &[Contribution]) -> &'static str {
        let features = features("1.12.6");
        let users = ["bot".to_owned()];
        let us = Us { features: &features, users: &users, overrides: false };
        match merge(self.stored.as_ref(), added, removed, self.leads_to_dashboard, us) {
            Fate::Stays => "stays",
            Fate::Foreign => "foreign",
            Fate::Remove => {
                self.stored = None;
                "removed"
            }
            Fate::Write(details) => {
                let mut body = details.body(&features);
                body["createdBy"] = json!("bot");
                self.stored = Some(Details::of(&body));
                "written"
            }
        }
    }

    fn entries(&self) -> Vec<&str> {
        let stored = self.stored.iter().flat_map(|details| &details.entries);
        stored.flat_map(|entry| &entry.from).map(String::as_str).collect()
    }
}

#[test]
fn the_same_event_twice_writes_once() {
    let mut case = Case::new(false);
    let event = whole("app/1", &[entry("t.a", "m.a")]);
    assert_eq!(case.apply(std::slice::from_ref(&event), &[]), "written");
    assert_eq!(case.apply(std::slice::from_ref(&event), &[]), "stays");
    assert_eq!(case.apply(&[whole("app/1", &[entry("t.b", "m.a")])], &[]), "written");
    assert_eq!(case.entries(), ["t.b"]);
    assert_eq!(case.apply(&[], &[whole("app/1", &[])]), "removed");
    assert_eq!(case.apply(&[], &[whole("app/1", &[])]), "stays");
}

#[test]
fn two_events_of_one_pair_do_not_undo_each_other() {
    let first = whole("a/1", &[entry("t.a", "f.a")]);
    let second = whole("b/1", &[entry("t.b", "f.b")]);
    let mut case = Case::new(false);
    case.apply(std::slice::from_ref(&first), &[]);
    assert_eq!(case.apply(std::slice::from_ref(&second), &[]), "written");
    assert_eq!(case.entries(), ["t.a", "t.b"]);
    assert_eq!(case.apply(std::slice::from_ref(&first), &[]), "stays");
    assert_eq!(case.apply(&[second.clone(), first.clone()], &[]), "stays");
    assert_eq!(case.apply(&[], std::slice::from_ref(&first)), "written");
    assert_eq!(case.apply(std::slice::from_ref(&second), &[]), "written");
    assert_eq!(case.entries(), ["t.b"]);
    assert_eq!(case.apply(&[], std::slice::from_ref(&second)), "removed");
}

#[test]
fn charts_replace_their_own_entries_only() {
    let mut case = Case::new(true);
    let c1 = chart("app/1", "s.c1", &[entry("m.a", "s.c1")]);
    let c2 = chart("app/2", "s.c2", &[entry("m.b", "s.c2")]);
    assert_eq!(case.apply(&[c1.clone(), c2.clone()], &[]), "written");
    assert_eq!(case.apply(std::slice::from_ref(&c2), &[]), "stays");
    assert_eq!(case.apply(&[chart("app/1", "s.c1", &[entry("m.z", "s.c1")])], &[]), "written");
    assert_eq!(case.entries(), ["m.z", "m.b"]);
    assert_eq!(case.apply(&[], &[c1]), "written");
    assert_eq!(case.entries(), ["m.b"]);
    assert_eq!(case.apply(&[], &[c2]), "removed");
}

#[test]
fn charts_without_columns_are_noted_by_name() {
    let mut case = Case::new(true);
    let (c1, c2) = (chart("app/1", "s.c1", &[]), chart("app/2", "s.c2", &[]));
    assert_eq!(case.apply(&[c1.clone(), c2.clone()], &[]), "written");
    assert_eq!(case.apply(std::slice::from_ref(&c1), &[]), "stays");
    assert_eq!(case.apply(&[], &[c1]), "written");
    assert_eq!(case.apply(&[], &[c2]), "removed");
}

#[test]
fn a_table_level_edge_to_a_dashboard_leaves_its_charts_alone() {
    let mut case = Case::new(true);
    case.apply(&[chart("app/1", "s.c1", &[entry("m.a", "s.c1")])], &[]);
    assert_eq!(case.apply(&[whole("app/9", &[])], &[]), "written");
    assert_eq!(case.entries(), ["m.a"]);
    assert_eq!(case.apply(&[], &[whole("app/9", &[])]), "written");
    assert_eq!(case.entries(), ["m.a"]);
}

#[test]
fn people_keep_their_edges_and_their_texts() {
    let event = whole("app/1", &[entry("t.a", "m.a")]);
    let check = |version: &str, details: Value, expected: bool| {
        let details = Details::of(&details);
        let (features, users) = (features(version), ["bot".to_owned()]);
        let us = Us { features: &features, users: &users, overrides: false };
        assert_eq!(details.is_ours(us), expected, "{details:?}");
        let manual = details.source.as_deref() == Some("Manual");
        assert_eq!(details.is_ours(Us { overrides: true, ..us }), !manual && !details.has_pipeline);
    };
    check("1.12.6", json!({"source": "Manual", "createdBy": "bot"}), false);
    check("1.12.6", json!({"source": "DashboardLineage", "createdBy": "dana"}), false);
    let by_both = json!({"source": "DashboardLineage", "createdBy": "bot", "updatedBy": "dana"});
    check("1.12.6", by_both, false);
    check("1.12.6", json!({"source": "DashboardLineage", "createdBy": "bot"}), true);
    check("1.3.0", json!({"source": "DashboardLineage"}), false);
    check("1.3.0", json!({"source": "DashboardLineage", "description": MARK}), true);
    check("1.1.1", json!({}), false);
    check("1.1.1", json!({"description": format!("mine\n\n{MARK}\n- a/1")}), true);
    check("1.1.1", json!({"description": MARK, "pipeline": {"id": "x"}}), false);

    let mut case = Case::new(false);
    case.stored = Some(Details::of(&json!({"source": "Manual", "createdBy": "dana"})));
    assert_eq!(case.apply(std::slice::from_ref(&event), &[]), "foreign");
    assert_eq!(case.apply(&[], std::slice::from_ref(&event)), "foreign");
    case.stored = Some(Details::of(&json!({
        "source": "DashboardLineage",
        "description": format!("A person's words\n\n{MARK}\n- app/1"),
    })));
    assert_eq!(case.apply(std::slice::from_ref(&event), &[]), "written");
    assert_eq!(case.stored.as_ref().map(|d| d.text.as_str()), Some("A person's words"));
}

#[test]
fn statements_stay_with_the_edge() {
    let sql = |id: &str, text: &str| Contribution { sql: Some(text.into()), ..whole(id, &[]) };
    let mut case = Case::new(false);
    case.apply(&[sql("a/1", "one")], &[]);
    assert_eq!(case.apply(&[sql("b/1", "two")], &[]), "written");
    assert_eq!(case.stored.as_ref().and_then(|d| d.sql.as_deref()), Some("one"));
    assert_eq!(case.apply(&[sql("b/1", "two")], &[]), "stays");
    assert_eq!(case.apply(&[sql("a/1", "one")], &[]), "stays");
}
