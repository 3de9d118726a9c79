//! What a warehouse looks like at a moment, in bytes that pages can draw as they come.
//!
//! Little-endian: a byte [`FRAME_VERSION`], three bytes of zero, the number of robots (u32); then for each robot
//! [`ROBOT_BYTES`] bytes: x and y in metres (two f32), the heading in quarters clockwise from east (u8), what it is at (u8: 0
//! free, 1 on its way, 2 served, 3 to a charger, 4 charging, 5 stuck), and its battery in per mille (u16).

use bytes::{BufMut, Bytes, BytesMut};

use super::robot::{Doing, Robot};
use crate::floor::{GridView, Network};

/// The version of the form.
pub const FRAME_VERSION: u8 = 1;

/// The bytes of one robot.
pub const ROBOT_BYTES: usize = 12;

/// A robot of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameRobot {
    /// Metres to the east; not a number when it is not known where it is.
    pub x: f64,
    /// Metres to the north.
    pub y: f64,
    /// The heading in radians.
    pub theta: f64,
    /// What it is at, as the form has it.
    pub doing: u8,
    /// Percent of its battery.
    pub battery_percent: f64,
}

/// Writes a frame.
pub fn frame_of(robots: impl Iterator<Item = FrameRobot>) -> Bytes {
    let mut bytes = BytesMut::with_capacity(8 + robots.size_hint().0 * ROBOT_BYTES);
    bytes.put_slice(&[FRAME_VERSION, 0, 0, 0, 0, 0, 0, 0]);
    let mut count = 0_u32;
    for robot in robots {
        count += 1;
        bytes.put_f32_le(robot.x as f32);
        bytes.put_f32_le(robot.y as f32);
        bytes.put_u8(GridView::heading(robot.theta) as u8);
        bytes.put_u8(robot.doing);
        bytes.put_u16_le((robot.battery_percent * 10.0) as u16);
    }
    bytes[4..8].copy_from_slice(&count.to_le_bytes());
    bytes.freeze()
}

pub(super) fn frame(robots: &[Robot], network: &Network, view: &GridView, dt_seconds: f64, now: f64) -> Bytes {
    frame_of(robots.iter().map(|robot| {
        let point = network.point(view.node(robot.state.cell));
        let (down, right) = robot.state.heading.offset();
        let behind = robot.share_ahead(dt_seconds) * view.step_metres;
        FrameRobot {
            x: point.x - behind * right as f64,
            y: point.y + behind * down as f64,
            theta: GridView::theta(robot.state.heading),
            doing: match robot.doing {
                _ if robot.is_stuck(now) => 5,
                Doing::Free => 0,
                Doing::Going => 1,
                Doing::Served(_) => 2,
                Doing::ToCharger(_) => 3,
                Doing::Charging(_) => 4,
            },
            battery_percent: robot.battery,
        }
    }))
}
