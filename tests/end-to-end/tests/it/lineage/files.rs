//! Records of data files: what all apps together say.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_what_other_apps_say_and_goes_with_the_last_edge() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let before = files(&world);
    assert!(fields(&before[CUSTOMERS_QVD]).contains("EmailHash"));

    // One app alone is opened: it reads one more field.
    world.change_script(OVERVIEW, |script| {
        script.replace("Year(OrderDate) AS OrderYear", "Year(BookedAt) AS OrderYear")
    });
    let report = world.extract(&[]).await;
    assert_eq!(report["apps_read"], 1, "{report}");
    let after = files(&world);
    assert_eq!(
        fields(&after[ORDERS_QVD]),
        BTreeSet::from(["BookedAt", "CustomerId", "OrderDate", "OrderId", "ShipCountry", "Status"])
    );
    assert_eq!(after[CUSTOMERS_QVD].fields, before[CUSTOMERS_QVD].fields);

    // An app whose script may not be read any more keeps what was published.
    let edges_before = edges(&world).len();
    world.script_access(OVERVIEW, Some(ScriptAccess::Denied));
    let report = world.extract(&[]).await;
    assert_eq!(report["apps_read"], 1, "{report}");
    assert_eq!(edges(&world).len(), edges_before);
    assert!(fields(&files(&world)[ORDERS_QVD]).contains("BookedAt"));

    // Those who store and those who read go: the file goes with the last of them.
    let allow = ["--allow-deletions"];
    world.remove_app(ETL);
    world.extract(&allow).await;
    assert!(fields(&files(&world)[CUSTOMERS_QVD]).contains("Segment"));
    assert!(!fields(&files(&world)[CUSTOMERS_QVD]).contains("EmailHash"));
    world.remove_app(OVERVIEW);
    world.extract(&allow).await;
    assert!(!fields(&files(&world)[ORDERS_QVD]).contains("BookedAt"));
    world.remove_app(COPY);
    let report = world.extract(&allow).await;
    let left = files(&world);
    assert!(!left.contains_key(CUSTOMERS_QVD) && !left.contains_key(ORDERS_QVD), "{report}");
    // What another app reads is still there.
    assert!(left.contains_key(SALES_ORDERS_QVD));
    world.load(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_a_run_did_not_live_to_write_are_written_by_the_next() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let whole = files(&world);
    assert!(whole.len() > 5, "{:?}", whole.keys());
    // As if the run had ended before it came to the files, and a stray one was left.
    for path in whole.keys() {
        world.broker.delete(Topic::DataModels, &schemas::key::file(world.service(), path), path);
    }
    assert!(files(&world).is_empty());
    let report = world.extract(&[]).await;
    assert_eq!(report["apps_read"], 0, "{report}");
    let again = files(&world);
    let content = |files: &BTreeMap<String, DataModel>| -> Vec<String> {
        files.values().map(|it| Event::DataModel(Box::new(it.clone())).content_hash()).collect()
    };
    assert_eq!(content(&again), content(&whole));
}
