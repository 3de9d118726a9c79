//! Automations of Home Assistant, many at once: read and translated, and kept as drafts by a site.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{anyhow, ensure};
use rule::import::home_assistant::Unmapped;

use crate::pipeline::Stand;
use crate::report::{Row, Target};

/// What is brought in, again and again under other names.
const CORPUS: [&str; 4] = [
    include_str!("../../../crates/rule/tests/corpus/lights.yaml"),
    include_str!("../../../crates/rule/tests/corpus/climate.yaml"),
    include_str!("../../../crates/rule/tests/corpus/safety.yaml"),
    include_str!("../../../crates/rule/tests/corpus/mixed.yaml"),
];

/// A text of so many automations.
fn automations(count: usize) -> String {
    let (mut text, mut made) = (String::new(), 0);
    for line in CORPUS.iter().cycle().flat_map(|file| file.lines()).filter(|line| !line.starts_with('#')) {
        if line.starts_with("- ") {
            if made == count {
                break;
            }
            made += 1;
        }
        let _infallible = match line.split_once("alias: ").filter(|(before, _)| before.len() <= 2) {
            Some((before, title)) => writeln!(text, "{before}alias: {title} {made}"),
            None => writeln!(text, "{line}"),
        };
    }
    text
}

/// Brings so many in.
pub(super) async fn measure(count: usize, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let text = automations(count);
    let began = Instant::now();
    let report = rule::import::home_assistant::import(&text, &Unmapped).map_err(|problem| anyhow!("{problem}"))?;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(report.rules == count && report.whole > count / 2, "{} whole of {}", report.whole, report.rules);
    let what = format!("{count} automations of {:.1} kB read, translated and checked", text.len() as f64 / 1e3);
    rows.push(Row::absolute(what, "s", seconds, Target::AtMost(1.0)));

    let stand = Stand::start(site::Options::default()).await?;
    let began = Instant::now();
    let imports = stand.site.import_rules("home_assistant", &text, true, "owner")?;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(
        imports.items.iter().filter(|item| item.id.is_some()).count() + imports.refused == count,
        "drafts are missing"
    );
    rows.push(Row::absolute("the same, kept on disk as drafts by a site", "s", seconds, Target::AtMost(1.0)));
    rows.iter().for_each(Row::tell);
    stand.stop().await
}
