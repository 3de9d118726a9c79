// A stand-in for the server while pages are drawn: the API contract over a demo home, and ui/dist under the strict content policy.
// Start: node mock/server.mjs [port]; the one-time code is "setup". `--signed-in` skips setup, `--many N` adds N things.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { WebSocketServer } from "ws";
import { encodeFrame } from "./frame.mjs";
import { models, spaces, things as seeds, valueAt } from "./home.mjs";

const port = Number(process.argv[2]) || 8080;
const many = Number(process.argv[process.argv.indexOf("--many") + 1]) || 0;
const dist = new URL("../dist/", import.meta.url).pathname;
const now = () => Date.now() * 1000;
const started = now();
const simulatedUntil = started - 20 * 60 * 1e6;
let position = 184_220;
let signedIn = process.argv.includes("--signed-in");
let owner = signedIn ? { id: "mina", name: "mina", role: "owner" } : null;
let secret = "";
let siteTitle = "Demo home";
let tokens = [];
let users = owner ? [{ ...owner, rev: 1 }] : [];
const commands = new Map();
const device = (id) => ({ kind: "device", id, run: null, position: null });

const things = new Map();
function addThing(seed) {
  const model = structuredClone(models[seed.kind] ?? seed.model);
  const time = now() / 1e6;
  const properties = new Map(Object.entries(model.properties).map(([name, property]) => [name, { name, value: round(valueAt(seed.id, name, property, time), property), unit: property.unit ?? null, quality: "good", time: now() - 3e6, received: now() - 3e6, changed_us: now() - 60e6, cause: device(seed.id), position: (position += 1) }]));
  const made = { id: seed.id, title: seed.title, kind: model.kind, status: seed.status ?? "accepted", presence: seed.offline ? "offline" : "online", presence_since_us: now() - 7.3e9, space: seed.space, tags: seed.tags, via: seed.via, adapter: seed.adapter, origin: seed.origin ?? "physical", last_seen_us: now() - (seed.offline ? 7.3e9 : 3e6), rev: 1, model, properties, desired: {}, delta: {}, credential: seed.credential ?? null, records: [], written: new Set() };
  things.set(seed.id, made);
  return made;
}
function round(value, property) { return typeof value === "number" ? Number(value.toFixed(property.decimals ?? 2)) : value; }
for (const seed of seeds) addThing(seed);
for (let index = 0; index < many; index += 1) addThing({ id: `sensor-${index}`, title: `Sensor ${index + 1}`, kind: "climate", space: null, tags: ["bulk"], via: null, adapter: "native" });

const primary = (thing) => Object.entries(thing.model.properties).filter(([, property]) => property.role === "primary").slice(0, 3).map(([name, property]) => ({ name, title: property.title, value: thing.properties.get(name)?.value ?? null, unit: property.unit ?? null, time: thing.properties.get(name)?.time ?? 0, writable: property.writable, decimals: property.decimals }));
const summary = ({ model, properties, desired, delta, credential, records, written, ...thing }) => ({ ...thing, primary: primary({ model, properties }) });
const full = (thing) => ({ ...summary(thing), model: thing.model, properties: [...thing.properties.values()], desired: thing.desired, delta: thing.delta, sub_things: [...things.values()].filter((one) => one.via === thing.id).map((one) => one.id), credential: thing.credential, diagnostics: thing.id === "unknown-plug" ? [{ code: "payload_not_number", detail: "“n/a” for power", count: 3, last_us: now() - 4e8 }] : [] });

const sockets = new Set();
function record(thing, kind, name, value, cause) {
  const made = { position: (position += 1), time: now(), received: now(), thing: thing.id, kind, name, value, quality: "good", cause };
  thing.records.unshift(made);
  thing.records.length = Math.min(thing.records.length, 300);
  thing.last_seen_us = made.received;
  if (kind === "property") {
    const before = thing.properties.get(name);
    thing.properties.set(name, { name, value, unit: thing.model.properties[name]?.unit ?? null, quality: "good", time: made.time, received: made.received, changed_us: before?.value === value ? before.changed_us : made.time, cause, position: made.position });
  }
  for (const socket of sockets) if (socket.things === null || socket.things.has(thing.id)) socket.queue.push(made);
}

setInterval(() => {
  const time = now() / 1e6;
  for (const thing of things.values()) {
    if (thing.presence !== "online" || thing.id.startsWith("sensor-") || Math.random() > 0.35) continue;
    const names = Object.entries(thing.model.properties);
    const [name, property] = names[Math.floor(Math.random() * names.length)] ?? [];
    if (name && !thing.written.has(name)) record(thing, "property", name, round(valueAt(thing.id, name, property, time), property), device(thing.id));
  }
}, 700);
setInterval(() => { for (const socket of sockets) if (socket.queue.length > 0) socket.ws.send(encodeFrame("records", position, now(), socket.queue.splice(0))); }, 80);
setInterval(() => { for (const socket of sockets) socket.ws.send(encodeFrame("heartbeat", position, now(), [])); }, 1000);

function series(thing, name, from, to, pixels) {
  const property = thing.model.properties[name];
  const head = { thing: thing.id, name, type: property.type, unit: property.unit ?? null };
  const first = started - 5 * 365 * 86400e6;
  const [start, end] = [Math.max(from, first), Math.min(to, now())];
  if (property.type === "boolean" || property.type === "string") {
    const points = [];
    const step = Math.max(60e6, (end - start) / 1500);
    let before;
    for (let time = start; time < end; time += step) { const value = valueAt(thing.id, name, property, time / 1e6); if (value !== before) points.push([Math.round(time), (before = value)]); }
    return { ...head, columns: ["time", "value"], points };
  }
  const points = [];
  const step = Math.max(10e6, (to - from) / pixels);
  for (let time = start; time < end; time += step) {
    const values = [0, 0.25, 0.5, 0.75].map((part) => valueAt(thing.id, name, property, (time + step * part) / 1e6));
    points.push([Math.round(time), Math.min(...values), Math.max(...values), values[0], values[3], values.reduce((sum, value) => sum + value, 0) / 4, Math.max(1, Math.round(step / 10e6))]);
  }
  return { ...head, columns: ["time", "min", "max", "first", "last", "mean", "count"], points };
}

class Refusal extends Error { constructor(status, title, detail, hint) { super(detail); Object.assign(this, { status, title, hint }); } }
const find = (id) => things.get(id) ?? (() => { throw new Refusal(404, "No such thing", `There is no thing “${id}”.`, "It may have been removed. Look under Things."); })();
const page = (list, query) => { const start = Number(query.get("cursor")) || 0; const limit = Math.min(500, Number(query.get("limit")) || 100); return { items: list.slice(start, start + limit), next_cursor: start + limit < list.length ? String(start + limit) : null, total: list.length }; };
const sessionOf = () => ({ state: owner === null ? "needs_owner" : signedIn ? "signed_in" : "signed_out", user: signedIn ? owner : null, site: { id: "home", title: siteTitle, simulated: true }, version: "0.1.0", demo: true });

const attention = () => [...things.values()].filter((thing) => thing.status === "accepted").flatMap((thing) => [
  ...(thing.presence === "offline" ? [{ thing: thing.id, title: thing.title, text: "Offline for 2 h", level: "amber" }] : []),
  ...((thing.properties.get("battery")?.value ?? 100) < 12 ? [{ thing: thing.id, title: thing.title, text: `Battery ${Math.round(thing.properties.get("battery").value)} %`, level: "amber" }] : []),
]).slice(0, 3);

const routes = [
  ["GET", "/session", () => sessionOf()],
  ["POST", "/setup", (_, { token, name, password: chosen, site_title }) => { if (token !== "setup") throw new Refusal(403, "The code is not right", "The one-time code does not match.", "Use the link Manmul printed when it started."); owner = { id: name, name, role: "owner" }; secret = chosen; users = [{ ...owner, rev: 1 }]; siteTitle = site_title || siteTitle; signedIn = true; return [201, sessionOf()]; }],
  ["POST", "/session", (_, { name, password }) => { if (name !== owner?.name || password !== secret) throw new Refusal(401, "Name or password is wrong", "No person with this name and password may sign in.", "Check capital letters. An owner can set a new password under Settings, People."); signedIn = true; return sessionOf(); }],
  ["DELETE", "/session", () => { signedIn = false; return [204]; }],
  ["GET", "/overview", () => {
    const accepted = [...things.values()].filter((thing) => thing.status === "accepted");
    const all = attention();
    return { spaces: spaces.map((space) => { const here = accepted.filter((thing) => thing.space === space.id); return { space: { ...space, things: here.length }, things: here.length, online: here.filter((thing) => thing.presence === "online").length, attention: all.filter((one) => things.get(one.thing)?.space === space.id), headline: here.flatMap((thing) => primary(thing).slice(0, thing.model.kind === "sensor" ? 2 : 1).map((one) => ({ ...one, thing: thing.id, thing_title: thing.title }))).slice(0, 5) }; }), totals: { things: accepted.length, online: accepted.filter((thing) => thing.presence === "online").length, inbox: [...things.values()].filter((thing) => thing.status === "inbox").length, records_per_second: 18.4, undecodable: 3 }, attention: all };
  }],
  ["GET", "/things", (_, __, query) => {
    const search = (query.get("search") ?? "").toLowerCase();
    const list = [...things.values()].filter((thing) => thing.status === (query.get("status") ?? "accepted") && ["space", "kind", "presence", "adapter"].every((name) => !query.get(name) || thing[name] === query.get(name)) && (!query.get("tag") || thing.tags.includes(query.get("tag"))) && (!search || `${thing.title} ${thing.id} ${thing.tags.join(" ")}`.toLowerCase().includes(search)));
    const order = { last_seen: (one, other) => other.last_seen_us - one.last_seen_us, presence: (one, other) => one.presence.localeCompare(other.presence) }[query.get("sort")] ?? ((one, other) => one.title.localeCompare(other.title, "en", { numeric: true }));
    const answer = page(list.sort(order), query);
    return { ...answer, items: answer.items.map(summary) };
  }],
  ["POST", "/things", (_, body) => { if (things.has(body.id)) throw new Refusal(409, "The id is taken", `A thing “${body.id}” exists already.`, "Choose another id."); const thing = addThing({ ...body, title: body.title ?? body.id, space: body.space ?? null, tags: body.tags ?? [], via: null, adapter: "native", model: { id: body.id, title: body.title, kind: "thing", version: "1", inferred: true, properties: {}, actions: {}, events: {} }, credential: { username: body.id, rotated_us: now() } }); thing.presence = "unknown"; return [201, { thing: full(thing), credential: { username: body.id, secret: "k7Qm2vXw9Rt4Lp8s" } }]; }],
  ["GET", "/things/:id", ({ id }) => full(find(id))],
  ["PATCH", "/things/:id", ({ id }, body) => { const thing = find(id); Object.assign(thing, body, { rev: thing.rev + 1 }); return full(thing); }],
  ["DELETE", "/things/:id", ({ id }) => { find(id); things.delete(id); return [204]; }],
  ["GET", "/things/:id/model", ({ id }) => find(id).model],
  ["PUT", "/things/:id/model", ({ id }, body) => (find(id).model = { ...body, inferred: false })],
  ["PATCH", "/things/:id/desired", ({ id }, body) => {
    const thing = find(id);
    for (const [name, value] of Object.entries(body)) {
      thing.written.add(name);
      if (thing.presence === "offline") thing.delta[name] = value;
      else setTimeout(() => record(thing, "property", name, value, { kind: "user", id: owner.name, run: null, position: position - 1 }), 450);
    }
    return [202, { commands: [] }];
  }],
  ["POST", "/things/:id/actions/:action", ({ id, action }, body) => { const thing = find(id); const command = { id: `c${commands.size + 1}`, thing: id, action, input: body.input ?? null, state: "sent", output: null, error: null, created_us: now(), deadline_us: now() + 1e7, updated_us: now(), cause: { kind: "user", id: owner.name, run: null, position: null } }; commands.set(command.id, command); record(thing, "action", action, body.input ?? null, command.cause); setTimeout(() => { command.state = "finished"; }, 1200); return [202, command]; }],
  ["GET", "/commands/:id", ({ id }) => commands.get(id)],
  ["GET", "/things/:id/records", ({ id }, _, query) => {
    const thing = find(id);
    const before = Number(query.get("before")) || Infinity;
    const lived = thing.records.filter((one) => one.position < before);
    if (lived.length >= 20) return { items: lived.slice(0, Number(query.get("limit"))), next_cursor: null, total: lived.length };
    const rules = [{ kind: "rule", id: "Evening light" }, { kind: "user", id: owner?.name ?? "mina" }, device(id), { kind: "policy", id: "Comfort" }];
    const names = Object.keys(thing.model.properties);
    const past = before < 100_000 ? [] : Array.from({ length: 40 }, (_, index) => { const name = names[index % names.length]; const time = started - index * 1.7e9 - 3e8; return { position: 180_000 - index * 37 - (before < Infinity ? 2000 : 0), time, received: time, thing: id, kind: "property", name, value: round(valueAt(id, name, thing.model.properties[name], time / 1e6), thing.model.properties[name]), quality: "good", cause: { run: null, position: 170_000, ...(thing.model.properties[name].writable ? rules[index % 2] : rules[2]) } }; });
    return { items: [...lived, ...past], next_cursor: null, total: 400 };
  }],
  ["GET", "/things/:id/messages", ({ id }) => ({ items: find(id).records.slice(0, 60).map((one) => ({ position: one.position, received: one.received, topic: `things/${id}/properties/${one.name}`, payload: JSON.stringify(one.value), payload_base64: null, bytes: 8, qos: 1, retain: false, client: id, undecodable: null })), next_cursor: null, total: 60 })],
  ["GET", "/entries/:position", ({ position: at }) => ({ entry: { position: Number(at), received: now(), topic: "things/living-light/actions/on", payload: "true", bytes: 4, qos: 1, retain: false, client: "living-light", undecodable: null }, chain: [{ position: Number(at), summary: "Brightness became 60 %", cause: { kind: "rule", id: "Evening light" } }, { position: at - 4, summary: "Rule “Evening light” decided: brightness 60 %", cause: { kind: "rule", id: "Evening light" } }, { position: at - 9, summary: "Hall motion: occupied", cause: device("hall-motion") }] })],
  ["POST", "/things/:id/credential", ({ id }) => { find(id).credential = { username: id, rotated_us: now() }; return [201, { username: id, secret: "n3Wz8Kq1Yb6Tc5Jd" }]; }],
  ["POST", "/inbox/accept", (_, body) => { const list = body.all ? [...things.values()].filter((thing) => thing.status === "inbox") : body.things.map(find); for (const thing of list) Object.assign(thing, { status: "accepted", space: body.space ?? thing.space }); return { accepted: list.length }; }],
  ["POST", "/inbox/ignore", (_, body) => { for (const id of body.things) find(id).status = "ignored"; return { ignored: body.things.length }; }],
  ["POST", "/virtual-things", (_, body) => { const [kind] = Object.entries(models).find(([, model]) => model.id === body.model) ?? []; const id = body.id ?? `virtual-${things.size}`; const thing = addThing({ id, title: body.title ?? id, kind, space: null, tags: [], via: null, adapter: "native", origin: "virtual" }); return [201, full(thing)]; }],
  ["GET", "/models", () => Object.values(models)],
  ["GET", "/spaces", () => spaces.map((space) => ({ ...space, things: [...things.values()].filter((thing) => thing.space === space.id).length }))],
  ["POST", "/spaces", (_, body) => { const space = { rev: 1, id: body.id ?? body.title.toLowerCase().replace(/\W+/g, "-"), parent: body.parent ?? null, kind: body.kind, title: body.title, things: 0 }; spaces.push(space); return [201, space]; }],
  ["PATCH", "/spaces/:id", ({ id }, body) => Object.assign(spaces.find((space) => space.id === id), body)],
  ["DELETE", "/spaces/:id", ({ id }) => { spaces.splice(spaces.findIndex((space) => space.id === id), 1); return [204]; }],
  ["GET", "/history/series", (_, __, query) => (Object.entries(find(query.get("thing")).model.properties).map(([name, property]) => ({ thing: query.get("thing"), name, type: property.type, unit: property.unit ?? null, first_us: started - 3e12, last_us: now(), points: 2_592_000 })))],
  ["GET", "/history", (_, __, query) => { const [from, to, pixels] = [Number(query.get("from")), Number(query.get("to")), Number(query.get("pixels"))]; return { tier: "raw", simulated_until_us: simulatedUntil, series: query.getAll("series").map((one) => { const at = one.lastIndexOf("/"); return series(find(one.slice(0, at)), one.slice(at + 1), from, to, pixels); }) }; }],
  ["GET", "/users", () => ({ items: users, next_cursor: null, total: users.length })],
  ["POST", "/users", (_, body) => { const user = { id: body.name, name: body.name, role: body.role, rev: 1 }; users.push(user); return [201, user]; }],
  ["PATCH", "/users/:id", ({ id }, { password, ...body }) => Object.assign(users.find((user) => user.id === id), body)],
  ["DELETE", "/users/:id", ({ id }) => { users = users.filter((user) => user.id !== id); return [204]; }],
  ["GET", "/tokens", () => ({ items: tokens, next_cursor: null, total: tokens.length })],
  ["POST", "/tokens", (_, body) => { const token = { id: `t${tokens.length + 1}`, created_us: now(), last_used_us: null, ...body }; tokens.push(token); return [201, { token, secret: "mm_0q8w7e6r5t4y3u2i1o" }]; }],
  ["DELETE", "/tokens/:id", ({ id }) => { tokens = tokens.filter((token) => token.id !== id); return [204]; }],
  ["GET", "/audit", () => ({ items: Array.from({ length: 12 }, (_, index) => ({ time: now() - index * 4e9, id: String(index), address: "127.0.0.1", who: "mina", action: ["thing.write", "thing.accept", "token.create"][index % 3], target: ["living-light", "attic-motion", "grafana"][index % 3], allowed: index !== 4 })), next_cursor: null, total: 12 })],
  ["GET", "/system", () => ({ version: "0.1.0", uptime_s: (now() - started) / 1e6 + 273_000, mqtt: { port: 1883, tls_port: 8883, websocket_path: "/mqtt", clients: 34, counters: { messages_received: 1_204_331, messages_sent: 88_120, retained: 412 } }, log: { first: 1, next: position, bytes: 41_220_331, durable: position }, history: { series: 148, points: 38_201_442, bytes: 51_200_114, bytes_per_point: 1.34, late: 12, refused: 0 }, healthy: true, problems: [], queues: [{ name: "ingest", length: 3, limit: 65_536, dropped: 0, policy: "wait: the link stops reading" }, { name: "history_writer", length: 120, limit: 16_384, dropped: 0, policy: "wait" }, { name: "live_client", length: 0, limit: 4096, dropped: 17, policy: "keep only the newest of each value" }, { name: "outgoing_mqtt", length: 9000, limit: 10_000, dropped: 0, policy: "drop the oldest QoS 0" }], data_directory: "/var/lib/manmul", listeners: [["http", "127.0.0.1:8080"], ["mqtt", "0.0.0.0:1883"], ["mqtts", "0.0.0.0:8883"]].map(([protocol, address]) => ({ protocol, address })) })],
  ["POST", "/ingest/things/:id", ({ id }, body) => { const thing = find(id); thing.presence = "online"; for (const [name, value] of Object.entries(body)) { thing.model.properties[name] ??= { title: name, type: typeof value, unit: null, readable: true, writable: false, role: "primary" }; record(thing, "property", name, value, device(id)); } return [202, {}]; }],
];

const kinds = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json" };
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (!url.pathname.startsWith("/api/")) {
    const file = join(dist, url.pathname);
    const path = extname(url.pathname) && existsSync(file) && statSync(file).isFile() ? file : join(dist, "index.html");
    response.writeHead(200, { "Content-Type": kinds[extname(path)] ?? "application/octet-stream", "Content-Security-Policy": policy });
    return createReadStream(path).pipe(response);
  }
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const reply = (status, body, type = "application/json") => { response.writeHead(status, { "Content-Type": type }); response.end(body === undefined ? "" : JSON.stringify(body)); };
  try {
    const path = url.pathname.slice("/api/v1".length);
    const parts = path.split("/");
    const open = ["/session", "/setup"].includes(path) || path.startsWith("/ingest");
    if (!signedIn && !open) throw new Refusal(401, "Signed out", "Sign in first.");
    if (request.method !== "GET" && !path.startsWith("/ingest") && request.headers["x-manmul-csrf"] !== "1") throw new Refusal(403, "Header missing", "X-Manmul-Csrf: 1 is required.");
    for (const [method, pattern, handle] of routes) {
      const wanted = pattern.split("/");
      if (method !== request.method || wanted.length !== parts.length || !wanted.every((part, index) => part.startsWith(":") || part === parts[index])) continue;
      const params = Object.fromEntries(wanted.flatMap((part, index) => (part.startsWith(":") ? [[part.slice(1), decodeURIComponent(parts[index])]] : [])));
      const answer = handle(params, chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString() || "{}") : {}, url.searchParams);
      return Array.isArray(answer) && typeof answer[0] === "number" ? reply(answer[0], answer[1]) : reply(200, answer);
    }
    throw new Refusal(404, "Not found", `No ${request.method} ${path}.`);
  } catch (cause) {
    if (!(cause instanceof Refusal)) console.error(cause);
    reply(cause.status ?? 500, { type: "about:blank", title: cause.title ?? "The mock failed", status: cause.status ?? 500, detail: cause.message, hint: cause.hint }, "application/problem+json");
  }
});

const hub = new WebSocketServer({ server, path: "/api/v1/live" });
hub.on("connection", (ws) => {
  const socket = { ws, things: new Set(), queue: [] };
  sockets.add(socket);
  ws.send(encodeFrame("hello", position, now(), []));
  ws.on("message", (data) => { const { subscribe } = JSON.parse(data.toString()); socket.things = subscribe.things === null ? null : new Set(subscribe.things); });
  ws.on("close", () => sockets.delete(socket));
});
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/setup?token=setup`));
