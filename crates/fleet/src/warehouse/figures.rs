//! What a shift came to.

use std::collections::BTreeMap;

use site::run::{Better, KpiDescription, Kpis};

use super::layout::Layout;
use super::spots::{around, by_area};

/// From which share of its time on a station, or the robots, holds everything up.
const SATURATED: f64 = 0.9;
/// From which share of waiting on the way traffic holds everything up.
const CONGESTED: f64 = 0.25;
/// From which share of the way doors are worth a word.
const DOORS: f64 = 0.1;

/// Counted while the shift goes on.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) seconds: f64,
    pub(super) came: u64,
    pub(super) refused: u64,
    pub(super) late: u64,
    /// From coming to done, in seconds, of each order that was done.
    pub(super) lead_seconds: Vec<f64>,
    /// Robot seconds: with an order, on the way, on the way and held up, moving, charging, stuck.
    pub(super) with_order: f64,
    pub(super) going: f64,
    pub(super) blocked: f64,
    /// Of those held up, before doors; and of those on the way, behind a speed limit.
    pub(super) at_doors: f64,
    pub(super) slowed: f64,
    pub(super) charging: f64,
    pub(super) stuck: f64,
    pub(super) metres: f64,
    /// Seconds that the places of each station were at work.
    pub(super) served: Vec<f64>,
    /// The shortest time that the orders that were done would have taken alone, in robot seconds.
    pub(super) alone: f64,
    /// Robot seconds held up on the way, by cell.
    pub(super) blocked_at: Vec<f32>,
}

/// The figures, what they say in words, and where robots were held up, in hours.
pub(super) type Closed = (Kpis, Vec<String>, BTreeMap<String, f64>);

/// What is measured.
pub(super) fn descriptions() -> Vec<KpiDescription> {
    let kpi = |name, title, unit, better, decimals| KpiDescription { name, title, unit, better, decimals };
    vec![
        kpi("cost_per_order", "Cost of an order", "", Better::Lower, 3),
        kpi("orders_per_hour", "Orders done an hour", "1/h", Better::Higher, 1),
        kpi("bound_orders_per_hour", "Bound of orders an hour", "1/h", Better::Neither, 1),
        kpi("cut_orders_per_hour", "Orders an hour through the narrowest place", "1/h", Better::Neither, 1),
        kpi("orders_open", "Orders open at the end", "", Better::Lower, 0),
        kpi("lead_minutes", "Minutes from coming to done", "min", Better::Lower, 2),
        kpi("lead_minutes_95", "The same, 95 of 100 orders", "min", Better::Lower, 2),
        kpi("late_share", "Orders done late", "%", Better::Lower, 1),
        kpi("robot_utilisation", "Robots with an order", "%", Better::Neither, 1),
        kpi("waiting_share", "Waiting of the time on the way", "%", Better::Lower, 1),
        kpi("door_share", "Waiting at doors of the time on the way", "%", Better::Lower, 1),
        kpi("slowed_share", "Slowed down of the time on the way", "%", Better::Lower, 1),
        kpi("charging_share", "Time on chargers", "%", Better::Neither, 1),
        kpi("stuck_share", "Time stopped or broken down", "%", Better::Neither, 1),
        kpi("station_utilisation", "Stations at work", "%", Better::Neither, 1),
        kpi("busiest_station", "The busiest station at work", "%", Better::Neither, 1),
        kpi("kilometres", "Kilometres driven", "km", Better::Lower, 2),
    ]
}

impl Figures {
    /// Nothing yet, on a floor of so many stations and cells.
    pub(super) fn new(stations: usize, cells: usize) -> Self {
        Self { served: vec![0.0; stations], blocked_at: vec![0.0; cells], ..Self::default() }
    }

    /// What it came to, with so many orders open, of which some are due.
    pub(super) fn close(mut self, layout: &Layout, open: usize, overdue: usize) -> Closed {
        let (warehouse, ground) = (&layout.warehouse, &*layout.ground);
        let stations = &ground.floor.stations;
        let hours = self.seconds / 3_600.0;
        let robots = f64::from(warehouse.robots.count);
        let done = self.lead_seconds.len() as f64;
        let robot_seconds = robots * self.seconds;
        let percent = |part: f64, whole: f64| if whole > 0.0 { 100.0 * part / whole } else { 0.0 };
        self.lead_seconds.sort_by(f64::total_cmp);
        let lead = |share: f64| {
            let at = (self.lead_seconds.len().saturating_sub(1) as f64 * share) as usize;
            self.lead_seconds.get(at).copied().unwrap_or(self.seconds)
        };
        let mean_lead = if done > 0.0 { self.lead_seconds.iter().sum::<f64>() / done } else { self.seconds };
        let busy: Vec<f64> = self
            .served
            .iter()
            .zip(stations)
            .map(|(served, station)| served / (self.seconds * station.nodes.len().max(1) as f64))
            .collect();
        let places: usize = stations.iter().map(|station| station.nodes.len().max(1)).sum();
        let busiest = busy.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        let late = self.late as f64 + overdue as f64;
        let running = robots * warehouse.robots.cost_per_hour + stations.len() as f64 * warehouse.station_cost_per_hour;
        let cost = hours * running + late * warehouse.late_order_cost;
        // Nobody is faster than alone, a station serves one after the other, a cell lets one through after the other, and no
        // more comes than comes.
        let robot_bound = if self.alone > 0.0 { robots * done / self.alone * 3_600.0 } else { 0.0 };
        let served: f64 = self.served.iter().sum();
        let station_bound = if served > 0.0 { places as f64 * done / served * 3_600.0 } else { f64::INFINITY };
        let (through, cut) = layout.cuts.orders(self.seconds / layout.dt_seconds, robots);
        let cut_bound = through / hours;
        let demand = self.came as f64 / hours;
        let others = robot_bound.min(station_bound).min(demand);
        let mut kpis: Kpis = [
            ("cost_per_order", cost / done.max(1.0)),
            ("orders_per_hour", done / hours),
            ("bound_orders_per_hour", others.min(cut_bound)),
            ("orders_open", open as f64),
            ("lead_minutes", mean_lead / 60.0),
            ("lead_minutes_95", lead(0.95) / 60.0),
            ("late_share", percent(self.late as f64, done)),
            ("robot_utilisation", percent(self.with_order, robot_seconds)),
            ("waiting_share", percent(self.blocked, self.going)),
            ("charging_share", percent(self.charging, robot_seconds)),
            ("stuck_share", percent(self.stuck, robot_seconds)),
            ("station_utilisation", percent(served, places as f64 * self.seconds)),
            ("busiest_station", 100.0 * busiest.map_or(0.0, |(_, share)| *share)),
            ("kilometres", self.metres / 1_000.0),
        ]
        .into_iter()
        .map(|(name, figure)| (name.to_owned(), figure))
        .collect();
        // What the floor does not have is not measured.
        let on_some_floors = [
            ("cut_orders_per_hour", cut_bound, cut_bound.is_finite()),
            ("door_share", percent(self.at_doors, self.going), !ground.pace.doorways().is_empty()),
            ("slowed_share", percent(self.slowed, self.going), ground.pace.has_slow_ways()),
        ];
        let there = on_some_floors.into_iter().filter(|(_, _, is_there)| *is_there);
        kpis.extend(there.map(|(name, figure, _)| (name.to_owned(), figure)));
        let mut findings = Vec::new();
        if cut_bound < others {
            findings.push(format!(
                "the way between loads and stations is the bottleneck: {} cells around {} let at most {cut_bound:.0} orders an \
                 hour through",
                cut.cells.len(),
                around(ground, &cut.cells)
            ));
        }
        if self.at_doors > DOORS * self.going {
            let share = percent(self.at_doors, self.going);
            findings.push(format!("robots wait before doors {share:.0} % of their way"));
        }
        let falls_behind = open as f64 > 0.05 * self.came as f64 + robots;
        if let Some((at, share)) = busiest.filter(|(_, share)| **share > SATURATED) {
            findings.push(format!(
                "{} works {:.0} % of the time: stations are the bottleneck",
                stations[at].id,
                share * 100.0
            ));
        } else if self.going > 0.0 && self.blocked / self.going > CONGESTED {
            findings.push(format!(
                "robots wait {:.0} % of their way: the floor is too full, more robots would do less",
                percent(self.blocked, self.going)
            ));
        } else if falls_behind && self.with_order / robot_seconds > SATURATED {
            findings.push("all robots have work and orders stay open: more robots would do more".to_owned());
        } else if falls_behind {
            findings.push(
                "orders stay open although robots and stations have time: allow more orders for a station".to_owned(),
            );
        } else if self.with_order / robot_seconds < 0.5 {
            findings.push(format!(
                "robots have work {:.0} % of the time: fewer would do",
                percent(self.with_order, robot_seconds)
            ));
        }
        if self.refused > 0 {
            findings.push(format!("{} orders were refused because too many were open", self.refused));
        }
        let hours_held_up: Vec<f32> = self.blocked_at.iter().map(|seconds| seconds / 3_600.0).collect();
        (kpis, findings, by_area(ground, &hours_held_up))
    }
}
