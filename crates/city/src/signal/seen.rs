//! What detectors tell of a junction: counts in zones, followed upstream over lanes with no signal between.

use std::collections::BTreeMap;

use super::Layout;
use super::health::Health;
use super::turns::Turns;
use crate::network::{Aspect, Network};

/// How far upstream of a stop line vehicles are counted.
pub const REACH_METERS: f64 = 200.0;
/// The length of one zone of a detector.
pub const ZONE_METERS: f64 = 25.0;
/// How far behind a junction standing vehicles are in its way.
pub const EXIT_METERS: f64 = 50.0;
/// The room that a standing vehicle takes.
pub const VEHICLE_METERS: f64 = 7.5;
/// How fast what came is forgotten when the flow into a lane is estimated, in seconds.
const FLOW_MEMORY_SECONDS: f64 = 240.0;
/// How fast what passed is forgotten when shares of lanes are estimated, in seconds.
const SHARE_MEMORY_SECONDS: f64 = 900.0;
/// What a lane is taken to have passed before anything was counted.
const SHARE_PRIOR_VEHICLES: f64 = 4.0;
/// The flow into a lane of which nothing is known, in vehicles a second.
const FLOW_UNKNOWN: f64 = 0.03;
/// The saturation flow that an estimated queue is taken to discharge with, in vehicles a second.
const DISCHARGE: f64 = 0.45;
/// The most vehicles that are thought to stand where nothing is seen.
const ESTIMATE_VEHICLES_MAX: f64 = 25.0;
/// Until it is noticed that the first vehicle does not go, in seconds of green.
const STARTING_SECONDS: f64 = 3.0;
/// What another second of standing in front of green leaves of the belief that it is what the vehicle waits for.
const HEAD_KEEP: f64 = 0.75;
/// Of a full exit so much is taken by standing vehicles.
const FULL_SHARE: f64 = 0.55;

/// What a detector counts in one zone.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Zone {
    /// Vehicles that drive.
    pub moving: f64,
    /// Vehicles that stand or crawl.
    pub standing: f64,
}

/// What the detectors of one lane count.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LaneCount {
    /// Zones of [`ZONE_METERS`], from the lane's end backwards.
    pub zones: Vec<Zone>,
    /// Vehicles that have left the lane over its end since the detector was switched on.
    pub passed: u64,
}

/// What the detectors of a lane that leads away count.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ExitCount {
    /// Vehicles within [`REACH_METERS`] of its begin.
    pub vehicles: f64,
    /// Vehicles that stand or crawl within [`EXIT_METERS`] of its begin.
    pub standing: f64,
    /// Vehicles that have come onto the lane's road over its begin since the detector was switched on.
    pub entered: u64,
}

/// A lane upstream of a stop line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// The lane, by number in the network.
    pub lane: usize,
    /// From its end to the stop line.
    pub offset_meters: f64,
    /// Free driving from its end to the stop line.
    pub offset_seconds: f64,
    /// The part through which its vehicles get to the stop line; itself for the first.
    pub next: usize,
}

/// Everything upstream of one stop line, the lane at the stop line first.
#[derive(Debug, Clone, PartialEq)]
pub struct Reach {
    /// The lanes.
    pub parts: Vec<Part>,
    /// Free driving from the far end to the stop line, over the shortest way.
    pub seconds: f64,
    /// The links from signals that feed it, with free driving from there to the stop line, and the part they feed.
    pub feeders: Vec<(usize, f64, usize)>,
    /// Whether vehicles begin their way within reach, so that more can wait than are seen.
    pub begins_within: bool,
}

impl Reach {
    fn new(network: &Network, lane: usize) -> Self {
        let mut parts = vec![Part { lane, offset_meters: 0.0, offset_seconds: 0.0, next: 0 }];
        let mut feeders = Vec::new();
        let mut seconds = f64::INFINITY;
        let mut begins_within = false;
        let mut at = 0;
        while let Some(part) = parts.get(at).copied() {
            let drawn = &network.lanes[part.lane];
            let far_meters = part.offset_meters + drawn.length_meters;
            let far_seconds = part.offset_seconds + drawn.length_meters / drawn.speed_meters_per_second;
            if far_meters >= REACH_METERS {
                let seen = (REACH_METERS - part.offset_meters) / drawn.speed_meters_per_second;
                seconds = seconds.min(part.offset_seconds + seen);
            } else {
                seconds = seconds.min(far_seconds);
                begins_within |= drawn.incoming.is_empty();
                for link in &drawn.incoming {
                    let link_drawn = &network.links[*link];
                    let is_known = parts.iter().any(|known| known.lane == link_drawn.from);
                    if link_drawn.signal.is_none() && !is_known {
                        let from = link_drawn.from;
                        parts.push(Part {
                            lane: from,
                            offset_meters: far_meters,
                            offset_seconds: far_seconds,
                            next: at,
                        });
                    }
                }
            }
            let signalled = drawn.incoming.iter().filter(|link| network.links[**link].signal.is_some());
            feeders.extend(signalled.map(|link| (*link, far_seconds, at)));
            at += 1;
        }
        Self { parts, seconds, feeders, begins_within }
    }
}

/// What is known of the flow on a lane of a junction.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Flow {
    vehicles: f64,
    passed: u64,
    /// Vehicles and seconds, both forgotten alike: their quotient is the flow.
    came: f64,
    seconds: f64,
}

/// What is seen of a junction.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    reaches: Vec<Reach>,
    counts: BTreeMap<usize, LaneCount>,
    exits: BTreeMap<usize, ExitCount>,
    exit_room: BTreeMap<usize, f64>,
    /// What passed over the end of each lane, slowly forgotten.
    used: BTreeMap<usize, (u64, f64)>,
    flows: Vec<Flow>,
    /// What left over each stop line in the last second.
    left: Vec<f64>,
    /// Which detectors are believed, by lane of the network.
    health: BTreeMap<usize, Health>,
    /// Where nothing is seen at a stop line: how many are thought to stand there.
    estimates: Vec<Option<f64>>,
    /// Which ways vehicles take.
    turns: Turns,
    /// The links of each lane of the junction.
    links: Vec<Vec<usize>>,
    /// How likely the first vehicle of each lane wants each of its links.
    heads: Vec<Vec<f64>>,
    /// For how long each lane has had green with vehicles in front of it and none that left.
    stuck_seconds: Vec<f64>,
    /// The edges of the lanes, to know which lie side by side.
    edges: Vec<usize>,
}

impl Seen {
    /// Nothing yet.
    pub fn new(network: &Network, layout: &Layout) -> Self {
        let reaches: Vec<Reach> = layout.lanes.iter().map(|lane| Reach::new(network, *lane)).collect();
        let room = |lane: &usize| (*lane, network.lanes[*lane].length_meters.min(EXIT_METERS) / VEHICLE_METERS);
        Self {
            counts: BTreeMap::new(),
            exits: BTreeMap::new(),
            exit_room: layout.exits.iter().map(room).collect(),
            used: BTreeMap::new(),
            flows: vec![Flow::default(); reaches.len()],
            left: vec![0.0; reaches.len()],
            health: BTreeMap::new(),
            estimates: vec![None; reaches.len()],
            turns: Turns::default(),
            links: layout.links.clone(),
            heads: layout.links.iter().map(|links| vec![1.0; links.len()]).collect(),
            stuck_seconds: vec![0.0; reaches.len()],
            edges: layout.lanes.iter().map(|lane| network.lanes[*lane].edge).collect(),
            reaches,
        }
    }

    /// What lies upstream of each lane of the junction.
    pub fn reaches(&self) -> &[Reach] {
        &self.reaches
    }

    /// Takes in what the detectors told in one second, by lanes of the network, and what the signal showed each place.
    /// What is not to be believed is left out, and estimated where it matters: at the stop line.
    pub fn tell(
        &mut self,
        network: &Network,
        mut counts: BTreeMap<usize, LaneCount>,
        exits: BTreeMap<usize, ExitCount>,
        aspects: &[Aspect],
    ) {
        let is_green = |link: &usize| {
            let place = network.links[*link].signal.map(|(_, place)| place);
            place.and_then(|place| aspects.get(place)).is_some_and(|aspect| aspect.is_green())
        };
        let has_green: Vec<bool> = self.links.iter().map(|links| links.iter().any(is_green)).collect();
        let mut lanes: Vec<usize> = self.reaches.iter().flat_map(|reach| &reach.parts).map(|part| part.lane).collect();
        lanes.sort_unstable();
        lanes.dedup();
        for lane in lanes {
            self.health.entry(lane).or_default().tell(counts.get(&lane));
        }
        counts.retain(|lane, _| self.health.get(lane).is_none_or(Health::is_believed));
        let keep = libm::exp(-1.0 / SHARE_MEMORY_SECONDS);
        for (lane, count) in &counts {
            let (before, used) = self.used.entry(*lane).or_insert((count.passed, SHARE_PRIOR_VEHICLES));
            *used = *used * keep + count.passed.saturating_sub(*before) as f64 + (1.0 - keep) * SHARE_PRIOR_VEHICLES;
            *before = count.passed;
        }
        (self.counts, self.exits) = (counts, exits);
        for (lane, has_green) in has_green.iter().enumerate() {
            let is_seen = self.counts.contains_key(&self.reaches[lane].parts[0].lane);
            if is_seen {
                self.estimates[lane] = None;
                self.follow(lane);
            } else {
                self.estimate(lane, *has_green);
            }
        }
        let lanes: Vec<(usize, f64)> =
            self.reaches.iter().zip(&self.left).map(|(reach, left)| (reach.parts[0].lane, *left)).collect();
        self.turns.tell(network, &lanes, &self.exits);
        for (lane, has_green) in has_green.into_iter().enumerate() {
            self.guess_head(lane, has_green, is_green);
        }
    }

    /// Who stands in front of green and does not go wants a way that has none: the longer, the surer.
    fn guess_head(&mut self, lane: usize, has_green: bool, is_green: impl Fn(&usize) -> bool) {
        let front = self.counts.get(&self.reaches[lane].parts[0].lane).and_then(|count| count.zones.first());
        let stands = front.is_some_and(|zone| zone.standing > 0.0 && zone.moving == 0.0);
        if self.left[lane] > 0.0 || !stands {
            self.heads[lane].fill(1.0);
            self.stuck_seconds[lane] = 0.0;
        } else if has_green {
            self.stuck_seconds[lane] += 1.0;
            if self.stuck_seconds[lane] > STARTING_SECONDS {
                for (head, link) in self.heads[lane].iter_mut().zip(&self.links[lane]) {
                    *head *= if is_green(link) { HEAD_KEEP } else { 1.0 };
                }
            }
        }
    }

    /// How likely the first vehicle of a lane wants one of its links, beside what is usual there: 1 when nothing is known, less
    /// when it stood in front of green.
    pub fn head(&self, lane: usize, link: usize) -> f64 {
        self.links[lane].iter().position(|own| *own == link).map_or(1.0, |at| self.heads[lane][at])
    }

    /// Follows a queue that nobody sees: it fills as its neighbours' do, and discharges with green.
    fn estimate(&mut self, lane: usize, has_green: bool) {
        let flow = self.flow(lane);
        let leaves = if has_green { DISCHARGE } else { 0.0 };
        let stands = self.estimates[lane].unwrap_or_default() + flow;
        self.left[lane] = leaves.min(stands);
        self.estimates[lane] = Some((stands - self.left[lane]).min(ESTIMATE_VEHICLES_MAX));
        self.flows[lane] = Flow::default();
    }

    /// How many stop lines are not seen.
    pub fn unseen(&self) -> usize {
        self.estimates.iter().flatten().count()
    }

    fn follow(&mut self, lane: usize) {
        let vehicles = self.vehicles(lane);
        let passed = self.counts.get(&self.reaches[lane].parts[0].lane).map_or(0, |count| count.passed);
        let flow = &mut self.flows[lane];
        let left = passed.saturating_sub(flow.passed) as f64;
        let came = vehicles - flow.vehicles + left;
        let keep = libm::exp(-1.0 / FLOW_MEMORY_SECONDS);
        if flow.seconds > 0.0 {
            flow.came = flow.came * keep + came;
            self.left[lane] = left;
        }
        flow.seconds = flow.seconds * keep + 1.0;
        (flow.vehicles, flow.passed) = (vehicles, passed);
    }

    /// The share of a part's vehicles that go to this stop line.
    pub fn share(&self, reach: &Reach, network: &Network, part: usize) -> f64 {
        let mut share = 1.0;
        let mut at = part;
        while at != 0 {
            let next = reach.parts[at].next;
            let used = |lane: usize| self.used.get(&lane).map_or(SHARE_PRIOR_VEHICLES, |(_, used)| *used);
            let outgoing = &network.lanes[reach.parts[at].lane].outgoing;
            let all: f64 = outgoing.iter().map(|link| used(network.links[*link].to)).sum();
            share *= used(reach.parts[next].lane) / all.max(1e-9);
            at = next;
        }
        share
    }

    fn vehicles(&self, lane: usize) -> f64 {
        let counts = self.reaches[lane].parts.iter().filter_map(|part| self.counts.get(&part.lane));
        counts.flat_map(|count| &count.zones).map(|zone| zone.moving + zone.standing).sum()
    }

    /// Vehicles that stand in front of a stop line, and those that come: after how many seconds of free driving how many.
    pub fn expected(&self, network: &Network, lane: usize) -> (f64, Vec<(f64, f64)>) {
        let reach = &self.reaches[lane];
        let (mut standing, mut coming) = (self.estimates[lane].unwrap_or_default(), Vec::new());
        for (number, part) in reach.parts.iter().enumerate() {
            let Some(count) = self.counts.get(&part.lane) else { continue };
            let share = self.share(reach, network, number);
            let speed = network.lanes[part.lane].speed_meters_per_second;
            for (zone, at) in count.zones.iter().zip(0..) {
                let middle = (f64::from(at) + 0.5) * ZONE_METERS;
                if part.offset_meters + middle > REACH_METERS + ZONE_METERS {
                    break;
                }
                standing += zone.standing * share;
                if zone.moving > 0.0 {
                    coming.push((part.offset_seconds + middle / speed, zone.moving * share));
                }
            }
        }
        (standing, coming)
    }

    /// Vehicles within reach of a stop line.
    pub fn within_reach(&self, network: &Network, lane: usize) -> f64 {
        let (standing, coming) = self.expected(network, lane);
        standing + coming.iter().map(|(_, vehicles)| vehicles).sum::<f64>()
    }

    /// Vehicles a second that come into reach, over the last minutes. Of a lane that is not seen: as on the lanes beside it, or
    /// as on the junction's others.
    pub fn flow(&self, lane: usize) -> f64 {
        let of = |lane: usize| (self.flows[lane].came / self.flows[lane].seconds).max(0.0);
        if self.flows[lane].seconds > 0.0 && self.estimates[lane].is_none() {
            return of(lane);
        }
        let known = |other: &usize| self.estimates[*other].is_none() && self.flows[*other].seconds > 0.0;
        let mean = |lanes: Vec<usize>| {
            let count = lanes.len();
            (count > 0).then(|| lanes.into_iter().map(of).sum::<f64>() / count as f64)
        };
        let beside =
            (0..self.flows.len()).filter(known).filter(|other| self.edges[*other] == self.edges[lane]).collect();
        let all = (0..self.flows.len()).filter(known).collect();
        mean(beside).or_else(|| mean(all)).unwrap_or(FLOW_UNKNOWN)
    }

    /// Vehicles that passed a stop line in the last second.
    pub fn left(&self, lane: usize) -> f64 {
        self.left[lane]
    }

    /// Vehicles on an exit, within reach.
    pub fn on_exit(&self, lane: usize) -> f64 {
        self.exits.get(&lane).map_or(0.0, |exit| exit.vehicles)
    }

    /// Whether an exit is so full that nobody should drive into the junction towards it.
    pub fn is_full(&self, exit: usize) -> bool {
        let room = self.exit_room.get(&exit).copied().unwrap_or(f64::INFINITY);
        self.exits.get(&exit).is_some_and(|count| count.standing >= FULL_SHARE * room)
    }

    /// How a lane's vehicles part, as far as its exits tell: the share of one of its links.
    pub fn turn_share(&self, network: &Network, links: &[usize], link: usize) -> f64 {
        self.turns.share(network, links, link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::District;
    use crate::signal::Limits;

    #[test]
    fn vehicles_are_seen_up_to_the_reach_and_queues_are_estimated_where_nothing_is_seen() {
        let network = District { columns: 2, rows: 1, ..District::default() }.network();
        let layout = Layout::new(&network, 0, Limits::default());
        let mut seen = Seen::new(&network, &layout);
        let lane = layout.lanes[0];
        let zones = vec![Zone { moving: 1.0, standing: 0.0 }; 9];
        let count = |passed| BTreeMap::from([(lane, LaneCount { zones: zones.clone(), passed })]);
        seen.tell(&network, count(0), BTreeMap::new(), &[Aspect::Red; 12]);
        // Nine zones of 25 m: the last one is beyond.
        assert!((8.0..=9.0).contains(&seen.within_reach(&network, 0)), "{}", seen.within_reach(&network, 0));
        let (standing, coming) = seen.expected(&network, 0);
        assert!(standing == 0.0 && (coming[0].0 - 12.5 / 13.9).abs() < 1e-9);
        for _ in 0..100 {
            seen.tell(&network, BTreeMap::new(), BTreeMap::new(), &[Aspect::Red; 12]);
        }
        assert_eq!(seen.unseen(), 8);
        assert!(seen.expected(&network, 0).0 > 1.0, "a queue is thought to grow");
        for _ in 0..60 {
            seen.tell(&network, BTreeMap::new(), BTreeMap::new(), &[Aspect::Green; 12]);
        }
        assert!(seen.expected(&network, 0).0 < 0.1, "green lets it go");
    }
}
