//! Why a plan is as it is: from what binds in it, and from what a kilowatt hour is worth when. Facts first, as numbers; sentences are made of them.
//!
//! The worth of energy comes with the solution of the linear program: a price for every step, and one for what stands in every store at every step's end. Whoever
//! charges at a step buys below that worth, and who waits would buy above it.

mod english;
mod heated;
mod missing;
mod runs;
mod stored;

use model::Timestamp;

use crate::device::{Device, DeviceKind};
use crate::outlook::{Aims, Outlook};
use crate::schedule::{DeviceSchedule, Reason, Schedule, Shortfall};

/// Prices that differ by less than this part are the same.
const SAME: f64 = 0.02;

/// A power below this is none, in watts.
pub(crate) const WATTS_MIN: f64 = 5.0;

/// What energy is worth within a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Worths {
    /// What a kilowatt hour more costs the home in each step.
    pub steps: Vec<f64>,
    /// For each device and step, what is one more in its store at the step's end: a kilowatt hour, or a degree. Empty for what stores nothing.
    pub stores: Vec<Vec<f64>>,
}

/// Why a device does what it does, in numbers. Prices are of a kilowatt hour.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the fields are the numbers that each sentence names")]
pub enum Why {
    /// Stores what the sun gives more than is taken.
    StoresSun { worth: f64, at: Option<Timestamp> },
    /// Stores what is cheap now.
    StoresCheap { price: f64, worth: f64, at: Option<Timestamp> },
    /// Stores because taking pays.
    StoresPaid { price: f64 },
    /// Charges because something is asked for.
    ChargesFor { price: f64, kilowatt_hours: f64, at: Timestamp },
    /// Charges because it is below its reserve.
    FillsReserve { kilowatt_hours: f64 },
    /// Gives because power is dear.
    GivesDear { price: f64, worth: f64 },
    /// Gives to the grid.
    GivesGrid { price: f64, worth: f64 },
    /// Gives so that the grid's power stays below a limit.
    GivesPeak { kilowatts: f64 },
    /// Is full.
    Full,
    /// Has nothing to give.
    Empty,
    /// Keeps what it has for later.
    Keeps { price: f64, worth: f64, at: Option<Timestamp> },
    /// Neither charging nor giving pays.
    Rests { price: f64 },
    /// Is not plugged in.
    Away,
    /// Waits for a better price.
    Waits { price: f64, then: f64, at: Timestamp },
    /// Has what was asked for.
    Ready { kilowatt_hours: f64 },
    /// Heats or cools before power is dear.
    Ahead { price: f64, then: f64, at: Timestamp, celsius: f64 },
    /// Heats or cools with what the sun gives over.
    WithSun { celsius: f64 },
    /// Keeps to the edge of its band.
    KeepsTo { celsius: f64 },
    /// Heats or cools so that it is right later.
    ReadyFor { celsius: f64, at: Timestamp },
    /// Is within its band by itself.
    Enough { celsius: f64 },
    /// Runs where it is cheapest.
    RunsCheap { price: f64, other: f64, at: Timestamp },
    /// Runs at the only time that it can.
    RunsOnly,
    /// Runs when it likes, since it costs the same.
    RunsAny { price: f64 },
    /// Does not run yet, or any more.
    Off,
}

/// What was asked for and cannot be, in numbers.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the numbers that each sentence names")]
pub enum Missing {
    /// A car lacks energy when it is to leave.
    Departure {
        asked: f64,
        capacity: f64,
        reached: f64,
        at: Timestamp,
        kilowatts: f64,
        hours: f64,
        by_connection: bool,
    },
    /// A battery is below its reserve.
    Reserve { reserve: f64, until: Option<Timestamp> },
    /// Water or air is not as it must be.
    Celsius { asked: f64, reached: f64, at: Timestamp, hottest: bool, by_power: bool },
    /// A band's least is above its most.
    Band { least: f64, most: f64, at: Timestamp },
    /// A programme fits nowhere.
    Programme { hours: f64, room: f64 },
    /// A load cannot be on for so long.
    Stretches { asked: f64, possible: f64 },
    /// More flows than the connection carries.
    Connection { import: bool, kilowatts: f64, limit: f64, at: Timestamp },
}

/// The smallest change that helps, in numbers.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the numbers that each sentence names")]
pub enum Relaxation {
    /// Leave so much later.
    Later { at: Timestamp },
    /// Ask for no more than this.
    LessEnergy { kilowatt_hours: f64, capacity: f64 },
    /// Charge or heat with so much.
    MorePower { kilowatts: f64 },
    /// Ask for no more, or no less, than this.
    Celsius { celsius: f64 },
    /// Let it end so much later.
    EndsLater { hours: f64 },
    /// Let it be on for so long only.
    ShorterOn { hours: f64 },
    /// Have a connection for so much, or need so much less at that time.
    Connection { kilowatts: f64 },
    /// Have comfort be worth this for a degree and hour.
    ComfortWorth { price: f64 },
    /// Nothing: it gives itself.
    Patience,
}

/// How numbers and moments become words; another language is another one of these.
pub trait Speaker {
    /// Why a device does what it does, as one sentence; `to` is when it ends.
    fn why(&self, why: &Why, to: Timestamp) -> String;
    /// What cannot be.
    fn missing(&self, missing: &Missing) -> String;
    /// What helps.
    fn relaxation(&self, relaxation: &Relaxation) -> String;
}

pub use english::English;
pub(crate) use missing::connection;

/// Fills in the reasons and shortfalls of a schedule, in English and universal time.
pub fn explain(devices: &[Device], outlook: &Outlook, aims: &Aims, worths: &Worths, schedule: &mut Schedule) {
    let speaker = English::default();
    for (place, device) in devices.iter().enumerate() {
        let of = Of {
            outlook,
            planned: &schedule.devices[place],
            grid_watts: &schedule.grid_watts,
            prices: &worths.steps,
            worths: &worths.stores[place],
            aims,
        };
        let reasons = stretches(&of, &device.kind);
        schedule.devices[place].reasons = reasons;
    }
    schedule.shortfalls = missing::shortfalls(devices, outlook, aims, schedule);
    tell(schedule, &speaker);
}

/// Puts the reasons and shortfalls of a schedule into other words.
pub fn tell(schedule: &mut Schedule, speaker: &dyn Speaker) {
    let horizon = schedule.horizon;
    for reason in schedule.devices.iter_mut().flat_map(|device| &mut device.reasons) {
        if let Some(why) = &reason.why {
            reason.words = speaker.why(why, horizon.begin(reason.to));
        }
    }
    tell_shortfalls(&mut schedule.shortfalls, speaker);
}

/// Puts shortfalls into other words.
pub fn tell_shortfalls(shortfalls: &mut [Shortfall], speaker: &dyn Speaker) {
    for shortfall in shortfalls {
        if let Some((missing, relaxation)) = &shortfall.what {
            (shortfall.words, shortfall.relaxation) = (speaker.missing(missing), speaker.relaxation(relaxation));
        }
    }
}

/// A device with all that its reasons follow from.
#[derive(Clone, Copy)]
struct Of<'a> {
    outlook: &'a Outlook,
    aims: &'a Aims,
    planned: &'a DeviceSchedule,
    grid_watts: &'a [f64],
    prices: &'a [f64],
    worths: &'a [f64],
}

impl Of<'_> {
    fn steps(&self) -> usize {
        self.prices.len()
    }

    fn begin(&self, step: usize) -> Timestamp {
        self.outlook.horizon.begin(step)
    }

    /// Whether what is taken in a step is what the sun gives over.
    fn of_sun(&self, step: usize) -> bool {
        self.outlook.solar_watts[step] > WATTS_MIN && self.grid_watts[step] < WATTS_MIN
    }

    /// What a kilowatt hour of this device saves in a step: what the grid takes for it, or pays where the home feeds in without it.
    fn saves(&self, step: usize) -> f64 {
        let without = self.grid_watts[step] - self.planned.watts[step];
        if without > WATTS_MIN { self.outlook.import_price[step] } else { self.outlook.export_price[step] }
    }

    /// The dearest step among some, by the price in it.
    fn dearest(&self, steps: impl Iterator<Item = usize>) -> Option<usize> {
        // The first of several equal ones.
        steps.fold(None, |best, step| match best {
            Some(best) if self.prices[best] * (1.0 + SAME) >= self.prices[step] => Some(best),
            _ => Some(step),
        })
    }

    /// The next step that is clearly cheaper than this one, before some step.
    fn cheaper(&self, step: usize, before: usize) -> Option<usize> {
        let price = self.prices[step];
        (step + 1..before.min(self.steps())).find(|later| self.prices[*later] < price - SAME * price.abs())
    }
}

/// One reason for each stretch of steps with the same.
fn stretches(of: &Of<'_>, kind: &DeviceKind) -> Vec<Reason> {
    let why = |step: usize| match kind {
        DeviceKind::Battery(battery) => stored::battery(of, battery, step),
        DeviceKind::Car(car) => stored::car(of, car, step),
        DeviceKind::Tank(tank) => heated::tank(of, tank, step),
        DeviceKind::Zone(zone) => heated::zone(of, zone, step),
        DeviceKind::Appliance(appliance) => runs::appliance(of, appliance, step),
        DeviceKind::Switched(switched) => runs::switched(of, switched, step),
    };
    let mut reasons: Vec<Reason> = Vec::new();
    for step in 0..of.steps() {
        let now = why(step);
        match reasons.last_mut() {
            Some(last) if last.why.as_ref().is_some_and(|before| before.same(&now)) => last.to = step + 1,
            _ => reasons.push(Reason { from: step, to: step + 1, words: String::new(), why: Some(now) }),
        }
    }
    reasons
}

impl Why {
    /// Whether two steps have the same reason: of one kind, and about the same moment.
    fn same(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.at() == other.at()
    }

    fn at(&self) -> Option<Timestamp> {
        match self {
            Self::StoresSun { at, .. } | Self::StoresCheap { at, .. } | Self::Keeps { at, .. } => *at,
            Self::ChargesFor { at, .. } | Self::ReadyFor { at, .. } | Self::RunsCheap { at, .. } => Some(*at),
            // What is waited for moves with the prices; one stretch of waiting is one reason.
            _ => None,
        }
    }
}
