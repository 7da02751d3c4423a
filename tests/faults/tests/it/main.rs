//! The faults that are quickest to inject; the others run with `cargo run -p faults`.

use faults::{Plan, run, table};

#[tokio::test(flavor = "multi_thread")]
async fn some_faults_leave_no_trace() {
    let only = Some("poison,disk full".to_owned());
    let plan = Plan { long: false, rounds: 1, seed: 1, only, kafka: None, at_a_time: 2 };
    let rows = run(&plan, |_| {}).await;
    println!("{}", table(&rows));
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.result.is_ok()), "{}", table(&rows));
}
