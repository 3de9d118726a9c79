//! What master control knows of one robot.

use std::collections::{BTreeMap, BTreeSet};

use connect::vda5050::factsheet::ActionScope;
use connect::vda5050::order::Node;
use connect::vda5050::state::OperatingMode;
use connect::vda5050::zone::Grant;
use connect::vda5050::{Address, Body, Factsheet, Kind, State, Version};
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::Mission;
use crate::floor::NodeIndex;

/// Where master control stands with a robot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Phase {
    /// It has not said where it is, or where it is is nowhere on the floor.
    Lost,
    /// It is under control: it has an order or waits for one.
    Ready,
    /// It was asked to cancel its order, and has not answered.
    Cancelling {
        /// The action that asked it.
        action_id: String,
    },
    /// A person has it.
    Manual,
    /// It refuses everything; a person has to look.
    SetAside,
}

/// A message that the robot has not acknowledged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Unanswered {
    pub(super) body: Body,
    pub(super) sent: Timestamp,
    pub(super) times: u32,
}

/// The order that a robot has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Given {
    pub(super) order_id: String,
    pub(super) update_id: u32,
    /// The mission that it was begun for.
    pub(super) mission: Option<String>,
    /// The number of the visit with sequence id 0.
    pub(super) first_visit: u64,
    /// The number of the last visit that was sent as released.
    pub(super) sent_visit: u64,
    /// The decision point as it was sent, to stitch on.
    pub(super) decision: Node,
    /// Whether the robot has shown the order.
    pub(super) is_accepted: bool,
    /// Whether it ends with a node that is said to be no part of the base and is: nothing happens when the robot drives on.
    #[serde(default)]
    pub(super) is_trial: bool,
}

/// The stop that a robot is at or was released to, and the actions that have to end there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) visit: u64,
    pub(super) node: NodeIndex,
    pub(super) action_ids: Vec<String>,
}

/// A robot under control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Where it is spoken to.
    pub address: Address,
    /// The version that it speaks.
    pub version: Version,
    /// Where master control stands with it.
    pub phase: Phase,
    /// Its mission; the first stop is the next one.
    pub mission: Option<Mission>,
    /// Whether its link is up.
    pub is_linked: bool,
    /// What it said last. Not written down: it is asked for it again.
    #[serde(skip)]
    pub state: Option<State>,
    /// When that was received.
    pub heard: Option<Timestamp>,
    /// What it can do.
    pub factsheet: Option<Factsheet>,
    /// Orders that it refused in a row.
    pub rejections: u32,
    /// The node of somebody else that it stands on, when it was moved by hand.
    pub intrudes: Option<NodeIndex>,
    /// States that were dropped because a newer one was known.
    pub stale_states: u64,
    /// Violations of the standard that it has committed.
    pub violations: u64,
    /// Whether it waits where its base ends and goes on when its order is updated, once that is known.
    #[serde(default)]
    pub takes_updates: Option<bool>,
    /// What its maker wants to be told with every action of an order, beside what the action itself is told.
    #[serde(default)]
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// Why it was put aside, when it was not for refusing its orders.
    #[serde(default)]
    pub why_aside: Option<String>,
    /// Whether it has another version of the map than the floor; it gets no orders meanwhile.
    #[serde(default)]
    pub lacks_map: bool,
    /// The zone set that it should have, if it knows zones.
    #[serde(skip)]
    pub(super) zone_set: Option<String>,
    #[serde(skip)]
    pub(super) zones_sent: Timestamp,
    /// The action by which it is getting something on board: its id and what it is.
    #[serde(skip)]
    pub(super) equipping: Option<(String, String)>,
    /// Such actions that it could not do.
    #[serde(skip)]
    pub(super) refused: BTreeSet<String>,
    /// Requests that were answered, how and when, until it shows that it has heard.
    #[serde(skip)]
    pub(super) answered: BTreeMap<String, (Grant, Timestamp)>,
    pub(super) given: Option<Given>,
    pub(super) pending: Option<Pending>,
    pub(super) unanswered: Vec<Unanswered>,
    pub(super) is_pause_wanted: bool,
    /// States that have to be plausible before it is believed again.
    pub(super) doubts: u32,
    pub(super) header: Option<(u32, Timestamp)>,
    pub(super) is_header_fresh: bool,
    pub(super) ordered: Timestamp,
    pub(super) not_before: Timestamp,
    /// Since when it has stood where the base of a trial ends.
    #[serde(default)]
    pub(super) waits_since: Option<Timestamp>,
    pub(super) unlinked_since: Timestamp,
    pub(super) asked_state: Timestamp,
    pub(super) sent_headers: [u32; 8],
    pub(super) told: BTreeSet<String>,
}

impl Unit {
    pub(super) fn new(address: Address, version: Version, now: Timestamp) -> Self {
        Self {
            address,
            version,
            phase: Phase::Lost,
            mission: None,
            is_linked: true,
            state: None,
            heard: None,
            factsheet: None,
            rejections: 0,
            intrudes: None,
            stale_states: 0,
            violations: 0,
            takes_updates: None,
            parameters: BTreeMap::new(),
            why_aside: None,
            lacks_map: false,
            zone_set: None,
            zones_sent: Timestamp::EPOCH,
            equipping: None,
            refused: BTreeSet::new(),
            answered: BTreeMap::new(),
            given: None,
            pending: None,
            unanswered: Vec::new(),
            is_pause_wanted: false,
            doubts: 0,
            header: None,
            is_header_fresh: true,
            ordered: Timestamp::EPOCH,
            not_before: Timestamp::EPOCH,
            waits_since: None,
            unlinked_since: now,
            asked_state: now,
            sent_headers: [0; 8],
            told: BTreeSet::new(),
        }
    }

    /// Where it still has to go, in order.
    pub(super) fn goals(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        let at_work = usize::from(self.pending.is_some());
        self.mission.iter().flat_map(move |mission| mission.stops.iter().skip(at_work)).map(|stop| stop.node)
    }

    /// Where it goes next.
    pub fn goal(&self) -> Option<NodeIndex> {
        self.goals().next()
    }

    /// Whether something is being done with it at a stop.
    pub fn is_served(&self) -> bool {
        use connect::vda5050::state::ActionStatus;
        let is_running = |id: &String| {
            let action = self.state.as_ref().and_then(|state| state.action(id));
            action.is_some_and(|it| matches!(it.action_status, ActionStatus::Initializing | ActionStatus::Running))
        };
        self.pending.as_ref().is_some_and(|pending| pending.action_ids.iter().any(is_running))
    }

    /// Whether its mission may still be exchanged: it was not released to a stop of it.
    pub fn may_change(&self) -> bool {
        self.pending.is_none() && matches!(self.phase, Phase::Ready)
    }

    /// Whether a person, a fault or a lost link keeps it where it is.
    pub fn is_movable(&self) -> bool {
        let is_sound = self.state.as_ref().is_some_and(|state| {
            state.operating_mode.is_automatic()
                && state.safety_state.emergency_stop == connect::vda5050::state::EmergencyStop::None
                && !state.errors.iter().any(|error| error.error_level.stops())
        });
        let is_willing = self.doubts == 0 && !self.is_pause_wanted && !self.lacks_map;
        self.phase == Phase::Ready && self.is_linked && is_sound && is_willing
    }

    /// Whether a person has stopped it.
    pub fn is_paused(&self) -> bool {
        self.is_pause_wanted
    }

    /// Whether it may be released beyond a node: not while something is to be done there.
    pub(super) fn may_go_on(&self, from: NodeIndex) -> bool {
        let is_at_stop = self.pending.as_ref().is_some_and(|pending| pending.node == from);
        let is_new_stop = self.goals().next() == Some(from);
        self.is_movable() && !is_at_stop && !is_new_stop
    }

    /// Whether its factsheet allows an action on a node.
    pub(super) fn can_do(&self, action_type: &str) -> bool {
        self.factsheet.as_ref().is_none_or(|sheet| sheet.supports(action_type, ActionScope::Node))
    }

    /// Whether its factsheet allows an action at once.
    pub(super) fn can_do_at_once(&self, action_type: &str) -> bool {
        self.factsheet.as_ref().is_none_or(|sheet| sheet.supports(action_type, ActionScope::Instant))
    }

    /// Forgets the order that it had: it is gone, refused or cancelled.
    pub(super) fn forget_order(&mut self) {
        (self.given, self.pending) = (None, None);
        self.unanswered.retain(|message| !matches!(message.body, Body::Order(_)));
    }

    /// The longest id that it takes.
    pub(super) fn id_length_max(&self) -> Option<usize> {
        let limit = self.factsheet.as_ref().and_then(|sheet| sheet.protocol_limits.string_lengths.id);
        limit.filter(|limit| *limit > 0).map(|limit| limit as usize)
    }

    /// The next header id on a topic.
    pub(super) fn next_header(&mut self, kind: Kind) -> u32 {
        let header = &mut self.sent_headers[kind as usize];
        let id = *header;
        *header = id.wrapping_add(1);
        id
    }

    /// The operating mode that it reports.
    pub fn mode(&self) -> Option<OperatingMode> {
        self.state.as_ref().map(|state| state.operating_mode)
    }
}
