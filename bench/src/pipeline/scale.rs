//! Many things: what a page of the list and the overview cost, and how much memory each thing takes.

use std::time::{Duration, Instant};

use model::Position;
use site::{Options, Selection, ThingQuery, ThingSort};

use super::client::Publisher;
use super::stand::Stand;
use super::{PROPERTIES, STUCK};
use crate::machine;
use crate::report::{Row, Target};

/// How often each question is asked; the median counts.
const TIMES: usize = 15;

/// Lets so many things report once, accepts them, and asks.
pub(super) async fn measure(things: usize, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let mut options = Options::default();
    options.registry.inbox = things;
    let stand = Stand::start(options).await?;
    let process = std::process::id();
    let (before, began) = (machine::resident_bytes(process)?, Instant::now());
    let publisher = Publisher::connect(stand.address).await?;
    let sent = tokio::task::spawn_blocking(move || publisher.flood(things, PROPERTIES, things));
    let publisher = sent.await??;
    stand.wait_for(Position(things as u64), STUCK).await?;
    let rate = things as f64 / began.elapsed().as_secs_f64();
    publisher.close();
    rows.push(Row::absolute(format!("{things} new things found"), "1/s", rate, Target::None));
    let bytes = machine::resident_bytes(process)?.saturating_sub(before) as f64 / things as f64;
    let metric = format!("resident memory a thing of {PROPERTIES} properties, history's head included");
    rows.push(Row::absolute(metric, "B", bytes, Target::None));
    stand.site.accept(&Selection::All, None)?;
    let began = Instant::now();
    stand.site.checkpoint()?;
    rows.push(Row::absolute("a checkpoint of all of them", "s", began.elapsed().as_secs_f64(), Target::None));

    let ask = |query: ThingQuery| {
        let query = ThingQuery { limit: 100, ..query };
        median(|| {}, || drop(std::hint::black_box(stand.site.things(&query))))
    };
    let searched = ask(ThingQuery { search: Some("0777".to_owned()), ..ThingQuery::default() });
    let recent = ask(ThingQuery { sort: ThingSort::LastSeen, ..ThingQuery::default() });
    let target = Target::AtMost(20.0);
    rows.push(Row::absolute(format!("a page of {things} things, by title"), "ms", ask(ThingQuery::default()), target));
    rows.push(Row::absolute(format!("a page of {things} things, searched"), "ms", searched, target));
    rows.push(Row::absolute(format!("a page of {things} things, last heard first"), "ms", recent, target));
    // An overview may be half a second old: each question waits until a new one has to be made.
    let overview =
        median(|| std::thread::sleep(Duration::from_millis(510)), || drop(std::hint::black_box(stand.site.overview())));
    rows.push(Row::absolute(format!("the overview of {things} things"), "ms", overview, Target::None));
    stand.stop().await
}

/// The median time of `ask` in milliseconds, each time after `wait`.
fn median(wait: impl Fn(), ask: impl Fn()) -> f64 {
    let mut times: Vec<f64> = (0..TIMES)
        .map(|_| {
            wait();
            let began = Instant::now();
            ask();
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[TIMES / 2]
}
