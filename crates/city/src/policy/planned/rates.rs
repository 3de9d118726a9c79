//! How fast lanes discharge in each phase.

use plan::signal::{Phase, Service};

use crate::network::{Aspect, Network};
use crate::signal::{Layout, Seen};

/// Seconds from vehicle to vehicle of a queue that discharges (Highway Capacity Manual: 1,900 an hour).
const HEADWAY_SECONDS: f64 = 1.9;
/// The same where the way bends.
const HEADWAY_TURNING_SECONDS: f64 = 2.1;
/// What a vehicle costs its lane when it wants where it cannot go, and those behind it cannot pass.
const BLOCKING_SECONDS: f64 = 12.0;
/// With less than this share of its vehicles able to go a lane has no green to speak of.
const SHARE_MIN: f64 = 0.05;

/// What each phase gives each lane of a junction.
pub(super) fn phases(network: &Network, layout: &Layout, seen: &Seen) -> Vec<Phase> {
    let phase = |(number, phase): (usize, &crate::signal::Phase)| Phase {
        service: (0..layout.lanes.len()).map(|lane| service(network, layout, seen, phase, lane)).collect(),
        green_steps_min: layout.limits.green_seconds_min as usize,
        intergreen_steps: (0..layout.phases.len())
            .map(|next| layout.intergreen_seconds(number, next) as usize)
            .collect(),
    };
    layout.phases.iter().enumerate().map(phase).collect()
}

fn service(network: &Network, layout: &Layout, seen: &Seen, phase: &crate::signal::Phase, lane: usize) -> Service {
    let links = &layout.links[lane];
    let (mut open, mut yielding, mut seconds, mut yields_to) = (0.0, 0.0, 0.0, 0_u64);
    // What the first vehicle wants, as far as its standing tells, against what the lane's vehicles usually want.
    let (mut head_goes, mut head_all) = (0.0, 0.0);
    for link in links {
        let drawn = &network.links[*link];
        let Some((_, place)) = drawn.signal else { continue };
        let share = seen.turn_share(network, links, *link);
        let aspect = if seen.is_full(drawn.to) { Aspect::Red } else { phase.aspects[place] };
        let headway =
            if drawn.turn == crate::network::Turn::Straight { HEADWAY_SECONDS } else { HEADWAY_TURNING_SECONDS };
        let head = share * seen.head(lane, *link);
        head_all += head;
        if matches!(aspect, Aspect::Green | Aspect::Yielding | Aspect::AfterStop) {
            head_goes += head;
        }
        match aspect {
            Aspect::Green => (open, seconds) = (open + share, seconds + share * headway),
            Aspect::Yielding | Aspect::AfterStop => {
                (yielding, seconds) = (yielding + share, seconds + share * headway);
                yields_to |= in_the_way(network, layout, phase, *link);
            }
            Aspect::Red | Aspect::Yellow => seconds += share * BLOCKING_SECONDS,
        }
    }
    let goes: f64 = open + yielding;
    if goes < SHARE_MIN {
        return Service::default();
    }
    let head = (head_goes / head_all.max(1e-9) / goes).min(1.0);
    Service { rate: (head * goes / seconds) as f32, yielding: (yielding / goes) as f32, yields_to }
}

/// The lanes whose vehicles a link yields to in a phase.
fn in_the_way(network: &Network, layout: &Layout, phase: &crate::signal::Phase, link: usize) -> u64 {
    let yields_to = &network.links[link].yields_to;
    let mut lanes = 0;
    for (number, links) in layout.links.iter().enumerate() {
        let is_in_the_way = |other: &usize| {
            yields_to.contains(other) && network.links[*other].signal.is_some_and(|(_, place)| phase.is_green(place))
        };
        lanes |= u64::from(links.iter().any(is_in_the_way)) << number.min(63);
    }
    lanes
}
