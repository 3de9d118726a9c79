//! A site whose threads run.

use std::sync::Arc;

use model::Value;
use site::Filter;

use crate::common::{Bench, reported};

#[tokio::test(flavor = "multi_thread")]
async fn it_folds_by_itself_and_stops_with_everything_written_down() {
    let bench = Bench::new();
    let site = bench.open();
    let mut client = site.subscribe(Filter::default(), None);
    let running = site.start(bench.out.clone());
    for number in 0..1_000 {
        bench.say("things/a/properties/x", &number.to_string());
    }
    while client.next().await.newest.0 < 1_000 {}
    assert_eq!(reported(&site, "a", "x"), Some(Value::Float(999.0)));
    bench.say("things/a/properties/x", "1000");
    tokio::task::spawn_blocking(move || running.stop()).await.unwrap().unwrap();
    drop(client);
    assert_eq!(Arc::strong_count(&site), 1);
    drop(site);
    let site = bench.open();
    assert_eq!(site.turn().unwrap(), 0, "nothing is left to replay");
    assert_eq!(reported(&site, "a", "x"), Some(Value::Float(1000.0)));
}
