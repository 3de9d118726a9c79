//! Streets as a graph: edges with lanes, the links that lead from lane to lane, and the signals that control links.

mod grid;
mod sumo;
#[cfg(test)]
mod tests;

pub use grid::District;

use std::collections::BTreeMap;

/// The most lanes of a network; more are refused.
pub const LANES_MAX: usize = 1_000_000;
/// The longest text of a network, in bytes; more is refused.
pub const TEXT_BYTES_MAX: usize = 1 << 30;
/// The most faults that are told of one network.
pub const FAULTS_MAX: usize = 100;

/// Where a link leads, seen from its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Ahead.
    Straight,
    /// To the left, partly or wholly.
    Left,
    /// To the right, partly or wholly.
    Right,
    /// Back.
    Around,
}

/// What a signal shows a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// Stop.
    Red,
    /// Stop if you can.
    Yellow,
    /// Go, with right of way.
    Green,
    /// Go when nobody with right of way is in the way.
    Yielding,
    /// Stop first, and go when nobody is in the way: the right turn on red.
    AfterStop,
}

impl Aspect {
    /// Whether vehicles may go.
    pub const fn is_green(self) -> bool {
        matches!(self, Self::Green | Self::Yielding)
    }
}

/// A road in one direction between two junctions.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Its name in the network.
    pub id: String,
    /// Its lanes, by number in the network, from the outside inwards.
    pub lanes: Vec<usize>,
}

/// A lane of an edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// Its name in the network.
    pub id: String,
    /// The number of its edge.
    pub edge: usize,
    /// How long it is.
    pub length_meters: f64,
    /// How fast one may drive.
    pub speed_meters_per_second: f64,
    /// Its middle line, in metres of the network's projection.
    pub shape: Vec<[f64; 2]>,
    /// The links that begin at its end.
    pub outgoing: Vec<usize>,
    /// The links that lead to its begin.
    pub incoming: Vec<usize>,
}

/// A way from the end of a lane to the begin of another.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The lane that it leaves.
    pub from: usize,
    /// The lane that it leads to.
    pub to: usize,
    /// Where it leads.
    pub turn: Turn,
    /// The signal that controls it, and its place in what the signal shows.
    pub signal: Option<(usize, usize)>,
    /// The links that it crosses or merges with.
    pub foes: Vec<usize>,
    /// Of those, the ones that it yields to when both have green.
    pub yields_to: Vec<usize>,
}

/// A part of a fixed programme.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// How long it lasts.
    pub seconds: f64,
    /// What it shows each place.
    pub aspects: Vec<Aspect>,
}

/// What a signal shows when nobody decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Programme {
    /// By how much its begin is put off.
    pub offset_seconds: f64,
    /// Its parts, again and again.
    pub intervals: Vec<Interval>,
}

impl Programme {
    /// How long it takes until it begins again.
    pub fn cycle_seconds(&self) -> f64 {
        self.intervals.iter().map(|interval| interval.seconds).sum()
    }

    /// The interval that it is in at a second of the day.
    pub fn interval_at(&self, second: f64) -> usize {
        let mut within = (second - self.offset_seconds).rem_euclid(self.cycle_seconds());
        for (number, interval) in self.intervals.iter().enumerate() {
            within -= interval.seconds;
            if within < 0.0 {
                return number;
            }
        }
        self.intervals.len() - 1
    }
}

/// A set of links that are controlled together.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Its name in the network.
    pub id: String,
    /// The links at each place of what it shows.
    pub links: Vec<Vec<usize>>,
    /// What it shows when nobody decides.
    pub programme: Programme,
}

/// Streets and signals.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Network {
    /// Roads.
    pub edges: Vec<Edge>,
    /// Their lanes.
    pub lanes: Vec<Lane>,
    /// The ways between lanes.
    pub links: Vec<Link>,
    /// Signals.
    pub signals: Vec<Signal>,
}

/// What is wrong with a network, with the name of the element.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The text is no XML, or ends too early.
    #[error("byte {byte}: {problem}")]
    Text {
        /// Where.
        byte: u64,
        /// What is wrong.
        problem: String,
    },
    /// More than is taken in.
    #[error("the network has more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// It holds no edge.
    #[error("there is no edge in it\nhint: is this a network that netconvert wrote?")]
    Empty,
    /// An attribute is missing or makes no sense.
    #[error("{element}: {attribute} is missing or makes no sense")]
    Attribute {
        /// The element.
        element: String,
        /// Which attribute.
        attribute: &'static str,
    },
    /// Two elements have one name.
    #[error("{element} is there twice")]
    Twice {
        /// The element.
        element: String,
    },
    /// A connection names a lane that is not there.
    #[error("connection from {from} to {to}: there is no lane {missing}")]
    MissingLane {
        /// The edge that it leaves.
        from: String,
        /// The edge that it leads to.
        to: String,
        /// The lane.
        missing: String,
    },
    /// A connection names a signal, or a place of it, that is not there.
    #[error("connection from {from} to {to}: signal {signal} has no place {place}")]
    MissingSignal {
        /// The edge that it leaves.
        from: String,
        /// The edge that it leads to.
        to: String,
        /// The signal.
        signal: String,
        /// The place.
        place: usize,
    },
    /// A phase shows green with right of way to links that cross.
    #[error("signal {signal}: phase {phase} gives green to places {first} and {second}, which conflict")]
    Conflict {
        /// The signal.
        signal: String,
        /// The number of the phase in its programme.
        phase: usize,
        /// One of the places.
        first: usize,
        /// The other.
        second: usize,
    },
    /// A programme is empty, has no green, or its phases have different lengths.
    #[error("signal {signal}: the programme {problem}")]
    Programme {
        /// The signal.
        signal: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Network {
    /// Reads a network of SUMO (`.net.xml`, written by netconvert or netedit). Everything that is wrong is told, up to
    /// [`FAULTS_MAX`]; of a network with faults nothing is taken.
    pub fn from_sumo(text: &str) -> Result<Self, Vec<Fault>> {
        sumo::read(text)
    }

    /// Signals by name.
    pub fn signal(&self, id: &str) -> Option<usize> {
        self.signals.iter().position(|signal| signal.id == id)
    }

    /// Lanes by name.
    pub fn lanes_by_id(&self) -> BTreeMap<&str, usize> {
        self.lanes.iter().enumerate().map(|(number, lane)| (lane.id.as_str(), number)).collect()
    }

    /// Whether two links may not have green with right of way together.
    pub fn conflict(&self, first: usize, second: usize) -> bool {
        let (one, other) = (&self.links[first], &self.links[second]);
        // Who comes from one road sees each other and merges.
        self.lanes[one.from].edge != self.lanes[other.from].edge
            && (one.foes.contains(&second) || other.foes.contains(&first))
    }

    /// Fills in what follows from the links, and finds what is wrong with the signals.
    fn close(&mut self) -> Vec<Fault> {
        for (number, link) in self.links.iter().enumerate() {
            self.lanes[link.from].outgoing.push(number);
            self.lanes[link.to].incoming.push(number);
            if let Some((signal, place)) = link.signal {
                self.signals[signal].links[place].push(number);
            }
        }
        self.signals.iter().flat_map(|signal| self.programme_faults(signal)).collect()
    }

    fn programme_faults(&self, signal: &Signal) -> Vec<Fault> {
        let intervals = &signal.programme.intervals;
        let fault = |problem| vec![Fault::Programme { signal: signal.id.clone(), problem }];
        if intervals.iter().any(|interval| interval.aspects.len() != signal.links.len()) {
            return fault("has phases of different lengths");
        }
        if !intervals.iter().any(|interval| interval.aspects.iter().any(|aspect| aspect.is_green())) {
            return fault("never shows green");
        }
        let mut faults = Vec::new();
        for (phase, interval) in intervals.iter().enumerate() {
            let with_right: Vec<usize> =
                (0..signal.links.len()).filter(|place| interval.aspects[*place] == Aspect::Green).collect();
            for (at, first) in with_right.iter().enumerate() {
                for second in &with_right[at + 1..] {
                    let pairs =
                        signal.links[*first].iter().flat_map(|a| signal.links[*second].iter().map(move |b| (*a, *b)));
                    if pairs.into_iter().any(|(a, b)| self.conflict(a, b)) {
                        let signal = signal.id.clone();
                        faults.push(Fault::Conflict { signal, phase, first: *first, second: *second });
                    }
                }
            }
        }
        faults
    }
}
