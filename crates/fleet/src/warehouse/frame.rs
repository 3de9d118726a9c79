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

pub(super) fn frame(robots: &[Robot], network: &Network, view: &GridView, now: f64) -> Bytes {
    let mut bytes = BytesMut::with_capacity(8 + robots.len() * ROBOT_BYTES);
    bytes.put_slice(&[FRAME_VERSION, 0, 0, 0]);
    bytes.put_u32_le(robots.len() as u32);
    for robot in robots {
        let point = network.point(view.node(robot.state.cell));
        bytes.put_f32_le(point.x as f32);
        bytes.put_f32_le(point.y as f32);
        bytes.put_u8(robot.state.heading as u8);
        bytes.put_u8(match robot.doing {
            _ if robot.is_stuck(now) => 5,
            Doing::Free => 0,
            Doing::Going => 1,
            Doing::Served(_) => 2,
            Doing::ToCharger(_) => 3,
            Doing::Charging(_) => 4,
        });
        bytes.put_u16_le((robot.battery * 10.0) as u16);
    }
    bytes.freeze()
}
