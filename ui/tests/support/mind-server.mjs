// A site whose mind has found one of everything: serves the built pages and just enough of the API, with a live line, so that
// the pages of the mind can be tested in every state without waiting for a month of data. Its series are sums of sines, told anew for any stretch.
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname } from "node:path";

const dist = new URL("../../dist/", import.meta.url).pathname;
const second = 1e6;
const minute = 60 * second;
const hour = 3600 * second;
const day = 24 * hour;
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json" };

const property = (title, unit, decimals, role = "normal") => ({ title, type: "number", unit, decimals, role, readable: true });
const basic = [
  { id: "thermostat-living-room", title: "Living room thermostat", kind: "thermostat", space: "living-room", properties: { temperature: property("Temperature", "celsius", 1, "primary"), humidity: property("Humidity", "percent", 0) } },
  { id: "heat-pump", title: "Heat pump", kind: "heat_pump", space: "cellar", properties: { power: property("Power", "watt", 0, "primary"), flow_temperature: property("Flow temperature", "celsius", 1), return_temperature: property("Return temperature", "celsius", 1) } },
  { id: "freezer", title: "Freezer", kind: "freezer", space: "cellar", properties: { temperature: property("Temperature", "celsius", 1, "primary"), power: property("Power", "watt", 0) } },
  { id: "solar-roof", title: "Solar on the roof", kind: "solar", space: "roof", properties: { power: property("Power", "watt", 0, "primary") } },
  { id: "well-pump", title: "Well pump", kind: "pump", space: "garden", properties: { pressure: property("Pressure", "bar", 2, "primary"), vibration: property("Vibration", "mm/s", 2) } },
  { id: "weather-station", title: "Weather station", kind: "weather", space: "roof", properties: { temperature: property("Outside temperature", "celsius", 1, "primary"), wind: property("Wind", "m/s", 1) } },
];

const noise = (time, seed) => Math.sin(time / 7.1e8 + seed) * 0.5 + Math.sin(time / 2.3e8 + 2 * seed) * 0.3 + Math.sin(time / 9.7e7 + 3 * seed) * 0.2;
const shapes = {
  temperature: (time, seed) => 20.5 + 1.6 * Math.sin((2 * Math.PI * time) / day - 2) + 0.25 * noise(time, seed),
  humidity: (time, seed) => 46 + 6 * Math.sin((2 * Math.PI * time) / day) + noise(time, seed),
  power: (time, seed) => Math.max(0, 2300 * Math.sin((2 * Math.PI * time) / day - 1.6) + 120 * noise(time, seed)),
  flow_temperature: (time, seed) => 38 + 3 * Math.sin((2 * Math.PI * time) / (6 * hour)) + 0.6 * noise(time, seed),
  return_temperature: (time, seed) => 32 + 2.5 * Math.sin((2 * Math.PI * time) / (6 * hour)) + 0.5 * noise(time, seed),
  pressure: (time, seed) => 3.2 + 0.2 * noise(time, seed),
  vibration: (time, seed) => 1.1 + 0.3 * noise(time, seed),
  wind: (time, seed) => 4 + 2 * noise(time, seed),
};

/** Started on a free port of this machine. `found` puts a new finding on the live line. */
export async function startMindServer({ calm = false, learning = false, things = [], rooms = [], more = () => undefined } = {}) {
  const catalogue = [...basic, ...things];
  const spaces = [["home", null, "site", "Home"], ["living-room", "home", "room", "Living room"], ["cellar", "home", "room", "Cellar"], ["roof", "home", "zone", "Roof"], ["garden", "home", "zone", "Garden"], ...rooms]
    .map(([id, parent, kind, title]) => ({ id, parent, kind, title, rev: 1, things: catalogue.filter((thing) => thing.space === id).length }));
  const began = Math.round(Date.now() * 1000);
  const now = () => Math.round(Date.now() * 1000);
  let position = 5000;
  let settings = { false_alarms_a_month: 1, enabled: true };
  const asked = [];
  const records = [];
  const sockets = new Set();

  const insight = (id, thing, name, kind, severity, since, lasted, values = {}) => ({
    id, thing, thing_title: catalogue.find((one) => one.id === thing).title, name, kind, severity, state: lasted === null ? "open" : "over", began: began - since, found: began - since + 4 * minute,
    ended: lasted === null ? null : began - since + lasted, last: lasted === null ? began - minute : began - since + lasted, count: 42, expected: null, came: null,
    unit: catalogue.find((one) => one.id === thing).properties[name]?.unit ?? null, score: 5.3, words: `${kind} of ${name}`, acknowledged_by: null, note: null, ...values,
  });
  const insights = calm ? [] : [
    insight("i-stuck", "thermostat-living-room", "temperature", "stuck", "warning", 2.2 * hour, null, { expected: { value: 20.6, low: 19.4, high: 21.9 }, came: 21.3, score: 6.8 }),
    insight("i-anomaly", "heat-pump", "power", "anomaly", "alarm", 50 * minute, null, { expected: { value: 1450, low: 1180, high: 1720 }, came: 2960, score: 8.1 }),
    insight("i-drift", "freezer", "temperature", "drift", "warning", 30 * hour, null, { expected: { value: -18.2, low: -19, high: -17.4 }, came: -14.6, score: 5.9 }),
    insight("i-dropout", "weather-station", "wind", "dropout", "notice", 3.4 * hour, null, { score: 4.2 }),
    insight("i-noise", "well-pump", "vibration", "noise", "warning", 5 * hour, null, { expected: { value: 1.1, low: 0.6, high: 1.6 }, came: 2.9, score: 5 }),
    insight("i-clock", "weather-station", "temperature", "clock_skew", "notice", 6 * hour, null, { score: 12 }),
    insight("i-swing", "heat-pump", "flow_temperature", "oscillation", "notice", 7 * hour, null, { expected: { value: 38, low: 35, high: 41 }, came: 43.5, score: 4.4, state: "acknowledged", acknowledged_by: "u-1", note: "The heating curve was changed yesterday" }),
    insight("i-joint", "heat-pump", "return_temperature", "joint", "warning", 9 * hour, null, { expected: { value: 31, low: 29.5, high: 32.5 }, came: 35.8, score: 4.9 }),
    insight("i-spike", "solar-roof", "power", "spike", "notice", 26 * hour, 20 * second, { expected: { value: 900, low: 610, high: 1190 }, came: 4800, score: 7.2, count: 2 }),
    insight("i-normal", "thermostat-living-room", "humidity", "anomaly", "notice", 3 * day, 2 * hour, { expected: { value: 46, low: 41, high: 52 }, came: 71, state: "normal", acknowledged_by: "u-1", note: "Laundry day" }),
  ];
  const steps = (one) => (one.state === "open" ? ["open"] : ["open", one.state]);
  for (const one of insights) for (const state of steps(one)) put({ ...one, state }, one.found + (state === "open" ? 0 : 20 * minute));
  records.sort((one, other) => one.received - other.received).forEach((record, index) => { record.position = 4000 + index; });

  function put(value, received) {
    const { thing_title: _, ...said } = value;
    records.push({ position: (position += 1), time: received, received, thing: value.thing, kind: "insight", name: value.name, value: said, quality: "good", cause: { kind: "system", id: "mind", position: 3999, run: null } });
    return records.at(-1);
  }

  const seed = (thing, name) => [...`${thing}/${name}`].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 17;
  function valueAt(thing, name, time) {
    const model = catalogue.find((one) => one.id === thing)?.properties[name];
    if (model?.type === "boolean") return Math.sin(time / (2.1 * hour) + seed(thing, name)) > 0.6;
    let value = (shapes[name] ?? shapes.temperature)(time, seed(thing, name)) - (thing === "freezer" && name === "temperature" ? 38.7 : 0) - (thing === "weather-station" && name === "temperature" ? 12 : 0);
    for (const one of insights) {
      if (one.thing !== thing || one.name !== name || time < one.began || time > (one.ended ?? now())) continue;
      if (one.kind === "stuck") value = one.came;
      if (one.kind === "anomaly" || one.kind === "spike") value = one.came + (value - one.expected.value) * 0.1;
      if (one.kind === "drift") value += (one.came - one.expected.value) * ((time - one.began) / (now() - one.began));
      if (one.kind === "noise") value += 1.4 * Math.sin(time / 3.1e6) * Math.cos(time / 1.7e6);
      if (one.kind === "oscillation") value += 5 * Math.sin(time / (5 * minute));
      if (one.kind === "dropout") return null;
    }
    return value;
  }

  const health = (thing) => {
    const streams = Object.keys(thing.properties).map((name) => {
      const found = insights.find((one) => one.thing === thing.id && one.name === name && one.state === "open");
      const share = learning ? (seed(thing.id, name) % 10) / 10 : thing.id === "well-pump" && name === "pressure" ? 0.4 : 1;
      return { name, state: found ? "finding" : share < 1 ? "learning" : "watching", learned_share: share, insight: found?.id ?? null };
    });
    const open = insights.filter((one) => one.thing === thing.id && one.state === "open");
    const score = Math.max(0, 100 - open.reduce((sum, one) => sum + { notice: 10, warning: 30, alarm: 55 }[one.severity], 0));
    return { score, level: learning ? "unknown" : score >= 80 ? "good" : score >= 50 ? "fair" : "poor", since: open[0]?.began ?? began - day, streams };
  };
  const brief = (thing) => { const { score, level } = health(thing); return { score, level }; };
  const headline = (thing) => Object.entries(thing.properties).map(([name, model]) => ({ name, title: model.title, value: valueAt(thing.id, name, now()), unit: model.unit, decimals: model.decimals, writable: model.writable ?? false, time: now() }));
  const summary = (thing) => ({
    id: thing.id, title: thing.title, kind: thing.kind, space: thing.space, adapter: "native", origin: thing.id === "well-pump" ? "virtual" : "physical", presence: "online", presence_since_us: began - day, last_seen_us: now() - 4 * second, primary: headline(thing),
    rev: 1, status: "accepted", tags: [], via: null, health: brief(thing),
  });
  const cause = { kind: "device", id: "", position: null, run: null };
  const whole = (thing) => ({
    ...summary(thing), model: { title: thing.title, kind: thing.kind, properties: thing.properties, actions: thing.actions ?? {}, events: thing.events ?? {} }, desired: {}, delta: {}, sub_things: [], credential: null, diagnostics: [],
    properties: headline(thing).map((one) => ({ name: one.name, value: one.value, unit: one.unit, time: now(), received: now(), changed_us: now(), quality: "good", position: 4900, cause: { ...cause, id: thing.id } })),
  });

  function series(path, from, to, pixels) {
    const [thing, name] = path.split("/");
    const unit = catalogue.find((one) => one.id === thing)?.properties[name]?.unit ?? null;
    if (catalogue.find((one) => one.id === thing)?.properties[name]?.type === "boolean") return { thing, name, unit, type: "boolean", columns: ["time", "value"], points: Array.from({ length: 200 }, (_, at) => Math.round(from + ((Math.min(to, now()) - from) * at) / 200)).map((time) => [time, valueAt(thing, name, time)]) };
    const step = Math.max(30 * second, (to - from) / pixels);
    const points = [];
    for (let time = Math.ceil(from / step) * step; time <= Math.min(to, now()); time += step) {
      const value = valueAt(thing, name, time);
      if (value !== null) points.push([Math.round(time), value - 0.002 * Math.abs(value), value + 0.002 * Math.abs(value), value, value, value, 10]);
    }
    return { thing, name, unit, type: "number", columns: ["time", "min", "max", "first", "last", "mean", "count"], points };
  }

  const learned = (thing, name) => !learning && thing.id !== "well-pump" && (thing.id === "solar-roof" || name === "temperature" || name === "power");
  const vad = (version, more = {}) => ({
    id: `silero-vad-${version}`, name: "silero-vad", version: String(version), description: "Says how likely it is that somebody speaks", source: "silero-vad", licence: "MIT", sha256: createHash("sha256").update(`silero ${version}`).digest("hex"), bytes: 2_310_000,
    added: began - 9 * day, by: "owner", stage: "ready", problem: null, engine: "rten", distance: 3e-7, milliseconds: 0.17, milliseconds_max: 5, memory_bytes_max: 20_000_000, streams: 1, is_bindable: true, labels: [],
    inputs: [{ name: "input", shape: [1, 512], type: "float", from: "streams" }, { name: "state", shape: [2, 1, 128], type: "float", from: "carried" }], outputs: [{ name: "output", shape: [1, 1], type: "float" }],
    runs: 12_000, milliseconds_mean: 0.18, milliseconds_most: 2.4, failed: 3, late: 1, refused: 12, replaced: 4, last_error: "model silero-vad: output output is not finite", ...more,
  });
  const brought = [vad(6), vad(7, { stage: "stuck", problem: "it has been stuck in a run for 12.0 s" })];
  const bound = [{
    id: "binding-1", model: "silero-vad-6", inputs: [{ topic: "audio/hall", format: "i16" }], output: { thing: "thermostat-living-room", names: ["speech"], kind: "property" }, every: { samples: 512 }, mode: "shadow", successor: "silero-vad-7", changed: began - day, by: "owner",
    problem: null, suspended_until: began + hour, answers: 11_997, failed: 3, unreadable: 2, last_answer: { values: [0.03] }, last_time: began - minute, last_error: "model silero-vad: output output is not finite",
    comparison: { compared: 940, agreement: 0.987, difference_mean: 0.0031, difference_most: 0.41, milliseconds_mean: 0.18, successor_milliseconds_mean: 0.12, failed: 1 },
  }];
  const cards = () => [
    ...catalogue.flatMap((thing) => Object.keys(thing.properties).flatMap((name) => {
      const about = { title: `${name} of ${thing.id}`, thing: thing.id, name, learned_from: began - 20 * day, learned_to: now(), samples: 28_800, state_bytes: 3120, updated: now() - 5 * minute, drift: null };
      const gain = (seed(thing.id, name) % 9) * 6 - 6;
      return [
        { ...about, id: `detector/${thing.id}/${name}`, kind: "detector", champion: null, error: null, false_alarms_a_month: (seed(thing.id, name) % 5) / 5, drift: name === "flow_temperature" ? { since: began - 7 * hour, words: "the level moved by 2.1 °C and stayed there" } : null },
        { ...about, id: `forecast/${thing.id}/${name}`, kind: "forecast", champion: learned(thing, name) ? "ridge" : null, false_alarms_a_month: null, error: learned(thing, name) ? { measure: "MASE", value: 0.94 * (1 - gain / 100), baseline: "the better of as a day before and as a week before", baseline_value: 0.94, better_percent: gain } : null },
      ];
    })),
    { id: "inference-silero-vad-6", kind: "inference", title: "Voice activity (silero-vad)", thing: null, name: null, champion: null, learned_from: null, learned_to: null, samples: 0, error: null, drift: null, false_alarms_a_month: null, state_bytes: 2_310_000, updated: began - 9 * day, licence: "MIT", sha256: createHash("sha256").update("silero").digest("hex"), engine: "rten", stage: "ready", runs: 12_000, milliseconds_mean: 0.18, inputs: [{ name: "input", shape: [1, 512], type: "f32" }, { name: "state", shape: [2, 1, 128], type: "f32" }], outputs: [{ name: "output", shape: [1, 1], type: "f32" }] },
  ];

  function forecast(thing, name, hours) {
    const steps = hours * 4;
    const start = Math.ceil(now() / (15 * minute)) * 15 * minute;
    const at = Array.from({ length: steps }, (_, step) => [valueAt(thing.id, name, start + step * 15 * minute - day) ?? 0, Math.sqrt(step + 1)]);
    const scale = { temperature: 0.12, power: 40 }[name] ?? 0.2;
    const band = (low, high, width) => ({ low_quantile: low, high_quantile: high, low: at.map(([value, root]) => (name === "power" ? Math.max(0, value - width * scale * root) : value - width * scale * root)), high: at.map(([value, root]) => value + width * scale * root) });
    return { name, unit: thing.properties[name].unit, start, step_seconds: 900, median: at.map(([value]) => value), bands: [band(0.1, 0.9, 1), band(0.25, 0.75, 0.5)], card: `forecast/${thing.id}/${name}` };
  }

  function insightsPage(query) {
    const state = query.get("state") ?? "open";
    const fits = (one) => (state === "all" || one.state === state || (state === "over" && one.state === "normal")) && (!query.get("thing") || one.thing === query.get("thing")) && (!query.get("kind") || one.kind === query.get("kind"));
    const list = insights.filter(fits).toSorted((one, other) => other.found - one.found);
    const start = query.get("after") ? list.findIndex((one) => one.id === query.get("after")) + 1 : 0;
    const items = list.slice(start, start + Number(query.get("limit") ?? 50));
    return { items, next: start + items.length < list.length ? items.at(-1).id : null, open_count: insights.filter((one) => one.state === "open").length };
  }

  function found(id, thing, name, kind, severity, values) {
    const one = insight(id, thing, name, kind, severity, minute, null, values);
    insights.push(one);
    tell(put(one, now()));
  }

  function decide(id, state, body) {
    const one = insights.find((candidate) => candidate.id === id);
    if (!one) return null;
    Object.assign(one, { state, acknowledged_by: "u-1", note: body.note ?? one.note });
    tell(put(one, now()));
    return one;
  }

  function answer(method, url, body) {
    const path = url.pathname.replace("/api/v1", "");
    const query = url.searchParams;
    const [, root, id, sub] = path.split("/").map(decodeURIComponent);
    const own = more(method, path, query, body);
    if (own !== undefined) return own;
    const thing = root === "things" ? catalogue.find((one) => one.id === id) : undefined;
    if (path === "/session") return { state: "signed_in", user: { id: "u-1", name: "Anna", role: "owner" }, site: { id: "home", title: "Home", simulated: false, simulated_until_us: null }, version: "0", demo: false };
    if (path === "/overview") return { totals: { things: catalogue.length, online: catalogue.length, inbox: 0, records_per_second: 12, undecodable: 0 }, insights_open: insights.filter((one) => one.state === "open").length, attention: [], spaces: spaces.slice(1).map((space) => ({ space, things: space.things, online: space.things, attention: [], headline: catalogue.filter((one) => one.space === space.id).map((one) => ({ ...headline(one)[0], thing: one.id, thing_title: one.title })) })) };
    if (path === "/spaces") return spaces;
    if (root === "rules" && sub === "would-have") return { items: [] };
    if (path === "/notifications" || path === "/alarms" || path === "/rules") return { items: [], next: null };
    if (path === "/actors") return [{ kind: "user", id: "u-1", name: "Anna" }];
    if (path === "/things") { const wanted = (query.get("search") ?? "").toLowerCase(); const found = catalogue.filter((one) => one.title.toLowerCase().includes(wanted)); return { items: found.map(summary), next_cursor: null, total: found.length }; }
    if (thing && sub === undefined) return whole(thing);
    if (thing && sub === "health") return health(thing);
    if (thing && sub === "forecast") return learned(thing, query.get("name")) ? forecast(thing, query.get("name"), Number(query.get("hours") ?? 24)) : null;
    if (thing && sub === "records") return { items: records.filter((one) => one.thing === id && one.position < Number(query.get("before") ?? Infinity)).toSorted((one, other) => other.position - one.position), next: null };
    if (path === "/history/series") return Object.keys(catalogue.find((one) => one.id === query.get("thing")).properties).map((name) => ({ thing: query.get("thing"), name, type: "number", unit: null, first_us: began - 20 * hour, last_us: now(), points: 1200 }));
    if (path === "/history") return { tier: "raw", simulated_until_us: null, series: query.getAll("series").map((one) => series(one, Number(query.get("from")), Number(query.get("to")), Number(query.get("pixels") ?? 600))) };
    if (root === "entries") { const record = records.find((one) => one.position === Number(id)); return { entry: { position: Number(id), received: record.received, topic: `things/${record.thing}/insights/${record.name}`, payload: JSON.stringify(record.value), payload_base64: null, bytes: 200, qos: 1, retain: false, client: "", cause: record.cause, undecodable: null }, chain: [{ position: 3999, cause: { ...cause, id: record.thing }, summary: `${record.thing} said ${record.name} again` }] }; }
    if (path === "/insights") return insightsPage(query);
    if (root === "insights" && sub === undefined) return insights.find((one) => one.id === id) ?? null;
    if (root === "insights" && method === "POST") return decide(id, sub === "normal" ? "normal" : "acknowledged", body);
    if (path === "/inference/models") return { items: brought };
    if (path === "/inference/bindings") return { items: bound };
    if (path === "/model-cards") return { items: cards().filter((card) => (!query.get("kind") || card.kind === query.get("kind")) && (!query.get("thing") || card.thing === query.get("thing"))), next: null };
    if (root === "model-cards") return cards().find((card) => card.id === id) ?? null;
    if (root === "virtual-things" && sub === "faults") { if (body.kind !== "none") found("i-broken", id, body.name, body.kind, "alarm"); return {}; }
    if (path === "/settings/mind") return method === "PUT" ? (settings = body) : settings;
    return null;
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://localhost");
    if (url.pathname.startsWith("/api/")) {
      let text = "";
      for await (const part of request) text += part;
      asked.push(`${request.method} ${url.pathname}`);
      const said = answer(request.method, url, text ? JSON.parse(text) : {});
      if (said?.$bytes) return sendBytes(request, response, said);
      const status = said === null ? 404 : (said.$status ?? 200);
      response.writeHead(status, { "content-type": status >= 400 ? "application/problem+json" : "application/json" });
      return response.end(JSON.stringify(said ?? { title: "Not found", detail: `nothing at ${url.pathname}`, code: "not_found" }));
    }
    const isFile = /\.\w+$/.test(url.pathname) && statSync(dist + url.pathname, { throwIfNoEntry: false })?.isFile();
    const file = isFile ? url.pathname : "/index.html";
    response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream", "content-security-policy": policy });
    return response.end(readFileSync(dist + file));
  });

  /** Bytes with a tag of their own, so that a page that has them already is told so. */
  function sendBytes(request, response, { $bytes, $type }) {
    const tag = `"${createHash("sha1").update($bytes).digest("hex").slice(0, 16)}"`;
    const isKnown = request.headers["if-none-match"] === tag;
    if (isKnown) asked.push(`KNOWN ${request.url}`);
    response.writeHead(isKnown ? 304 : 200, { "content-type": $type, "cache-control": "private, no-cache", etag: tag });
    return response.end(isKnown ? undefined : $bytes);
  }

  server.on("upgrade", (request, socket) => {
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    sockets.add(socket);
    const beat = setInterval(() => send(socket, 2, []), 1000);
    // What the page wants to hear is not sifted: it hears everything.
    socket.on("data", () => undefined).on("error", () => undefined).on("close", () => { clearInterval(beat); sockets.delete(socket); });
    send(socket, 0, []);
  });

  function send(socket, kind, list) {
    const frame = encode(kind, position, now(), list);
    const head = frame.length < 126 ? Buffer.from([0x82, frame.length]) : Buffer.from([0x82, 126, frame.length >> 8, frame.length & 255]);
    socket.write(Buffer.concat([head, frame]));
  }
  function tell(record) {
    for (const socket of sockets) send(socket, 1, [record]);
  }

  await new Promise((resume) => server.listen(0, "127.0.0.1", resume));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    asked,
    insights,
    found,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resume) => server.close(resume));
    },
  };
}

/** A live frame, version 1, as src/live/frame.ts reads it. */
function encode(kind, newest, time, list) {
  const parts = [];
  const u8 = (value) => parts.push(Buffer.from([value]));
  const sized = (bytes, value) => { const part = Buffer.alloc(bytes); if (bytes === 8) part.writeBigInt64LE(BigInt(value)); else part.writeUIntLE(value, 0, bytes); parts.push(part); };
  const text = (bytes, value) => { const body = Buffer.from(value); sized(bytes, body.length); parts.push(body); };
  const kinds = ["property", "event", "action", "presence", "decision", "insight"];
  const causes = ["device", "user", "rule", "policy", "import", "system", "token"];
  u8(1); u8(kind); sized(8, newest); sized(8, time); sized(4, list.length);
  for (const record of list) {
    sized(8, record.position); sized(8, record.time); sized(8, record.received);
    u8(kinds.indexOf(record.kind)); u8(0); u8(causes.indexOf(record.cause.kind));
    text(2, record.thing); text(2, record.name); text(2, record.cause.id);
    u8(6); text(4, JSON.stringify(record.value));
  }
  return Buffer.concat(parts);
}
