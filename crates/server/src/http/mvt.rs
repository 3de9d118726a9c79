//! Vector tiles of points (Mapbox Vector Tile Specification 2.1): what web maps ask a server for.

/// Parts of a tile's side.
pub const EXTENT: u32 = 4_096;

/// The version of the specification.
const VERSION: u64 = 2;

/// Wire types of protocol buffers.
const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;

/// Moves to one point, and the type of a feature that is one.
const MOVE_TO_ONE: u64 = 1 << 3 | 1;
const POINT: u64 = 1;

/// What a feature says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TileValue {
    /// Words.
    Text(String),
    /// A count.
    Count(u64),
}

/// Features of one sort.
#[derive(Debug)]
pub struct Layer {
    name: &'static str,
    features: Vec<u8>,
    keys: Vec<&'static str>,
    values: Vec<TileValue>,
}

impl Layer {
    /// An empty layer.
    pub fn new(name: &'static str) -> Self {
        Self { name, features: Vec::new(), keys: Vec::new(), values: Vec::new() }
    }

    /// Adds a point in parts of the tile's side, from its upper left corner.
    pub fn point(&mut self, (x, y): (i32, i32), tags: impl IntoIterator<Item = (&'static str, TileValue)>) {
        let mut numbers = Vec::new();
        for (key, value) in tags {
            varint(&mut numbers, place(&mut self.keys, key));
            varint(&mut numbers, place(&mut self.values, value));
        }
        let mut geometry = Vec::new();
        for number in [MOVE_TO_ONE, zigzag(x), zigzag(y)] {
            varint(&mut geometry, number);
        }
        let mut feature = Vec::new();
        bytes(&mut feature, 2, &numbers);
        field(&mut feature, 3, VARINT);
        varint(&mut feature, POINT);
        bytes(&mut feature, 4, &geometry);
        bytes(&mut self.features, 2, &feature);
    }

    fn write(&self, tile: &mut Vec<u8>) {
        let mut layer = Vec::new();
        bytes(&mut layer, 1, self.name.as_bytes());
        layer.extend_from_slice(&self.features);
        for key in &self.keys {
            bytes(&mut layer, 3, key.as_bytes());
        }
        for value in &self.values {
            let mut one = Vec::new();
            match value {
                TileValue::Text(text) => bytes(&mut one, 1, text.as_bytes()),
                TileValue::Count(count) => {
                    field(&mut one, 5, VARINT);
                    varint(&mut one, *count);
                }
            }
            bytes(&mut layer, 4, &one);
        }
        field(&mut layer, 5, VARINT);
        varint(&mut layer, u64::from(EXTENT));
        field(&mut layer, 15, VARINT);
        varint(&mut layer, VERSION);
        bytes(tile, 3, &layer);
    }
}

/// The bytes of a tile. Layers without features are left out.
pub fn write(layers: &[Layer]) -> Vec<u8> {
    let mut tile = Vec::new();
    for layer in layers.iter().filter(|layer| !layer.features.is_empty()) {
        layer.write(&mut tile);
    }
    tile
}

/// Where something stands in a list; it is added when it does not. Values of neighbours are alike, so the end is looked at
/// first.
fn place<T: PartialEq>(list: &mut Vec<T>, one: T) -> u64 {
    let found = list.iter().rposition(|known| *known == one);
    found.unwrap_or_else(|| {
        list.push(one);
        list.len() - 1
    }) as u64
}

fn zigzag(number: i32) -> u64 {
    u64::from(((number << 1) ^ (number >> 31)) as u32)
}

fn field(out: &mut Vec<u8>, number: u64, wire: u64) {
    varint(out, number << 3 | wire);
}

fn bytes(out: &mut Vec<u8>, number: u64, content: &[u8]) {
    field(out, number, LENGTH_DELIMITED);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_is_as_the_specification_says() {
        let mut layer = Layer::new("things");
        layer.point((25, -17), [("id", TileValue::Text("lamp".into())), ("n", TileValue::Count(300))]);
        let tile = write(&[Layer::new("empty"), layer]);
        // The point of section 4.3.5.1 has the geometry 9, 50, 34 for (25, 17); here y is negative: 33.
        let expected: &[u8] = &[
            0x1a, 48, // layer
            0x0a, 6, b't', b'h', b'i', b'n', b'g', b's', // name
            0x12, 13, 0x12, 4, 0, 0, 1, 1, 0x18, 1, 0x22, 3, 9, 50, 33, // feature
            0x1a, 2, b'i', b'd', 0x1a, 1, b'n', // keys
            0x22, 6, 0x0a, 4, b'l', b'a', b'm', b'p', 0x22, 3, 0x28, 0xac, 0x02, // values
            0x28, 0x80, 0x20, 0x78, 2, // extent and version
        ];
        assert_eq!(tile, expected);
        assert_eq!(write(&[]), [] as [u8; 0]);
    }
}
