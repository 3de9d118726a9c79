//! Reads networks of SUMO (sumo.dlr.de/docs/Networks/SUMO_Road_Networks.html).

use std::collections::{BTreeMap, BTreeSet};

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::{
    Aspect, Edge, FAULTS_MAX, Fault, Interval, LANES_MAX, Lane, Link, Network, Programme, Signal, TEXT_BYTES_MAX, Turn,
};

/// The attributes of an element.
struct Attributes(BTreeMap<String, String>);

impl Attributes {
    fn of(element: &BytesStart<'_>) -> Result<Self, String> {
        let mut values = BTreeMap::new();
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
            values.insert(attribute.key.as_ref().to_owned(), value.into_owned());
        }
        Ok(Self(values))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.text(name)?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    fn count(&self, name: &str) -> Option<usize> {
        self.text(name)?.parse().ok()
    }
}

/// A connection as it is written.
struct Connection {
    from: String,
    to: String,
    from_lane: usize,
    to_lane: usize,
    via: Option<String>,
    turn: Turn,
    signal: Option<(String, usize)>,
}

/// A row of a junction's table of who is in whose way: bits, the last one for the first link.
struct Request {
    index: usize,
    foes: Vec<u8>,
    response: Vec<u8>,
}

#[derive(Default)]
struct Reading {
    network: Network,
    lanes: BTreeMap<String, usize>,
    edges: BTreeSet<String>,
    signals: BTreeMap<String, usize>,
    connections: Vec<Connection>,
    requests: BTreeMap<String, Vec<Request>>,
    faults: Vec<Fault>,
    /// The edge, programme and junction that are being read.
    edge: Option<usize>,
    signal: Option<usize>,
    junction: Option<String>,
}

pub(super) fn read(text: &str) -> Result<Network, Vec<Fault>> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(vec![Fault::TooMany { what: "bytes", limit: TEXT_BYTES_MAX }]);
    }
    let mut reading = Reading::default();
    let mut reader = Reader::from_str(text);
    let mut depth = 0_usize;
    while reading.faults.len() < FAULTS_MAX {
        let byte = reader.buffer_position();
        let fault = |problem: String| vec![Fault::Text { byte, problem }];
        match reader.read_event() {
            Err(error) => return Err(fault(error.to_string())),
            Ok(Event::Eof) if depth > 0 => return Err(fault("the text ends within an element".to_owned())),
            Ok(Event::Eof) => break,
            Ok(Event::Start(element)) => {
                depth += 1;
                let attributes = Attributes::of(&element).map_err(fault)?;
                reading.begin(element.name().as_ref(), &attributes);
            }
            Ok(Event::Empty(element)) => {
                let attributes = Attributes::of(&element).map_err(fault)?;
                reading.begin(element.name().as_ref(), &attributes);
                reading.end(element.name().as_ref());
            }
            Ok(Event::End(element)) => {
                depth = depth.saturating_sub(1);
                reading.end(element.name().as_ref());
            }
            Ok(_) => {}
        }
    }
    reading.close()
}

impl Reading {
    fn begin(&mut self, name: &str, attributes: &Attributes) {
        match name {
            "edge" => self.begin_edge(attributes),
            "lane" => self.add_lane(attributes),
            "tlLogic" => self.begin_signal(attributes),
            "phase" => self.add_interval(attributes),
            "junction" => self.junction = attributes.text("id").map(str::to_owned),
            "request" => self.add_request(attributes),
            "connection" => self.add_connection(attributes),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "edge" => self.edge = None,
            "tlLogic" => self.signal = None,
            "junction" => self.junction = None,
            _ => {}
        }
    }

    fn broken(&mut self, element: String, attribute: &'static str) {
        self.faults.push(Fault::Attribute { element, attribute });
    }

    /// Edges within junctions are the ways of links, and no roads.
    fn begin_edge(&mut self, attributes: &Attributes) {
        if attributes.text("function").is_some_and(|function| function != "normal") {
            return;
        }
        let Some(id) = attributes.text("id") else { return self.broken("an edge".to_owned(), "id") };
        if !self.edges.insert(id.to_owned()) {
            self.faults.push(Fault::Twice { element: format!("edge {id}") });
        }
        self.edge = Some(self.network.edges.len());
        self.network.edges.push(Edge { id: id.to_owned(), lanes: Vec::new() });
    }

    fn add_lane(&mut self, attributes: &Attributes) {
        let Some(edge) = self.edge else { return };
        let Some(id) = attributes.text("id") else {
            return self.broken(format!("a lane of edge {}", self.network.edges[edge].id), "id");
        };
        let positive = |name: &'static str| attributes.number(name).filter(|number| *number > 0.0).ok_or(name);
        let figures = positive("length").and_then(|length| positive("speed").map(|speed| (length, speed)));
        let (length_meters, speed_meters_per_second) = match figures {
            Ok(figures) => figures,
            Err(name) => return self.broken(format!("lane {id}"), name),
        };
        let Some(shape) = shape(attributes.text("shape").unwrap_or_default()) else {
            return self.broken(format!("lane {id}"), "shape");
        };
        let number = self.network.lanes.len();
        if number >= LANES_MAX {
            self.faults.push(Fault::TooMany { what: "lanes", limit: LANES_MAX });
            return;
        }
        if self.lanes.insert(id.to_owned(), number).is_some() {
            self.faults.push(Fault::Twice { element: format!("lane {id}") });
        }
        self.network.edges[edge].lanes.push(number);
        let (outgoing, incoming) = (Vec::new(), Vec::new());
        let id = id.to_owned();
        self.network.lanes.push(Lane { id, edge, length_meters, speed_meters_per_second, shape, outgoing, incoming });
    }

    /// Of several programmes of a signal the first one counts.
    fn begin_signal(&mut self, attributes: &Attributes) {
        let Some(id) = attributes.text("id") else { return self.broken("a signal".to_owned(), "id") };
        if self.signals.contains_key(id) {
            return;
        }
        let number = self.network.signals.len();
        self.signals.insert(id.to_owned(), number);
        self.signal = Some(number);
        let offset_seconds = attributes.number("offset").unwrap_or_default();
        let programme = Programme { offset_seconds, intervals: Vec::new() };
        self.network.signals.push(Signal { id: id.to_owned(), links: Vec::new(), programme });
    }

    fn add_interval(&mut self, attributes: &Attributes) {
        let Some(signal) = self.signal else { return };
        let id = self.network.signals[signal].id.clone();
        let Some(seconds) = attributes.number("duration").filter(|seconds| *seconds > 0.0) else {
            return self.broken(format!("a phase of signal {id}"), "duration");
        };
        let aspects: Option<Vec<Aspect>> =
            attributes.text("state").and_then(|state| state.chars().map(aspect).collect());
        let Some(aspects) = aspects.filter(|aspects| !aspects.is_empty()) else {
            return self.broken(format!("a phase of signal {id}"), "state");
        };
        let signal = &mut self.network.signals[signal];
        if signal.links.is_empty() {
            signal.links = vec![Vec::new(); aspects.len()];
        }
        signal.programme.intervals.push(Interval { seconds, aspects });
    }

    fn add_request(&mut self, attributes: &Attributes) {
        let Some(junction) = self.junction.clone() else { return };
        let bits = |name: &str| attributes.text(name).map(|bits| bits.bytes().rev().map(|bit| bit & 1).collect());
        match (attributes.count("index"), bits("foes"), bits("response")) {
            (Some(index), Some(foes), Some(response)) => {
                self.requests.entry(junction).or_default().push(Request { index, foes, response });
            }
            _ => self.broken(format!("a request of junction {junction}"), "index, foes or response"),
        }
    }

    fn add_connection(&mut self, attributes: &Attributes) {
        let text = |name: &str| attributes.text(name).unwrap_or_default().to_owned();
        let (from, to) = (text("from"), text("to"));
        if from.starts_with(':') || to.starts_with(':') {
            return;
        }
        let element = || format!("connection from {from:?} to {to:?}");
        let (Some(from_lane), Some(to_lane)) = (attributes.count("fromLane"), attributes.count("toLane")) else {
            return self.broken(element(), "fromLane or toLane");
        };
        let signal = match (attributes.text("tl"), attributes.count("linkIndex")) {
            (None, _) => None,
            (Some(signal), Some(place)) => Some((signal.to_owned(), place)),
            (Some(_), None) => return self.broken(element(), "linkIndex"),
        };
        let turn = match attributes.text("dir") {
            Some("l" | "L") => Turn::Left,
            Some("r" | "R") => Turn::Right,
            Some("t") => Turn::Around,
            _ => Turn::Straight,
        };
        let via = attributes.text("via").map(str::to_owned);
        self.connections.push(Connection { from, to, from_lane, to_lane, via, turn, signal });
    }

    fn close(mut self) -> Result<Network, Vec<Fault>> {
        if self.network.edges.is_empty() && self.faults.is_empty() {
            self.faults.push(Fault::Empty);
        }
        self.link();
        if self.faults.is_empty() {
            self.faults = self.network.close();
        }
        self.faults.truncate(FAULTS_MAX);
        if self.faults.is_empty() { Ok(self.network) } else { Err(self.faults) }
    }

    /// Turns connections into links, and rows of junctions into who is in whose way.
    fn link(&mut self) {
        // The links of each junction, by their index in its table: the number of the way within the junction plus the lane
        // of that way.
        let mut within: BTreeMap<String, BTreeMap<usize, usize>> = BTreeMap::new();
        for connection in std::mem::take(&mut self.connections) {
            let Connection { from, to, from_lane, to_lane, via, turn, signal } = connection;
            let (from_id, to_id) = (format!("{from}_{from_lane}"), format!("{to}_{to_lane}"));
            let (Some(from_lane), Some(to_lane)) = (self.lanes.get(&from_id), self.lanes.get(&to_id)) else {
                let missing = if self.lanes.contains_key(&from_id) { to_id } else { from_id };
                self.faults.push(Fault::MissingLane { from, to, missing });
                continue;
            };
            let number = self.network.links.len();
            let mut place = None;
            if let Some((signal, at)) = signal {
                match self.signals.get(&signal) {
                    Some(known) if at < self.network.signals[*known].links.len() => place = Some((*known, at)),
                    _ => self.faults.push(Fault::MissingSignal { from, to, signal, place: at }),
                }
            }
            let (foes, yields_to) = (Vec::new(), Vec::new());
            self.network.links.push(Link { from: *from_lane, to: *to_lane, turn, signal: place, foes, yields_to });
            if let Some((junction, index)) = via.as_deref().and_then(way) {
                within.entry(junction).or_default().insert(index, number);
            }
        }
        for (junction, requests) in &self.requests {
            let Some(links) = within.get(junction) else { continue };
            for request in requests {
                let Some(link) = links.get(&request.index) else { continue };
                let named = |bits: &[u8]| -> Vec<usize> {
                    let set = bits.iter().enumerate().filter(|(_, bit)| **bit == 1);
                    set.filter_map(|(index, _)| links.get(&index).copied()).collect()
                };
                self.network.links[*link].foes = named(&request.foes);
                self.network.links[*link].yields_to = named(&request.response);
            }
        }
    }
}

/// The junction and the index of the way `:JUNCTION_NUMBER_LANE`.
fn way(via: &str) -> Option<(String, usize)> {
    let (rest, lane) = via.strip_prefix(':')?.rsplit_once('_')?;
    let (junction, number) = rest.rsplit_once('_')?;
    Some((junction.to_owned(), number.parse::<usize>().ok()?.checked_add(lane.parse().ok()?)?))
}

/// Points as `x,y` or `x,y,z`, parted by spaces.
fn shape(text: &str) -> Option<Vec<[f64; 2]>> {
    let point = |point: &str| {
        let mut numbers = point.split(',').map(|number| number.parse::<f64>().ok().filter(|number| number.is_finite()));
        Some([numbers.next()??, numbers.next()??])
    };
    text.split_whitespace().map(point).collect()
}

/// What a letter of a state means. A programme that switches the signal off is none that could be followed.
fn aspect(letter: char) -> Option<Aspect> {
    match letter {
        'r' | 'u' => Some(Aspect::Red),
        's' => Some(Aspect::AfterStop),
        'y' | 'Y' => Some(Aspect::Yellow),
        'G' => Some(Aspect::Green),
        'g' => Some(Aspect::Yielding),
        _ => None,
    }
}
