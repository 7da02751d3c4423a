use super::super::super::{map::Kind, map::Naming};
use super::*;

fn naming(version: &str) -> Naming {
    let features = Features::of(&version.parse().expect("a version"));
    Naming { service: "prod".to_owned(), features }
}

fn chart(description: Option<&str>) -> Draft {
    Draft {
        kind: Kind::Chart,
        name: "app_c".into(),
        fqn: "prod.app_c".into(),
        app_id: Some("app".into()),
        display_name: "Sales".into(),
        description: description.map(str::to_owned),
        source_url: None,
        project: None,
        tags: Vec::new(),
        owners: Vec::new(),
        updated_at: None,
        detail: Detail::Chart { chart_type: "Bar", dashboards: Vec::new() },
    }
}

/// The entity as a server shows it after `draft` was written.
fn written(draft: &Draft) -> Stored {
    let Detail::Chart { chart_type, .. } = draft.detail else { panic!("charts only") };
    Stored {
        id: "1".into(),
        display_name: Some(draft.display_name.clone()),
        description: draft.description.clone(),
        owners: draft.owners.clone(),
        source_hash: Some(draft.record().encode()),
        chart_type: Some(chart_type.into()),
        ..Stored::default()
    }
}

fn planned(version: &str, draft: &Draft, stored: &Stored) -> Plan {
    let features = naming(version).features;
    let ours = stored.record().map(|record| Ours::of(&record, stored)).unwrap_or_default();
    plan(draft, stored, &ours, &features, Some(&Tags::new("Qlik")))
}

#[test]
fn what_is_stored_needs_nothing() {
    let draft = chart(Some("d"));
    let plan = planned("1.12.6", &draft, &written(&draft));
    assert!(plan.is_stored && plan.patch.is_empty());
    assert_eq!((plan.kept, plan.record), (0, draft.record()));
}

#[test]
fn our_description_follows_qlik_and_a_persons_stays() {
    let stored = written(&chart(Some("old")));
    let new = chart(Some("new"));
    let plan = planned("1.12.6", &new, &stored);
    assert_eq!(plan.patch, [json!({"op": "replace", "path": "/description", "value": "new"})]);
    assert_eq!(planned("1.12.6", &chart(None), &stored).patch[0]["op"], "remove");

    let edited = Stored { description: Some("a person's".into()), ..stored };
    let plan = planned("1.12.6", &new, &edited);
    assert_eq!(plan.patch, Vec::<Value>::new());
    assert_eq!(plan.entity.description.as_deref(), Some("a person's"));
    assert_eq!(plan.kept, 1);
    // The next change of Qlik must not take the person's text for ours.
    let again = Stored { source_hash: Some(plan.record.encode()), ..edited };
    assert_eq!(planned("1.12.6", &chart(Some("newer")), &again).kept, 1);
}

#[test]
fn an_entity_without_our_record_is_a_persons() {
    let stored = Stored { source_hash: None, ..written(&chart(Some("old"))) };
    assert_eq!(planned("1.12.6", &chart(Some("new")), &stored).kept, 1);
    let foreign = Stored { source_hash: Some("d41d8cd98f00b204e9800998ecf8427e".into()), ..stored };
    assert_eq!(planned("1.12.6", &chart(Some("new")), &foreign).kept, 1);
}

#[test]
fn display_names_by_version() {
    let stored = written(&chart(None));
    let renamed = Draft { display_name: "Revenue".into(), ..chart(None) };
    // 1.12: the PUT does it.
    let plan = planned("1.12.6", &renamed, &stored);
    assert_eq!((plan.patch.len(), plan.entity.display_name.as_str()), (0, "Revenue"));
    // 1.2: the PUT keeps what is there.
    let plan = planned("1.2.0", &renamed, &stored);
    assert_eq!(plan.patch, [json!({"op": "replace", "path": "/displayName", "value": "Revenue"})]);
    // 2.0: only a PUT that overrides does it.
    let plan = planned("2.0.7", &renamed, &stored);
    assert!(plan.patch.is_empty() && plan.override_tags.is_some());
    // A person's name is sent along where a PUT would overwrite it.
    let edited = Stored { display_name: Some("My name".into()), ..stored };
    for version in ["1.2.0", "1.12.6", "2.0.7"] {
        let plan = planned(version, &renamed, &edited);
        assert_eq!(plan.entity.display_name, "My name", "{version}");
        assert!(plan.patch.is_empty() && plan.override_tags.is_none());
    }
}

#[test]
fn owners_of_people_stay() {
    let owned = |id: &str| Draft { owners: vec![id.to_owned()], ..chart(None) };
    let stored = written(&owned("a"));
    assert_eq!(planned("1.12.6", &owned("b"), &stored).entity.owners, ["b"]);
    assert!(planned("2.0.7", &owned("b"), &stored).override_tags.is_some());
    let edited = Stored { owners: vec!["p".into()], ..stored.clone() };
    let plan = planned("1.12.6", &owned("b"), &edited);
    assert!(plan.entity.owners.is_empty() && plan.kept == 1);
    // Nobody to name now: what we wrote stays, and stays ours.
    let plan = planned("1.12.6", &chart(None), &stored);
    let later = Stored { source_hash: Some(plan.record.encode()), ..stored };
    assert_eq!(planned("1.12.6", &owned("c"), &later).entity.owners, ["c"]);
}

#[test]
fn our_tags_go_and_others_stay() {
    let tag = |fqn: &str, label_type: &str| super::super::stored::StoredTag {
        fqn: fqn.into(),
        label_type: label_type.into(),
        label: json!({"tagFQN": fqn, "labelType": label_type}),
    };
    let draft = Draft { tags: vec!["Qlik.New".into(), "Qlik.Kept".into()], ..chart(None) };
    let stored = Stored {
        tags: vec![
            tag("Qlik.Old", "Automated"),
            tag("PII.Sensitive", "Manual"),
            tag("Qlik.Kept", "Automated"),
            tag("Qlik.Person", "Manual"),
            tag("Qlik.Older", "Automated"),
        ],
        ..written(&draft)
    };
    let plan = planned("1.12.6", &draft, &stored);
    assert_eq!(
        plan.patch,
        [json!({"op": "remove", "path": "/tags/4"}), json!({"op": "remove", "path": "/tags/0"})]
    );
    assert_eq!(plan.entity.tags, ["Qlik.New"]);
    let renamed = Draft { display_name: "x".into(), ..draft };
    let labels = planned("2.0.7", &renamed, &stored).override_tags.expect("an override");
    let names: Vec<_> = labels.iter().map(|label| label["tagFQN"].clone()).collect();
    assert_eq!(names, ["PII.Sensitive", "Qlik.Kept", "Qlik.Person", "Qlik.New"]);
}

#[test]
fn a_chart_keeps_its_dashboards() {
    let draft = chart(None);
    let stored = Stored { dashboards: vec!["prod.app".into()], ..written(&draft) };
    let plan = planned("1.12.6", &chart(Some("new")), &stored);
    let Detail::Chart { dashboards, .. } = plan.entity.detail else { panic!("a chart") };
    assert_eq!(dashboards, ["prod.app"]);
}

fn model(columns: &[(&str, Option<&str>)]) -> Draft {
    let column = |(name, description): &(&str, Option<&str>)| Column {
        name: (*name).to_owned(),
        display_name: None,
        description: description.map(str::to_owned),
        data_type: "STRING",
        data_type_display: "string",
        unique: false,
    };
    Draft {
        kind: Kind::DataModel,
        detail: Detail::DataModel { columns: columns.iter().map(column).collect(), sql: None },
        ..chart(None)
    }
}

fn stored_model(draft: &Draft, columns: &[(&str, Option<&str>)]) -> Stored {
    Stored {
        id: "1".into(),
        display_name: Some(draft.display_name.clone()),
        source_hash: Some(draft.record().encode()),
        columns: columns
            .iter()
            .map(|(name, description)| StoredColumn {
                name: (*name).to_owned(),
                display_name: None,
                description: description.map(str::to_owned),
                data_type: "STRING".into(),
                unique: false,
            })
            .collect(),
        ..Stored::default()
    }
}

#[test]
fn column_texts_follow_qlik_unless_a_person_edited_one() {
    let old = [("a", Some("A")), ("b", Some("B")), ("c", None)];
    let new = model(&[("b", Some("B2")), ("a", Some("A")), ("c", Some("C"))]);
    let plan = planned("1.12.6", &new, &stored_model(&model(&old), &old));
    let expected = json!({"op": "replace", "path": "/columns/1/description", "value": "B2"});
    assert_eq!(plan.patch, [expected]);

    let edited = [("a", Some("mine")), ("b", Some("B")), ("c", None)];
    let stored = stored_model(&model(&old), &edited);
    assert_eq!(Conflicts::between(&new, &stored), Conflicts { entity: false, columns: true });
    // Which of them was edited, only the history tells.
    let record = stored.record().expect("our record");
    let mut ours = Ours::of(&record, &stored);
    assert_eq!(ours.columns, OurColumns::None);
    let texts = [("a", "A"), ("b", "B")].map(|(name, text)| (name.to_owned(), text.to_owned()));
    ours.columns = OurColumns::With(HashMap::from(texts));
    let features = naming("1.12.6").features;
    let plan = super::plan(&new, &stored, &ours, &features, Some(&Tags::new("Qlik")));
    assert_eq!((plan.patch.len(), plan.kept), (1, 1));
    assert_eq!(plan.entity.columns()[1].description.as_deref(), Some("mine"));
}

#[test]
fn what_old_servers_do_not_store_makes_no_difference() {
    let draft = Draft { project: Some("P".into()), ..model(&[("a", None)]) };
    let stored = stored_model(&draft, &[("A", None)]);
    let old = naming("1.1.1").features;
    let ours = Ours::default();
    assert!(plan(&draft, &stored, &ours, &old, Some(&Tags::new("Qlik"))).is_stored);
    let new = naming("1.12.6").features;
    assert!(!plan(&draft, &stored, &ours, &new, Some(&Tags::new("Qlik"))).is_stored);
}

#[test]
fn override_metadata_takes_everything_for_ours() {
    let stored = Stored { description: Some("a person's".into()), ..written(&chart(Some("old"))) };
    let features = naming("1.12.6").features;
    let draft = chart(Some("new"));
    let plan = plan(&draft, &stored, &Ours::everything(), &features, Some(&Tags::new("Qlik")));
    assert_eq!((plan.patch.len(), plan.kept), (1, 0));
}
