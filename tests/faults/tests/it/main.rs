//! The faults that are quickest to inject; the others run with `cargo run -p faults`.

use faults::{Plan, run, table};

#[tokio::test(flavor = "multi_thread")]
async fn some_faults_leave_no_trace() {
    let plan = |only: &str| Plan {
        long: false,
        rounds: 1,
        seed: 1,
        only: Some(only.to_owned()),
        kafka: None,
    };
    let mut rows = Vec::new();
    for only in ["poison", "disk full"] {
        rows.extend(run(&plan(only), |_| {}).await);
    }
    println!("{}", table(&rows));
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.result.is_ok()), "{}", table(&rows));
}
