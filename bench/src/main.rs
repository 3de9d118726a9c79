//! Measures Manmul beside its peers, in the same run, and prints one table a benchmark.
//!
//! Started by `cargo xtask bench NAME`, which installs the peers and builds everything in release mode.

use std::path::PathBuf;
use std::process::ExitCode;

use bench::report::Report;
use clap::{Parser, ValueEnum};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    /// Signals of junctions in the streets of SUMO, beside simple controllers under the same limits.
    City,
    /// Robots: the League's instances beside the best known results, and warehouses.
    Fleet,
    /// Habits that are found in homes of fresh seeds.
    Habits,
    /// Homes: plans beside others, and CityLearn's homes under the keeper beside its own controllers and perfect foresight.
    Home,
    /// Models that people bring, beside onnxruntime.
    Inference,
    /// Detectors of anomalies on the Numenta Anomaly Benchmark beside others; forecasts beside naive ones.
    Learn,
    /// A million things on the map: tiles and questions about places while values keep coming.
    Map,
    /// The broker beside mosquitto.
    Mqtt,
    /// Our own sensor nets, trained and judged on homes that they have not seen.
    Nets,
    /// The whole way of a message, from a publisher to twins, history and live views.
    Pipeline,
    /// Rules: backtests, many rules live, imports.
    Rules,
    /// The history engine beside databases.
    Store,
}

#[derive(Debug, Parser)]
struct Arguments {
    /// Which benchmark.
    name: Name,
    /// A minute's worth: less data, the same rows.
    #[arg(long)]
    quick: bool,
    /// fleet: the folder of the League's rounds.
    #[arg(long, default_value = "../shared/bench/lorr")]
    instances: PathBuf,
    /// learn: the folder of the benchmark's data, labels and stored results.
    #[arg(long, default_value = "../shared/bench/nab")]
    nab: PathBuf,
    /// fleet: the share of each instance's steps that is run; what is shortened is given pro rata.
    #[arg(long)]
    share: Option<f64>,
    /// Only these and nothing else, parted by commas. fleet, city: instances or maps by name; home: speed, emhass, citylearn.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// fleet: instead of all else, a fault soak of so many virtual hours with 500 robots: a day is 24.
    #[arg(long, value_name = "HOURS")]
    soak: Option<f64>,
    /// learn: the folder of homes, one `Building_N.csv` each.
    #[arg(long, default_value = "../shared/bench/citylearn/citylearn_challenge_2022_phase_1")]
    homes: PathBuf,
    /// home: the folders of data sets of CityLearn, parted by commas.
    #[arg(long, value_delimiter = ',', default_values = [
        "../shared/bench/citylearn/citylearn_challenge_2022_phase_1",
        "../shared/bench/citylearn/citylearn_challenge_2023_phase_2_local_evaluation",
    ])]
    citylearn: Vec<PathBuf>,
    /// nets: the folder that the nets are written to, with their manifests and cards.
    #[arg(long)]
    models: Option<PathBuf>,
    /// city: the folder of maps, a folder each with NAME.net.xml and NAME.sumocfg.
    #[arg(long, default_value = "../shared/bench/city")]
    maps: PathBuf,
    /// city: how many seeds.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// city: the first seed.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// city: how many times the demand of the files.
    #[arg(long, default_value_t = 1.0)]
    demand: f64,
    /// Where NAME.json is written.
    #[arg(long, default_value = "target/bench")]
    output: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let report: Report = match arguments.name {
        Name::City => bench::city::run(&bench::city::Options {
            quick: arguments.quick,
            maps: arguments.maps,
            only: arguments.only,
            seeds: arguments.seeds,
            first_seed: arguments.first_seed,
            demand: arguments.demand,
        })?,
        Name::Fleet => match arguments.soak {
            Some(hours) => bench::fleet::soak(hours),
            None => bench::fleet::run(arguments.quick, &arguments.instances, arguments.share, &arguments.only)?,
        },
        Name::Habits => bench::habits::run(arguments.quick)?,
        Name::Home => bench::home::run(arguments.quick, &arguments.citylearn, &arguments.only)?,
        Name::Inference => bench::inference::run(arguments.quick)?,
        Name::Learn => bench::learn::run(arguments.quick, &arguments.nab, &arguments.homes)?,
        Name::Map => bench::map::run(arguments.quick)?,
        Name::Mqtt => bench::mqtt::run(arguments.quick)?,
        Name::Nets => bench::nets::run(arguments.quick, arguments.models.as_deref())?,
        Name::Pipeline => bench::pipeline::run(arguments.quick)?,
        Name::Rules => bench::rules::run(arguments.quick)?,
        Name::Store => bench::store::run(arguments.quick)?,
    };
    report.print();
    report.write(&arguments.output)?;
    Ok(ExitCode::SUCCESS)
}
