//! One door for the fuzz targets to the decoders, which are private otherwise.

use super::chunk::{take_points, take_rollup};
use super::{Tier, ahead, catalog, segment};

/// Decodes bytes as everything that they could be. Whatever they are, it must neither panic nor take much memory.
pub fn decode_anything(bytes: &[u8]) {
    drop(ahead::take_frame(bytes, &mut Vec::new()));
    drop(take_points(bytes));
    drop(take_rollup(bytes, Tier::Minute));
    segment::decode_index(bytes);
    catalog::decode_entry(bytes);
}
