//! A warehouse as a world: robots, stations and orders on a floor, in steps of the planner's grid.
//!
//! [`Warehouse`] describes it, [`Shift`] lets it happen with a [`Policy`] in charge, and [`Fleet`] is the domain that the
//! loop runs, searches and compares it with.

mod cuts;
mod demand;
mod domain;
mod doors;
mod drawing;
mod exchange;
mod figures;
mod frame;
mod layout;
mod policy;
mod robot;
mod settings;
mod shift;
mod spots;
mod table;

pub use domain::Fleet;
pub use drawing::draw_floor;
pub use frame::{FRAME_VERSION, FrameRobot, ROBOT_BYTES, frame_of};
pub use policy::Policy;
pub use settings::floor_complaints;
pub use settings::{Demand, FloorSource, OrderRow, Robots, Troubles, Warehouse};
pub use shift::{Shift, Tally};
pub use table::read_orders;
