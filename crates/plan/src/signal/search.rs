//! The beam search.

use super::{
    GAP_STEPS, GAP_VEHICLES, Green, IN_THE_WAY_VEHICLES, Junction, LANES_MAX, PASSING_STEPS, PHASES_MAX, Plan,
    SLOWING_SECONDS, SNEAKING, START_UP_STEPS, Service, SignalError, judge,
};

/// The steps between moments of choice: fine for what is done soon, coarse for what is decided again until then.
const NEAR: [usize; 10] = [1, 1, 1, 1, 2, 2, 2, 3, 3, 3];
const FAR: usize = 4;
/// What a vehicle that has red at the end of the horizon is expected to wait for its green, beside the intergreen.
const WAIT_AT_END_SECONDS: f32 = 8.0;
/// No node.
const NONE: u32 = u32::MAX;

/// Vehicles on each lane.
type Queues = [f32; LANES_MAX];

/// A partial plan.
#[derive(Debug, Clone, Copy)]
struct Node {
    queues: Queues,
    cost: f32,
    /// The cost with what is expected of those who still stand.
    rank: f32,
    phase: usize,
    age: usize,
    /// When the green of `phase` began, and when the one before it ended.
    began: usize,
    ended: usize,
    /// The lanes that had green before it began and have it still, a bit each.
    continuing: u64,
    /// The partial plan that it continues, where the phase was another one.
    before: u32,
    /// The phase that it began with: the current one when it was held at step 0.
    first: usize,
}

/// What the search needs of the junction, laid out for speed.
struct Search<'a> {
    junction: &'a Junction,
    /// For each step the vehicles that come, lane after lane.
    arrivals: Vec<f32>,
    /// For each step the lanes that leave no gap, a bit each.
    busy: Vec<u64>,
    /// The best rate of each lane over all phases.
    best_rate: Queues,
    steps: usize,
    lanes: usize,
}

/// Plans a junction. The plan has passed [`super::check`].
pub fn solve(junction: &Junction) -> Result<Plan, SignalError> {
    junction.validate()?;
    let search = Search::new(junction);
    let plan = search.run();
    judge::check(junction, &plan).map_err(SignalError::Invalid)?;
    Ok(plan)
}

impl<'a> Search<'a> {
    fn new(junction: &'a Junction) -> Self {
        let (steps, lanes) = (junction.horizon_steps, junction.lanes.len());
        let mut arrivals = vec![0.0; steps * lanes];
        let mut busy = vec![0; steps];
        let mut best_rate = [0.01; LANES_MAX];
        for (number, lane) in junction.lanes.iter().enumerate() {
            for (step, vehicles) in lane.arrivals.iter().take(steps).enumerate() {
                arrivals[step * lanes + number] = *vehicles;
            }
            for (step, busy) in busy.iter_mut().enumerate() {
                let soon: f32 = lane.arrivals.iter().skip(step).take(GAP_STEPS).sum();
                *busy |= u64::from(soon > GAP_VEHICLES) << number;
            }
            for phase in &junction.phases {
                best_rate[number] = phase.service[number].rate.max(best_rate[number]);
            }
        }
        Self { junction, arrivals, busy, best_rate, steps, lanes }
    }

    /// The steps at which something can be decided, and the horizon.
    fn moments(&self) -> Vec<usize> {
        let mut moments = vec![0];
        let mut gaps = NEAR.iter().copied().chain(std::iter::repeat(FAR));
        while moments.last().is_some_and(|last| *last < self.steps) {
            let last = moments.last().copied().unwrap_or_default();
            moments.push((last + gaps.next().unwrap_or(FAR)).min(self.steps));
        }
        moments
    }

    fn run(&self) -> Plan {
        let moments = self.moments();
        let mut buckets: Vec<Vec<Node>> = vec![Vec::new(); moments.len()];
        let mut kept: Vec<Node> = Vec::new();
        buckets[0].push(self.root());
        for at in 0..moments.len() - 1 {
            let mut bucket = std::mem::take(&mut buckets[at]);
            self.prune(&mut bucket);
            for node in &bucket {
                self.expand(node, at, &moments, &mut buckets, &mut kept);
            }
        }
        self.close(&mut buckets[moments.len() - 1], &kept)
    }

    fn root(&self) -> Node {
        let mut queues = [0.0; LANES_MAX];
        for (queue, lane) in queues.iter_mut().zip(&self.junction.lanes) {
            *queue = lane.queue;
        }
        let Junction { current, age_steps, .. } = *self.junction;
        Node {
            queues,
            cost: 0.0,
            rank: 0.0,
            phase: current,
            age: age_steps,
            began: 0,
            ended: 0,
            continuing: 0,
            before: NONE,
            first: current,
        }
    }

    /// Keeps the best of each phase.
    fn prune(&self, bucket: &mut Vec<Node>) {
        bucket.sort_by(|a, b| a.rank.total_cmp(&b.rank));
        let mut left = [self.junction.beam.max(1); PHASES_MAX];
        bucket.retain(|node| {
            let is_kept = left[node.phase] > 0;
            left[node.phase] = left[node.phase].saturating_sub(1);
            is_kept
        });
    }

    /// Holds the phase to the next moment, and changes to every other one.
    fn expand(&self, node: &Node, at: usize, moments: &[usize], buckets: &mut [Vec<Node>], kept: &mut Vec<Node>) {
        let now = moments[at];
        let phase = &self.junction.phases[node.phase];
        let mut held = *node;
        self.serve(&mut held, now, moments[at + 1], &mut |_| {});
        self.rank(&mut held);
        buckets[at + 1].push(held);
        if node.age < phase.green_steps_min || self.junction.phases.len() == 1 {
            return;
        }
        let before = kept.len() as u32;
        kept.push(*node);
        for next in (0..self.junction.phases.len()).filter(|next| *next != node.phase) {
            let mut changed = *node;
            changed.before = before;
            if now == 0 {
                changed.first = next;
            }
            let earliest = now + phase.intergreen_steps[next] + self.junction.phases[next].green_steps_min;
            let landing = moments.iter().position(|moment| *moment >= earliest).unwrap_or(moments.len() - 1);
            self.change(&mut changed, next, now, &mut |_| {});
            let began = changed.began;
            self.serve(&mut changed, began, moments[landing], &mut |_| {});
            self.rank(&mut changed);
            buckets[landing].push(changed);
        }
    }

    /// The intergreen to another phase, from a step on; `leaving` hears what leaves in each step.
    fn change(&self, node: &mut Node, next: usize, now: usize, leaving: &mut dyn FnMut(&Queues)) {
        let phases = &self.junction.phases;
        let (from, to) = (&phases[node.phase], &phases[next]);
        let began = now + from.intergreen_steps[next];
        node.continuing = 0;
        for lane in 0..self.lanes {
            let continues = from.service[lane].rate > 0.0 && to.service[lane].rate > 0.0;
            node.continuing |= u64::from(continues) << lane;
        }
        for step in now..began.min(self.steps) {
            let passing = if step < now + PASSING_STEPS { u64::MAX } else { node.continuing };
            self.flow(node, step, node.phase, passing, leaving);
        }
        (node.phase, node.age, node.began, node.ended) = (next, 0, began, now);
    }

    /// Green of the node's phase from a step to another one.
    fn serve(&self, node: &mut Node, from: usize, to: usize, leaving: &mut dyn FnMut(&Queues)) {
        let has_changed = node.began > node.ended;
        for step in from..to {
            let is_starting = has_changed && step < node.began + START_UP_STEPS;
            let open = if is_starting { node.continuing } else { u64::MAX };
            self.flow(node, step, node.phase, open, leaving);
            node.age += 1;
        }
    }

    /// One step: vehicles come, and those leave whose lanes are open and have green in a phase.
    fn flow(&self, node: &mut Node, step: usize, phase: usize, open: u64, leaving: &mut dyn FnMut(&Queues)) {
        let service = &self.junction.phases[phase].service;
        let arrivals = &self.arrivals[step * self.lanes..(step + 1) * self.lanes];
        let mut in_the_way = self.busy[step];
        for lane in 0..self.lanes {
            in_the_way |= u64::from(node.queues[lane] > IN_THE_WAY_VEHICLES) << lane;
        }
        let mut left = [0.0; LANES_MAX];
        for lane in 0..self.lanes {
            let Service { rate, yielding, yields_to } = service[lane];
            let mut rate = if open >> lane & 1 == 1 { rate } else { 0.0 };
            if yields_to & in_the_way != 0 {
                rate /= 1.0 - yielding + yielding / SNEAKING;
            }
            let (before, come) = (node.queues[lane], arrivals[lane]);
            let gone = rate.min(before + come);
            let stands = before + come - gone;
            let stops = if rate == 0.0 || before > rate * SLOWING_SECONDS { come } else { 0.0 };
            node.queues[lane] = stands;
            node.cost += self.junction.lanes[lane].weight * (stands + stops * self.junction.stop_seconds);
            left[lane] = gone;
        }
        leaving(&left);
    }

    /// The cost with what those who stand are expected to wait still.
    fn rank(&self, node: &mut Node) {
        let service = &self.junction.phases[node.phase].service;
        let intergreen =
            self.junction.phases[node.phase].intergreen_steps.iter().max().map_or(0.0, |steps| *steps as f32);
        let mut rest = 0.0;
        for (lane, service) in service.iter().enumerate() {
            let stands = node.queues[lane];
            let wait = if service.rate > 0.0 { 0.0 } else { intergreen + WAIT_AT_END_SECONDS };
            rest += self.junction.lanes[lane].weight * stands * (wait + stands / (2.0 * self.best_rate[lane]));
        }
        node.rank = node.cost + rest;
    }

    /// The best plan of all that reached the horizon.
    fn close(&self, ends: &mut [Node], kept: &[Node]) -> Plan {
        ends.sort_by(|a, b| a.rank.total_cmp(&b.rank));
        let mut options = vec![None; self.junction.phases.len()];
        for end in ends.iter().rev() {
            options[end.first] = Some(end.rank);
        }
        let best = ends[0];
        let mut greens =
            vec![Green { phase: best.phase, start_step: best.began, end_step: self.steps.max(best.began) }];
        let (mut before, mut ended) = (best.before, best.ended);
        while before != NONE {
            let node = kept[before as usize];
            greens.push(Green { phase: node.phase, start_step: node.began, end_step: ended });
            (before, ended) = (node.before, node.ended);
        }
        greens.reverse();
        Plan { leaving: self.leaving(&greens), greens, cost: best.rank, options }
    }

    /// What leaves each lane in each step when a plan is carried out.
    fn leaving(&self, greens: &[Green]) -> Vec<Vec<f32>> {
        let mut leaving = vec![Vec::with_capacity(self.steps); self.lanes];
        let mut hear = |left: &Queues| {
            for (list, vehicles) in leaving.iter_mut().zip(left) {
                list.push(*vehicles);
            }
        };
        let mut node = self.root();
        for (number, green) in greens.iter().enumerate() {
            if number > 0 {
                self.change(&mut node, green.phase, greens[number - 1].end_step, &mut hear);
            }
            let began = node.began;
            self.serve(&mut node, began, green.end_step.min(self.steps), &mut hear);
        }
        leaving
    }
}
