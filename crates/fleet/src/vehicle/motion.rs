//! How a robot drives: it turns on the spot, speeds up, keeps to limits, and brakes in time for the end of its base.

use std::f64::consts::{PI, TAU};

use super::Vehicle;

/// How near is there, in metres and in radians.
const NEAR: f64 = 1e-6;

/// An angle from -π to π.
pub(super) fn half_turn(radians: f64) -> f64 {
    let turned = (radians + PI).rem_euclid(TAU) - PI;
    turned.clamp(-PI, PI)
}

impl Vehicle {
    /// Drives for a while.
    pub(super) fn drive(&mut self, dt_seconds: f64) {
        let mut left_seconds = dt_seconds;
        self.turning = false;
        while left_seconds > NEAR {
            let is_stopped = self.paused || self.delayed_seconds > 0.0 || self.is_held() || !self.mode.is_automatic();
            let next = self.nodes.front().filter(|node| node.released && !is_stopped && self.battery_percent > 0.0);
            let Some(target) = next.and_then(|node| node.node_position.clone()) else {
                self.speed = 0.0;
                return;
            };
            if !self.has_leave(target.x, target.y) {
                self.speed = 0.0;
                return;
            }
            self.charging = false;
            let (dx, dy) = (target.x - self.pose.x, target.y - self.pose.y);
            let distance = dx.hypot(dy);
            if distance <= NEAR {
                left_seconds = self.turn_at(target.theta, left_seconds);
                if left_seconds > 0.0 || target.theta.is_none_or(|theta| self.off(theta).abs() <= NEAR) {
                    self.pass();
                }
                continue;
            }
            let direction = dy.atan2(dx) + self.edges.front().and_then(|edge| edge.orientation).unwrap_or(0.0);
            if self.off(direction).abs() > NEAR {
                self.speed = 0.0;
                left_seconds = self.turn_at(Some(direction), left_seconds);
                continue;
            }
            left_seconds = self.roll((dx, dy), distance, left_seconds);
        }
    }

    fn off(&self, theta: f64) -> f64 {
        half_turn(theta - self.pose.theta)
    }

    /// Turns on the spot, and tells how many seconds are left.
    fn turn_at(&mut self, theta: Option<f64>, left_seconds: f64) -> f64 {
        let Some(theta) = theta else { return left_seconds };
        let off = self.off(theta);
        let needed = off.abs() / self.settings.turn_rate;
        if needed <= left_seconds {
            self.pose.theta = half_turn(theta);
            return left_seconds - needed;
        }
        self.pose.theta = half_turn(self.pose.theta + off.signum() * self.settings.turn_rate * left_seconds);
        self.turning = true;
        0.0
    }

    /// Rolls ahead, and tells how many seconds are left.
    fn roll(&mut self, (dx, dy): (f64, f64), distance: f64, left_seconds: f64) -> f64 {
        let acceleration = self.settings.acceleration;
        let limit =
            self.edges.front().and_then(|edge| edge.maximum_speed).unwrap_or(f64::INFINITY).min(self.zone_limit());
        let braking = (2.0 * acceleration * (distance + self.straight_ahead())).sqrt();
        let wanted = (self.speed + acceleration * left_seconds).min(self.settings.speed).min(limit).min(braking);
        let mean = f64::midpoint(self.speed, wanted).max(0.01);
        let way = mean * left_seconds;
        self.speed = wanted;
        if way >= distance {
            (self.pose.x, self.pose.y) = (self.pose.x + dx, self.pose.y + dy);
            return left_seconds - distance / mean;
        }
        let share = way / distance;
        (self.pose.x, self.pose.y) = (self.pose.x + dx * share, self.pose.y + dy * share);
        0.0
    }

    /// Metres beyond the next node that can be driven without stopping.
    fn straight_ahead(&self) -> f64 {
        let mut metres = 0.0;
        for (first, second) in self.nodes.iter().zip(self.nodes.iter().skip(1)) {
            let (Some(a), Some(b)) = (&first.node_position, &second.node_position) else { break };
            let (dx, dy) = (b.x - a.x, b.y - a.y);
            let turns = half_turn(dy.atan2(dx) - self.pose.theta).abs() > 0.01;
            if !second.released || !first.actions.is_empty() || turns {
                break;
            }
            metres += dx.hypot(dy);
        }
        metres
    }

    /// Passes the node that it has reached.
    fn pass(&mut self) {
        if let Some(node) = self.nodes.pop_front() {
            self.edges.pop_front();
            self.arrive(&node);
        }
    }
}
