// Vector tiles of points as the server writes them (Mapbox Vector Tile 2.1), for a server of the tests' own.
const extent = 4096;

function varint(value) {
  const bytes = [];
  for (let rest = value >>> 0; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}
const zigzag = (value) => ((value << 1) ^ (value >> 31)) >>> 0;
const field = (number, kind, body) => Buffer.concat([varint((number << 3) | kind), body]);
const sized = (number, body) => field(number, 2, Buffer.concat([varint(body.length), body]));
const text = (number, value) => sized(number, Buffer.from(value));
const packed = (number, values) => sized(number, Buffer.concat(values.map(varint)));

function layer(name, points) {
  const keys = [];
  const values = [];
  const index = (list, value) => { const at = list.indexOf(value); return at >= 0 ? at : list.push(value) - 1; };
  const features = points.map(({ x, y, tags }) => {
    const coded = Object.entries(tags).filter(([, value]) => value !== undefined).flatMap(([key, value]) => [index(keys, key), index(values, value)]);
    return sized(2, Buffer.concat([packed(2, coded), field(3, 0, varint(1)), packed(4, [9, zigzag(x), zigzag(y)])]));
  });
  const coded = values.map((value) => sized(4, typeof value === "number" ? field(5, 0, varint(value)) : text(1, value)));
  return sized(3, Buffer.concat([text(1, name), ...features, ...keys.map((key) => text(3, key)), ...coded, field(5, 0, varint(extent)), field(15, 0, varint(2))]));
}

export function groupBy(list, keyOf) {
  const groups = new Map();
  for (const one of list) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return groups;
}

/** Where a point lies, as shares of the whole earth in the projection of tiles. */
export function squareOf({ longitude, latitude }) {
  const sine = Math.sin((latitude * Math.PI) / 180);
  return [longitude / 360 + 0.5, 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)];
}

/** A tile of things; groups of them where there are more than `most`. */
export function tileOf(things, level, column, row, most = 300, cells = 6) {
  const side = 2 ** level;
  const placed = things.flatMap((thing) => {
    const [x, y] = squareOf(thing.location).map((share, axis) => share * side - (axis === 0 ? column : row));
    return x >= 0 && x < 1 && y >= 0 && y < 1 ? [{ thing, x, y }] : [];
  });
  const at = (share) => Math.round(share * extent);
  if (placed.length <= most) return Buffer.concat([layer("clusters", []), layer("things", placed.map(({ thing, x, y }) => ({ x: at(x), y: at(y), tags: thing.tags() })))]);
  const groups = groupBy(placed, ({ x, y }) => `${Math.floor(x * cells)} ${Math.floor(y * cells)}`);
  const mean = (list, axis) => list.reduce((sum, one) => sum + one[axis], 0) / list.length;
  const clusters = [...groups.values()].map((list) => ({ x: at(mean(list, "x")), y: at(mean(list, "y")), tags: { things: list.length, offline: list.filter(({ thing }) => thing.presence === "offline").length } }));
  return Buffer.concat([layer("clusters", clusters), layer("things", [])]);
}
