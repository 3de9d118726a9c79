// A town on a map: districts, streets, junctions, buildings and some three thousand things, so that the map can be looked at in every state.
import { startMindServer } from "./mind-server.mjs";
import { groupBy, tileOf } from "./tiles.mjs";

const origin = { longitude: 126.9, latitude: 37.55 };
const metre = { longitude: 1 / (111_320 * Math.cos((origin.latitude * Math.PI) / 180)), latitude: 1 / 111_320 };
const turn = 0.16;
const block = 130;
const [columns, rows] = [14, 10];
const across = ["Orchard", "Chapel", "Mill", "Station", "Garden", "Market", "Bridge", "Castle", "River", "Forest", "School", "Lake", "Field", "Harbour"];
const along = ["First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth"];

/** Metres of the plan become degrees; the town lies a little askew, and its streets are not quite straight. */
function at(x, y) {
  const [bentX, bentY] = [x + 26 * Math.sin(y / 210), y + 22 * Math.sin(x / 260)];
  const [east, north] = [bentX * Math.cos(turn) - bentY * Math.sin(turn), bentX * Math.sin(turn) + bentY * Math.cos(turn)];
  return [Number((origin.longitude + east * metre.longitude).toFixed(7)), Number((origin.latitude + north * metre.latitude).toFixed(7))];
}
const spot = (x, y) => { const [longitude, latitude] = at(x, y); return { longitude, latitude }; };
const ringOf = (corners) => [[...corners, corners[0]].map(([x, y]) => at(x, y))];
const chance = (seed) => { const value = Math.sin(seed * 12.9898) * 43_758.5453; return value - Math.floor(value); };
const distance = (one, other) => Math.hypot((one.longitude - other.longitude) / metre.longitude, (one.latitude - other.latitude) / metre.latitude);

function shapes() {
  const list = [];
  const add = (id, kind, title, geometry, middle) => list.push({ type: "Feature", id, geometry, properties: { id, title, kind, things: 0, online: 0, middle } });
  const area = (id, kind, title, [left, low, right, high]) => {
    const edge = Array.from({ length: 9 }, (_, step) => step / 8);
    const corners = [...edge.map((share) => [left + (right - left) * share, low]), ...edge.map((share) => [right, low + (high - low) * share]), ...edge.map((share) => [right - (right - left) * share, high]), ...edge.map((share) => [left, high - (high - low) * share])];
    add(id, kind, title, { type: "Polygon", coordinates: ringOf(corners) }, spot((left + right) / 2, (low + high) / 2));
  };
  const [wide, tall] = [(columns - 1) * block, (rows - 1) * block];
  area("old-town", "district", "Old town", [-60, -60, wide * 0.46, tall * 0.55]);
  area("riverside", "district", "Riverside", [-60, tall * 0.55, wide * 0.46, tall + 60]);
  area("station-quarter", "district", "Station quarter", [wide * 0.46, -60, wide + 60, tall * 0.42]);
  area("north-hill", "district", "North hill", [wide * 0.46, tall * 0.42, wide + 60, tall + 60]);
  for (let column = 0; column < columns; column += 1)
    for (let row = 0; row < rows; row += 1) {
      const [x, y] = [column * block, row * block];
      const line = (id, title, steps) => add(id, "street", title, { type: "LineString", coordinates: steps.map(([dx, dy]) => at(x + dx, y + dy)) }, spot(x + steps[2][0], y + steps[2][1]));
      const steps = [0, 0.25, 0.5, 0.75, 1].map((share) => share * block);
      if (column < columns - 1) line(`street-e-${column}-${row}`, `${along[row]} street`, steps.map((step) => [step, 0]));
      if (row < rows - 1) line(`street-n-${column}-${row}`, `${across[column]} lane`, steps.map((step) => [0, step]));
      add(`junction-${column}-${row}`, "junction", `${across[column]} / ${along[row]}`, { type: "Point", coordinates: at(x, y) }, spot(x, y));
      if (column === columns - 1 || row === rows - 1) continue;
      for (const [part, [left, low, right, high]] of [[18, 18, 60, 52], [70, 18, 112, 44], [18, 62, 48, 112], [58, 56, 112, 112]].entries())
        if (chance(column * 31 + row * 7 + part) > 0.22) area(`building-${column}-${row}-${part}`, "building", `${across[column]} ${row * 4 + part + 1}`, [x + left, y + low, x + right, y + high]);
    }
  return list;
}

const headline = (name, title, unit, decimals, value) => ({ name, title, unit, decimals, writable: false, time: Math.round(Date.now() * 1000), value });

/** Started on a free port. `bare` has nothing on the map, and three things that could be. */
export async function startMapServer({ bare = false } = {}) {
  const features = bare ? [] : shapes();
  const changes = [];
  const began = Math.round(Date.now() * 1000);
  let beat = 0;
  const things = [];
  const add = (id, title, kind, location, space, headlines) => {
    const seed = things.length + 1;
    const presence = chance(seed) > 0.965 ? "offline" : chance(seed + 0.5) > 0.985 ? "unknown" : "online";
    const attention = location && chance(seed + 0.25) > 0.994 ? "red" : location && chance(seed + 0.75) > 0.988 ? "amber" : undefined;
    const one = {
      id, title, kind, space, presence, location, attention, headlines, seed, rev: 1,
      tags: () => { const [first] = one.headlines(); return { id, title: one.title, kind, presence, attention, ...(first ? { name: first.name, value: String(first.value), unit: first.unit ?? "" } : {}) }; },
    };
    things.push(one);
    return one;
  };
  const wave = (seed, middle, size) => middle + size * Math.sin(seed * 1.7 + beat / 3) + size * 0.3 * Math.sin(seed);
  if (!bare)
    for (const { id, properties, geometry } of features) {
      const number = things.length;
      if (properties.kind === "street") for (const share of [1, 2, 3]) { const [longitude, latitude] = geometry.coordinates[share]; add(`lamp-${id.slice(7)}-${share}`, `${properties.title} ${share}`, "street_lamp", { longitude: longitude + 6 * metre.longitude, latitude: latitude + 5 * metre.latitude }, id, () => [headline("power", "Power", "watt", 0, Math.round(Math.max(0, wave(number + share, 38, 14))))]); }
      if (properties.kind === "junction" && chance(number) > 0.35) add(`signal-${id.slice(9)}`, properties.title, "traffic_signal", properties.middle, id, () => [headline("phase", "Phase", null, null, ["green", "amber", "red"][(number + beat) % 3])]);
      if (properties.kind === "junction" && chance(number + 0.1) > 0.7) add(`air-${id.slice(9)}`, `Air ${properties.title}`, "air_sensor", { longitude: properties.middle.longitude + 14 * metre.longitude, latitude: properties.middle.latitude + 12 * metre.latitude }, id, () => [headline("pm25", "PM2.5", "µg/m³", 1, Number(wave(number, 18, 9).toFixed(1))), headline("temperature", "Temperature", "celsius", 1, Number(wave(number, 9, 2).toFixed(1)))]);
      if (properties.kind === "building" && chance(number + 0.2) > 0.5) add(`meter-${id.slice(9)}`, `Meter ${properties.title}`, "electricity_meter", properties.middle, id, () => [headline("power", "Power", "kilowatt", 2, Number(Math.max(0.1, wave(number, 6, 4)).toFixed(2)))]);
    }
  for (const [id, title, kind] of [["lamp-spare", "Spare lamp", "street_lamp"], ["air-roof", "Air on the roof", "air_sensor"], ["camera-gate", "Gate camera", "camera"]]) add(id, title, kind, null, "home", () => [headline("power", "Power", "watt", 0, 12)]);
  const within = (spaceId) => things.filter((one) => one.space === spaceId);
  const inside = ([left, low, right, high], { longitude, latitude }) => longitude >= left && longitude <= right && latitude >= low && latitude <= high;
  const boxOf = (geometry) => { const flat = geometry.coordinates.flat(geometry.type === "Polygon" ? 1 : 0); return [Math.min(...flat.map(([x]) => x)), Math.min(...flat.map(([, y]) => y)), Math.max(...flat.map(([x]) => x)), Math.max(...flat.map(([, y]) => y))]; };
  const placed = (kind) => things.filter((one) => one.location && (!kind || one.kind === kind));
  const summary = (one, far = null) => ({ id: one.id, title: one.title, kind: one.kind, space: one.space, adapter: "native", origin: "physical", presence: one.presence, presence_since_us: began, last_seen_us: Math.round(Date.now() * 1000) - 3e6, primary: one.headlines(), rev: one.rev, status: "accepted", tags: [], via: null, health: null, location: one.location, distance_metres: far });
  for (const feature of features) {
    const own = feature.properties.kind === "district" ? placed().filter((one) => inside(boxOf(feature.geometry), one.location)) : within(feature.id);
    Object.assign(feature.properties, { things: own.length, online: own.filter((one) => one.presence === "online").length });
  }
  const alarm = (id, thing, name, message, severity, minutes) => ({ id, thing, name, message, severity, rule: "r-1", state: "active", raised: began - minutes * 6e7, last: began - minutes * 6e7, count: 1, escalated: 0, acknowledged_by: null, note: null, shelved_until: null });
  const alarms = bare ? [] : [
    alarm("a-1", things.find((one) => one.kind === "traffic_signal" && one.title.startsWith("Market"))?.id ?? null, "Signal dark", "Nothing from the controller for 4 minutes", "alarm", 6),
    alarm("a-2", things.find((one) => one.kind === "air_sensor")?.id ?? null, "Air is bad", "PM2.5 above 50 for an hour", "warning", 42),
    alarm("a-3", "camera-gate", "Gate left open", "", "warning", 80),
  ];

  function find(query) {
    const list = placed(query.get("kind"));
    const limit = Number(query.get("limit") ?? 500);
    const answer = (found) => ({ items: found.slice(0, limit).map(([one, far]) => summary(one, far)), total: found.length, complete: true });
    if (query.get("point")) {
      const [longitude, latitude] = query.get("point").split(",").map(Number);
      const far = list.map((one) => [one, distance(one.location, { longitude, latitude })]).filter(([, metres]) => metres <= Number(query.get("metres")));
      return answer(far.toSorted(([, one], [, other]) => one - other));
    }
    if (query.get("space")) { const feature = features.find((one) => one.id === query.get("space")); return answer(list.filter((one) => one.space === feature.id || (feature.geometry.type === "Polygon" && inside(boxOf(feature.geometry), one.location))).map((one) => [one, null])); }
    return answer(list.filter((one) => inside(query.get("bounds").split(",").map(Number), one.location)).map((one) => [one, null]));
  }

  function more(method, path, query, body) {
    if (method !== "GET" && (path.startsWith("/map") || path.startsWith("/things/"))) changes.push({ method, path, body, dry: query.get("dry_run") });
    if (path === "/map") {
      const list = placed();
      const kinds = [...groupBy(list, (one) => one.kind)].map(([kind, own]) => ({ kind, things: own.length })).toSorted((one, other) => other.things - one.things);
      const [x, y] = [list.map((one) => one.location.longitude), list.map((one) => one.location.latitude)];
      return { bounds: list.length === 0 ? null : { south_west: { longitude: Math.min(...x), latitude: Math.min(...y) }, north_east: { longitude: Math.max(...x), latitude: Math.max(...y) } }, things: list.length, elsewhere: things.length - list.length, kinds };
    }
    if (path === "/map/spaces") return { type: "FeatureCollection", features };
    if (path === "/map/things") return find(query);
    if (path === "/map/import") {
      const wrong = body.features.flatMap((one, index) => (one.properties?.id ? [] : [{ row: index + 1, id: null, error: "the feature has no id\nhint: give it one, in its properties or beside them" }]));
      const done = query.get("dry_run") === "false" && wrong.length === 0;
      if (done) for (const one of body.features) add(one.properties.id, one.properties.title, one.properties.kind, { longitude: one.geometry.coordinates[0], latitude: one.geometry.coordinates[1] }, null, () => []);
      return { rows: body.features.length, spaces_added: 0, spaces_changed: 0, things_added: body.features.length - wrong.length, things_changed: 0, errors: wrong, errors_total: wrong.length, done };
    }
    const tile = /^\/map\/tiles\/(\d+)\/(\d+)\/(\d+)$/.exec(path);
    if (tile) return { $bytes: tileOf(placed(query.get("kind")), ...tile.slice(1).map(Number)), $type: "application/vnd.mapbox-vector-tile" };
    if (path === "/alarms") return { items: alarms };
    if (path === "/settings/place") return { time_zone: "Asia/Seoul", latitude: 37.5665, longitude: 126.978, chosen: true };
    if (path === "/history/state") return { at: Number(query.get("at")), properties: placed().filter((one) => one.seed % 11 !== 0).flatMap((one) => one.headlines().map(({ name, value }) => ({ thing: one.id, name, time: Number(query.get("at")) - 60e6, value: typeof value === "number" ? Number((value * 0.8).toFixed(2)) : value }))) };
    if (path === "/things" && method === "GET") { const wanted = (query.get("search") ?? "").toLowerCase(); const found = things.filter((one) => one.location === null && one.title.toLowerCase().includes(wanted)); return { items: found.map((one) => summary(one)), next_cursor: null, total: found.length }; }
    const one = path.startsWith("/things/") ? things.find((candidate) => path === `/things/${candidate.id}`) : undefined;
    if (one && method === "PATCH") Object.assign(one, { location: body.location, rev: one.rev + 1 });
    if (one) return { ...summary(one), model: { title: one.title, kind: one.kind, properties: {}, actions: {}, events: {} }, desired: {}, delta: {}, sub_things: [], credential: null, diagnostics: [], properties: [] };
    return undefined;
  }

  const server = await startMindServer({ calm: true, more });
  return { ...server, changes, things, features, /** What things tell changes. */ tick: () => { beat += 1; } };
}
