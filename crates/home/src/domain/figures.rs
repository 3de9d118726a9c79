//! What a run of a home came to.

use site::run::{Better, KpiDescription, Kpis};

use crate::world::{Course, Decide, Flows, Home, HomeWorld, PolicyKind, STEP_HOURS, Slot, cost, peak_cost};

/// Days of a year.
pub(super) const YEAR_DAYS: f64 = 365.25;
/// From how much of a home's cold or heat on it is worth a word, in kelvin hours a day.
const DISCOMFORT: f64 = 1.0;

/// What is measured.
pub(super) fn descriptions() -> Vec<KpiDescription> {
    let kpi = |name, title, unit, better, decimals| KpiDescription { name, title, unit, better, decimals };
    vec![
        kpi("yearly_cost", "Cost of a year, purchases included", "", Better::Lower, 0),
        kpi("energy_cost", "Cost of energy", "", Better::Lower, 2),
        kpi("saving_per_year", "Saved in a year beside today's home", "", Better::Higher, 0),
        kpi("pay_back_years", "Years until it has paid", "a", Better::Lower, 1),
        kpi("purchase", "Purchase", "", Better::Neither, 0),
        kpi("carbon_kilograms", "Carbon dioxide", "kg", Better::Lower, 1),
        kpi("self_sufficiency", "Own part of what was taken", "%", Better::Higher, 1),
        kpi("self_consumption", "Used part of the sun", "%", Better::Higher, 1),
        kpi("peak_kilowatts", "Highest power from the grid", "kW", Better::Lower, 2),
        kpi("discomfort_kelvin_hours", "Rooms too cold or too warm", "Kh", Better::Lower, 1),
        kpi("cold_water_kelvin_hours", "Water too cold", "Kh", Better::Lower, 1),
        kpi("missed_departures", "Departures with too little in the car", "", Better::Lower, 0),
        kpi("missed_kilowatt_hours", "What was missing in the car", "kWh", Better::Lower, 1),
        kpi("unserved_kilowatt_hours", "Not supplied without the grid", "kWh", Better::Lower, 2),
        kpi("imported_kilowatt_hours", "From the grid", "kWh", Better::Neither, 1),
        kpi("exported_kilowatt_hours", "Fed in", "kWh", Better::Neither, 1),
    ]
}

/// Summed up while a run goes on.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Figures {
    /// What each day cost, without peaks.
    pub(super) daily_cost: Vec<f64>,
    carbon_kilograms: f64,
    imported: f64,
    exported: f64,
    solar: f64,
    taken: f64,
    /// The highest quarter of an hour of each month.
    peaks: Vec<f64>,
    discomfort: f64,
    cold_water: f64,
    missed: u32,
    missed_kilowatt_hours: f64,
    unserved: f64,
    stored_before: f64,
    stored: f64,
    price_sum: f64,
    /// What was in the battery when the grid went, in kilowatt hours.
    pub(super) stored_at_outage: Option<f64>,
    pub(super) trace: u64,
    pub(super) plans: u32,
    pub(super) failed_plans: u32,
}

/// Lets a policy run a home over a course. `None` when the watcher gave up.
pub(super) fn live(
    world: &HomeWorld,
    kind: PolicyKind,
    course: &Course,
    goes_on: &mut dyn FnMut(f64) -> bool,
) -> Option<Figures> {
    let mut home = Home::new(world);
    let mut policy = Decide::new(kind, world.past());
    let mut figures = Figures { stored_before: home.stored(), trace: 0xCBF2_9CE4_8422_2325, ..Figures::default() };
    for at in 0..course.lived {
        if at % 96 == 0 && !goes_on(at as f64 / course.lived as f64) {
            return None;
        }
        let slot = &course.slots[at];
        let was_out = at > 0 && course.slots[at - 1].is_out;
        if slot.is_out && !was_out {
            figures.stored_at_outage = Some(home.state.battery);
        }
        let commands = policy.decide(&home, course, at);
        let flows = home.step(slot, &commands);
        policy.learn(flows.grid);
        figures.take(slot, &flows);
    }
    figures.stored = home.stored();
    (figures.plans, figures.failed_plans) = (policy.plans, policy.failed);
    Some(figures)
}

impl Figures {
    fn take(&mut self, slot: &Slot, flows: &Flows) {
        let hours = STEP_HOURS / 1_000.0;
        let day = slot.day as usize;
        self.daily_cost.resize(self.daily_cost.len().max(day + 1), 0.0);
        self.daily_cost[day] += cost(slot, flows.grid);
        self.price_sum += slot.import_price;
        self.carbon_kilograms += flows.grid.max(0.0) * hours * slot.carbon_grams / 1_000.0;
        self.imported += flows.grid.max(0.0) * hours;
        self.exported += (-flows.grid).max(0.0) * hours;
        self.solar += flows.solar * hours;
        self.taken += flows.taken * hours;
        let month = day / 30;
        self.peaks.resize(self.peaks.len().max(month + 1), 0.0);
        self.peaks[month] = self.peaks[month].max(flows.grid);
        self.discomfort += flows.discomfort_kelvin * STEP_HOURS;
        self.cold_water += flows.cold_water_kelvin * STEP_HOURS;
        if let Some(lack) = flows.departure_lack.filter(|lack| *lack > 0.0) {
            self.missed += 1;
            self.missed_kilowatt_hours += lack;
        }
        self.unserved += flows.unserved * hours;
        for value in [flows.grid, flows.battery, flows.taken, flows.discomfort_kelvin] {
            // A thousandth of a watt is below what anybody means.
            let bits = (value * 1_000.0).round() as i64 as u64;
            self.trace = (self.trace ^ bits).wrapping_mul(0x0100_0000_01B3).rotate_left(5);
        }
    }

    /// What energy cost: by the tariff, peaks included, and what is stored more or less at the end taken at the mean price.
    pub(super) fn energy_cost(&self, world: &HomeWorld, course: &Course) -> f64 {
        let mean_price = self.price_sum / course.lived as f64;
        self.daily_cost.iter().sum::<f64>() + peak_cost(&world.tariff, &self.peaks, course.days())
            - (self.stored - self.stored_before) * mean_price
    }

    /// The figures by name.
    pub(super) fn kpis(&self, world: &HomeWorld, course: &Course) -> Kpis {
        let percent = |part: f64, whole: f64| if whole > 1e-9 { (100.0 * part / whole).clamp(0.0, 100.0) } else { 0.0 };
        let energy = self.energy_cost(world, course);
        [
            ("yearly_cost", energy / course.days() * YEAR_DAYS),
            ("energy_cost", energy),
            ("carbon_kilograms", self.carbon_kilograms),
            ("self_sufficiency", percent(self.taken - self.imported, self.taken)),
            ("self_consumption", percent(self.solar - self.exported, self.solar)),
            ("peak_kilowatts", self.peaks.iter().copied().fold(0.0, f64::max) / 1_000.0),
            ("discomfort_kelvin_hours", self.discomfort),
            ("cold_water_kelvin_hours", self.cold_water),
            ("missed_departures", f64::from(self.missed)),
            ("missed_kilowatt_hours", self.missed_kilowatt_hours),
            ("unserved_kilowatt_hours", self.unserved),
            ("imported_kilowatt_hours", self.imported),
            ("exported_kilowatt_hours", self.exported),
        ]
        .into_iter()
        .map(|(name, figure)| (name.to_owned(), figure))
        .collect()
    }

    /// What a person should know.
    pub(super) fn findings(&self, world: &HomeWorld, course: &Course) -> Vec<String> {
        let mut findings = Vec::new();
        if world.days.is_empty() {
            findings.push("the days are those of a sample family: they say nothing of this home".to_owned());
        } else if course.days() < 360.0 || world.days.len() < 300 {
            findings.push(format!(
                "years are extrapolated from {:.0} days that were drawn from {} past ones: other seasons are not in them",
                course.days(),
                world.days.len()
            ));
        }
        if self.failed_plans > 0 {
            findings.push(format!(
                "{} of {} plans could not be made; rules decided instead",
                self.failed_plans, self.plans
            ));
        }
        if self.discomfort > DISCOMFORT * course.days() {
            findings.push(format!(
                "rooms are out of their band by {:.1} kelvin hours a day",
                self.discomfort / course.days()
            ));
        }
        if self.missed > 0 {
            findings.push(format!(
                "the car left {} times with {:.1} kWh missing in all",
                self.missed, self.missed_kilowatt_hours
            ));
        }
        if let Some(stored) = self.stored_at_outage {
            findings.push(format!(
                "the grid went with {stored:.1} kWh in the battery; {:.1} kWh could not be supplied",
                self.unserved
            ));
        }
        findings
    }
}
