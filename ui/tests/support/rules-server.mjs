// A site with rules in every state: the mind's site with lamps, doors and blinds added, and just enough of the rules' API to test their
// pages in every state without a month of data. What it says of a text is found in the text; what it replays is made up, and the same each time.
import { parse, parseDocument, LineCounter } from "yaml";
import { startMindServer } from "./mind-server.mjs";

const second = 1e6;
const minute = 60 * second;
const hour = 3600 * second;
const day = 24 * hour;
const now = () => Math.round(Date.now() * 1000);
const boolean = (title, writable = false) => ({ title, type: "boolean", role: "primary", readable: true, writable });
const number = (title, unit, decimals, minimum, maximum, writable = false) => ({ title, type: "number", unit, decimals, minimum, maximum, role: "normal", readable: true, writable });
const things = [
  { id: "hall-lamp", title: "Hall lamp", kind: "light", space: "hall", properties: { on: boolean("On", true), brightness: number("Brightness", "percent", 0, 0, 100, true) } },
  { id: "hall-motion", title: "Hall motion", kind: "motion", space: "hall", properties: { occupancy: boolean("Occupancy") }, events: { pressed: { title: "Button pressed" } } },
  { id: "front-door", title: "Front door", kind: "door", space: "hall", properties: { open: boolean("Open") }, actions: { lock: { title: "Lock" } } },
  { id: "bath-climate", title: "Bath climate", kind: "climate_sensor", space: "bath", properties: { humidity: { ...number("Humidity", "percent", 0), role: "primary" }, temperature: number("Temperature", "celsius", 1) } },
  { id: "bath-fan", title: "Bath fan", kind: "fan", space: "bath", properties: { on: boolean("On", true), speed: { title: "Speed", type: "string", choices: ["low", "middle", "high"], role: "normal", readable: true, writable: true } } },
  { id: "living-blinds", title: "Living room blinds", kind: "blind", space: "living-room", properties: { position: { ...number("Position", "percent", 0, 0, 100, true), role: "primary" } } },
];
const rooms = [["hall", "home", "room", "Hall"], ["bath", "home", "room", "Bath"]];

const hall = `# Written with Anna in March
rule: Light when somebody comes
description: Light in the hall by night, off again by itself
mode: restart
triggers:
  - property: hall-motion/occupancy   # the sensor above the door
    to: true
    for: 2 s
    id: came
  - event: hall-motion/pressed
conditions:
  - sun: { after: sunset, before: sunrise }
  - property: hall-lamp/on
    is: false
actions:
  - set: { hall-lamp/on: true, hall-lamp/brightness: 60 }
  - wait:
      for:
        - property: hall-motion/occupancy
          to: false
          for: 5 min
      timeout: 1 h
  - set: hall-lamp/on
    to: false
tests:
  - name: it comes on at night
    at: "2026-03-01T23:00"
    given: { hall-lamp/on: false, hall-motion/occupancy: false }
    when:
      - set: { hall-motion/occupancy: true }
      - wait: 2 s
    then:
      - set: hall-lamp/on
        to: true
`;
const damp = `rule: Fan when the air is damp
variables:
  limit: 70
triggers:
  - property: bath-climate/humidity
    above: \${ limit }
    for: 5 min
  - forecast: bath-climate/humidity
    above: 80
    within: 1 h
actions:
  - choose:
      - if:
          - time: { after: "22:00", before: "06:00", on: [sat, sun] }
        do:
          - set: bath-fan/speed
            to: low
    otherwise:
      - set: bath-fan/speed
        to: high
  - set: bath-fan/on
    to: true
  - repeat:
      until:
        - property: bath-climate/humidity
          below: 60
      do:
        - delay: 2 min
  - set: bath-fan/on
    to: false
`;
const door = `rule: Tell me when the front door stays open
triggers:
  - property: front-door/open
    to: true
    for: 10 min
actions:
  - notify: { title: Front door, message: It has been open for ten minutes, to: [owner] }
  - alarm: { name: front door open, severity: warning, message: Nobody closed the front door }
`;
const broken = `rule: Blinds in the morning
triggers:
  - time: ["07:30", "09:00"]
    on: [mon, tue, wed, thu, fri]
  - sun: sunrise
    offset: -30 min
  - dawn_chorus: loud
conditions:
  - any:
      - property: weather-station/temperature
        above: 5
      - not:
          - trigger: [came]
actions:
  - set: living-blinds/position
    to: 100
  - set: living-blind/position
    to: 3
`;

/** What can be said of a text without an engine: its own lines, its things that are not there, its tests by name. */
function check(text) {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const error = document.errors[0];
  const at = (node) => (node?.range ? lines.linePos(node.range[0]).line : 1);
  if (error) { const place = lines.linePos(error.pos[0]); return { title: "", problems: [{ severity: "error", line: place.line, column: place.col, path: "", message: error.message.split("\n")[0], hint: null, other_rule: null }], words: [], graph: { nodes: [], edges: [] }, tests: [] }; }
  const rule = document.toJS() ?? {};
  const problems = [];
  const known = ["rule", "description", "mode", "max", "variables", "triggers", "conditions", "actions", "tests"];
  const sorts = { triggers: ["property", "time", "every", "sun", "calendar", "event", "insight", "forecast", "webhook", "presence", "expression"], conditions: ["property", "presence", "time", "sun", "trigger", "any", "all", "not", "expression"], actions: ["set", "action", "scene", "notify", "alarm", "delay", "wait", "choose", "repeat", "policy", "variables", "stop"] };
  const say = (severity, node, path, message, hint = null, other_rule = null) => problems.push({ severity, line: at(node), column: 1, path, message, hint, other_rule });
  for (const key of Object.keys(rule)) if (!known.includes(key)) say("error", document.get(key, true), key, `${key} is not known`, "known are rule, triggers, conditions, actions");
  if (!rule.rule) say("error", document.contents, "rule", "the title is missing", "begin with: rule: Light when somebody comes");
  const nodes = [];
  const edges = [];
  const words = (one) => { if (typeof one !== "object") return String(one); const [key, value] = Object.entries(one)[0] ?? ["", ""]; return `${key} ${typeof value === "object" ? Object.keys(value ?? {}).join(", ") : value}${one.to !== undefined ? ` to ${one.to}` : ""}${one.above !== undefined ? ` above ${one.above}` : ""}${one.for ? ` for ${one.for}` : ""}`; };
  const last = {};
  for (const section of ["triggers", "conditions", "actions"])
    (Array.isArray(rule[section]) ? rule[section] : []).forEach((one, index) => {
      const node = document.getIn([section, index], true);
      const id = `${section}[${index}]`;
      if (typeof one === "object" && !sorts[section].some((sort) => sort in one)) say("error", node, id, `${Object.keys(one)[0]} is no ${section.slice(0, -1)}`, `one of ${sorts[section].slice(0, 5).join(", ")} and so on`);
      const kind = one?.choose ? "choose" : one?.repeat ? "repeat" : one?.wait ? "wait" : section.slice(0, -1);
      nodes.push({ id, kind, words: words(one), line: at(node) });
      if (section === "triggers") (last.triggers ??= []).push(id);
      else { for (const from of last.open ?? last.triggers ?? []) edges.push({ from, to: id, label: last.label ?? "" }); last.open = [id]; last.label = kind === "condition" ? "yes" : ""; }
      if (one?.choose) {
        const inner = [];
        one.choose.forEach((branch, at) => { const own = `${id}.choose[${at}]`; nodes.push({ id: own, kind: "action", words: (branch.do ?? []).map(words).join("; ") || "nothing", line: nodes.at(-1).line + 3 }); edges.push({ from: id, to: own, label: `if ${(branch.if ?? []).map(words).join(" and ")}` }); inner.push(own); });
        if (one.otherwise) { nodes.push({ id: `${id}.otherwise`, kind: "action", words: one.otherwise.map(words).join("; "), line: nodes.at(-1).line + 2 }); edges.push({ from: id, to: `${id}.otherwise`, label: "otherwise" }); inner.push(`${id}.otherwise`); }
        last.open = inner;
      }
      if (one?.repeat) edges.push({ from: id, to: id.replace(/\d+/, (at) => String(Number(at) - 1)), label: "again" });
    });
  if (nodes.length > 0 && last.open) { nodes.push({ id: "end", kind: "end", words: "the end", line: 1 }); for (const from of last.open) edges.push({ from, to: "end", label: "" }); }
  const places = [...text.matchAll(/(?<![\w-])([a-z]+(?:-[a-z]+)+)\/[a-z_]+/g)];
  for (const [place, thing] of new Map(places.map((found) => [found[0], found[1]]))) if (!things.some((one) => one.id === thing) && !["weather-station", "heat-pump", "thermostat-living-room", "well-pump", "solar-roof"].includes(thing)) { const line = text.slice(0, text.indexOf(place)).split("\n").length; problems.push({ severity: "error", line, column: 10, path: "actions", message: `there is no thing ${thing}`, hint: "did you mean living-blinds", other_rule: null }); }
  const tests = (Array.isArray(rule.tests) ? rule.tests : []).map((test) => {
    const expected = (test.then ?? []).map((one) => (one.none ? "no command" : `set ${one.set} to ${one.to}`));
    const came = (Array.isArray(rule.actions) ? rule.actions : []).slice(0, 1).flatMap((one) => (typeof one.set === "string" ? [`set ${one.set} to ${one.to}`] : Object.entries(one.set ?? {}).map(([name, value]) => `set ${name} to ${value}`)));
    return { name: test.name ?? "", passed: expected.every((one) => came.includes(one)), expected, came, trace: traceOf("t-test", "finished", Date.UTC(2026, 2, 1, 23) * 1000, false) };
  });
  return { title: rule.rule ?? "", problems, words: nodes.filter((node) => node.kind !== "end").map((node) => `${node.words[0].toUpperCase()}${node.words.slice(1)}.`), graph: { nodes, edges }, tests };
}

function traceOf(id, outcome, began, shadow, rule = "hall-light") {
  const failed = outcome === "failed";
  const kept = outcome === "kept_from_running";
  const step = (path, line, words, after, seconds, how, value = null, detail = null) => ({ path, line, words, began: began + after * second, seconds, outcome: how, value, detail });
  return {
    id, rule, version: 3, began, seconds: kept ? 0.0004 : 312.4, outcome, shadow, trigger_words: "Hall motion · Occupancy turned on for 2 s", cause: { kind: "device", id: "hall-motion", position: 4990, run: null },
    steps: [
      step("conditions[0]", 12, "after sunset and before sunrise", 0, 0.0001, "passed", true),
      step("conditions[1]", 13, "Hall lamp · On is off", 0.0001, 0.0001, kept ? "held" : "passed", kept, kept ? "it was on for 12 min" : null),
      ...(kept ? [] : [
        step("actions[0]", 16, "set Hall lamp · On to on, Brightness to 60 %", 0.0002, 0.041, failed ? "failed" : "passed", null, failed ? "hall-lamp did not answer in 10 s" : null),
        step("actions[1]", 17, "wait until Hall motion · Occupancy is off for 5 min", 0.041, 312.3, failed ? "skipped" : "passed", failed ? null : "Occupancy was off for 5 min"),
        step("actions[2]", 22, "set Hall lamp · On to off", 312.35, 0.03, failed ? "skipped" : "passed"),
      ]),
    ],
    steps_left_out: 0, variables: { limit: 70 },
  };
}

/** Made up from the day's number, so that every look at it is the same. */
function card(rule, version, body) {
  const to = body.to ?? now();
  const from = body.from ?? to - 30 * day;
  const days = Math.max(1, Math.round((to - from) / day));
  const fires = (at) => (at * 7 + 3) % 5 + ((at + 2) % 7 < 2 ? 3 : 0);
  const per_day = Array.from({ length: days }, (_, at) => ({ day: new Date((from + (at + 0.5) * day) / 1000).toISOString().slice(0, 10), fired: fires(at), commands: 2 * fires(at) }));
  const timeline = per_day.flatMap((one, at) => Array.from({ length: one.fired }, (_, nth) => {
    const time = Math.round(from + at * day + (17 + 0.9 * nth) * hour);
    return { time, fired: true, commands: [{ thing: "hall-lamp", name: "on", value: true, really: nth % 3 === 1 ? false : nth % 3 === 2 ? null : true }], why: nth % 2 ? "hall-motion/occupancy was on for 2 s" : "the button in the hall was pressed" };
  })).filter((moment) => moment.time < to);
  const fired = timeline.length;
  return {
    run: `run-${rule}-${version ?? "x"}-${days}`, rule, version, made: now(), from, to, records: 184_213, seconds: 0.42, fired, failed: 0, commands: 2 * fired, kept_from_running: Math.round(fired * 0.4),
    differences: { same: Math.round(fired * 0.6), only_rule: Math.round(fired * 0.3), only_history: Math.round(fired * 0.18) }, energy_kilowatt_hours: -1.3,
    shaped_by: "This history was shaped by version 2 of this rule: what people then did by hand might have been otherwise.", not_replayed: [], per_day, timeline: timeline.slice(-1000), left_out: 0,
  };
}

export async function startRulesServer({ empty = false } = {}) {
  const began = now();
  const rules = new Map();
  const backtests = new Map();
  let number = 0;
  const add = (id, text, state, values = {}) => {
    const version = values.version ?? 1;
    rules.set(id, { id, text, state, version, live_version: state === "live" ? version : null, shadow_version: state === "shadow" ? version : null, fired_day: 0, failed_day: 0, last_fired: null, would_have_fired_day: 0, things: [...new Set([...text.matchAll(/([a-z]+(?:-[a-z]+)+)\/[a-z_]+/g)].map((found) => found[1]))], space: null, stage: null, guard: null, versions: [{ version, time: began - hour, by: "u-1", text, note: null, live_from: state === "live" ? began - hour : null, live_to: null }], ...values });
    return rules.get(id);
  };
  if (!empty) {
    const older = hall.replace("for: 2 s\n", "for: 5 s\n").replace("hall-lamp/brightness: 60", "hall-lamp/brightness: 100").replace("      timeout: 1 h\n", "");
    add("hall-light", hall, "live", { version: 3, fired_day: 14, last_fired: began - 9 * minute, space: "hall", versions: [
      { version: 1, time: began - 40 * day, by: "u-1", text: older.replace(/tests:[^]*/, ""), note: null, live_from: began - 39 * day, live_to: began - 12 * day },
      { version: 2, time: began - 12 * day, by: "u-1", text: older, note: "with a test", live_from: began - 12 * day, live_to: began - 2 * day },
      { version: 3, time: began - 2 * day, by: "u-1", text: hall, note: "60 % is enough at night", live_from: began - 2 * day, live_to: null },
    ] });
    add("damp-fan", damp, "shadow", { version: 2, would_have_fired_day: 3, last_fired: began - 5 * hour, space: "bath" });
    add("front-door-open", door, "live", { fired_day: 1, failed_day: 1, last_fired: began - 3 * hour, space: "hall", stage: { spaces: ["hall"], share: 1 }, guard: { property: "heat-pump/power", above: 4000, for: "10 min" } });
    add("blinds", broken, "draft");
    add("night", 'rule: Lights out at night\ntriggers:\n  - time: "23:00"\nactions:\n  - set: hall-lamp/on\n    to: false\n', "off", { last_fired: began - 3 * day });
    backtests.set("hall-light", [card("hall-light", 3, {})]);
  }
  const scenes = empty ? [] : [
    { id: "film", title: "Film evening", sets: [{ thing: "hall-lamp", name: "on", value: false }, { thing: "living-blinds", name: "position", value: 0 }] },
    { id: "bright", title: "Everything bright", sets: [{ thing: "hall-lamp", name: "on", value: true }, { thing: "hall-lamp", name: "brightness", value: 100 }, { thing: "living-blinds", name: "position", value: 100 }] },
  ];
  const alarm = (id, name, severity, message, values) => ({ id, name, severity, message, state: "active", raised: began - 20 * minute, last: began - minute, count: 1, rule: "front-door-open", thing: "front-door", acknowledged_by: null, note: null, shelved_until: null, escalated: 0, ...values });
  const alarms = empty ? [] : [
    alarm("a-1", "Front door open", "warning", "Nobody closed the front door", { escalated: 1, count: 2 }),
    alarm("a-2", "Water in the cellar", "alarm", "The leak sensor in the cellar is wet", { raised: began - 3 * minute, thing: "heat-pump" }),
    alarm("a-3", "Filter of the fan", "notice", "Clean the filter of the bath fan", { state: "acknowledged", acknowledged_by: "u-1", thing: "bath-fan", raised: began - 2 * day }),
    alarm("a-4", "Window open while heating", "notice", "", { state: "shelved", shelved_until: began + 7 * hour, raised: began - 4 * hour, thing: null }),
  ];
  let notices = empty ? [] : [
    { id: "n-1", time: began - 3 * minute, title: "Water in the cellar", message: "The leak sensor in the cellar is wet", rule: "front-door-open", read: false },
    { id: "n-2", time: began - 3 * hour, title: "Front door", message: "It has been open for ten minutes", rule: "front-door-open", read: false },
    { id: "n-3", time: began - 2 * day, title: "Bath", message: "humidity is 81 %", rule: "damp-fan", read: true },
  ];
  const times = Array.from({ length: 19 }, (_, at) => { const date = new Date((began - (24 - at) * day) / 1000); date.setHours(22, 20 + ((at * 13) % 35), 0, 0); return date.getTime() * 1000; });
  const suggestions = empty ? [] : [
    { id: "s-1", text: 'rule: Hall lamp off late in the evening\ntriggers:\n  - time: "22:40"\nconditions:\n  - property: hall-lamp/on\n    is: true\nactions:\n  - set: hall-lamp/on\n    to: false\n', title: "Hall lamp off late in the evening", evidence: { words: "On 19 of 24 days somebody switched the hall lamp off between 22:20 and 22:55.", days: 24, times, precision: 0.86, support: 19 }, state: "new" },
    { id: "s-2", text: damp, title: "Fan after the shower", evidence: { words: "Eleven times the fan was switched on within five minutes of the humidity passing 70 %.", days: 21, times: times.filter((_, at) => at % 2), precision: 0.91, support: 11 }, state: "shadow" },
  ];
  const traces = (rule) => [
    ["t-1", "finished", 9 * minute, false], ["t-2", "kept_from_running", 40 * minute, false], ["t-3", "failed", 2 * hour, false], ["t-4", "finished", 3 * hour, rule === "damp-fan"], ["t-5", "stopped", 5 * hour, false], ["t-6", "finished", 26 * hour, false],
  ].map(([id, outcome, ago, shadow]) => traceOf(id, outcome, began - ago, shadow, rule));

  const summary = ({ text, versions: _, ...rule }) => { const checked = check(text); return { ...rule, title: checked.title || rule.id, problems: checked.problems.length }; };
  const whole = (rule) => { const { problems, words, graph, tests } = check(rule.text); return { ...summary(rule), text: rule.text, description: parse(rule.text)?.description ?? "", mode: parse(rule.text)?.mode ?? "single", problem_list: problems, words, graph, tests }; };
  const refusal = (status, title, detail, hint = null) => ({ $status: status, title, detail, hint });

  function ruleCalls(method, id, sub, query, body) {
    if (id === undefined && method === "GET") {
      const list = [...rules.values()].map(summary).filter((one) => (!query.get("state") || one.state === query.get("state")) && (!query.get("thing") || one.things.includes(query.get("thing"))) && one.title.toLowerCase().includes((query.get("search") ?? "").toLowerCase()));
      return { items: list, next: null };
    }
    if (id === undefined && method === "POST") { number += 1; return whole(add(`new-${number}`, body.text, "draft")); }
    if (id === "check") return check(body.text);
    if (id === "conflicts") return { items: empty ? [] : [{ kind: "contradiction", rules: ["hall-light", "night"], thing: "hall-lamp", name: "on", words: "At 23:00 one rule switches the hall lamp off while the other holds it on", severity: "warning" }] };
    if (id === "traces") return traces("hall-light").find((one) => one.id === sub) ?? null;
    if (id === "import") {
      const items = [
        { title: "Light in the hall", id: body.save ? "hall-light" : null, text: hall, carried: ["triggers[0]", "actions[0]"], left_out: [], guessed: [] },
        { title: "Vacuum when nobody is home", id: body.save ? "night" : null, text: door, carried: ["triggers[0]"], left_out: [{ path: "condition[1]", line: 14, message: "zone conditions are not known here" }, { path: "action[2].data", line: 22, message: "transition has no counterpart" }], guessed: [] },
        { title: "Blueprint of a button", id: null, text: null, carried: [], left_out: [{ path: "use_blueprint", line: 31, message: "blueprints are not carried over" }], guessed: [] },
      ];
      return { items, rules: 3, whole: 1, partly: 1, refused: 1 };
    }
    const rule = rules.get(id);
    if (!rule) return null;
    if (sub === undefined && method === "GET") return whole(rule);
    if (sub === undefined && method === "DELETE") { rules.delete(id); return {}; }
    if (sub === undefined && method === "PUT") {
      if (body.version !== rule.version) return refusal(409, "It was changed meanwhile", `version ${rule.version} was written by somebody else`, "look at it and change it again");
      rule.version += 1;
      rule.text = body.text;
      rule.versions.push({ version: rule.version, time: now(), by: "u-1", text: body.text, note: null, live_from: null, live_to: null });
      return whole(rule);
    }
    if (sub === "backtest") { const made = card(id, body.text ? null : rule.version, body); backtests.set(id, [made, ...(backtests.get(id) ?? [])]); return made; }
    if (sub === "backtests") return { items: backtests.get(id) ?? [] };
    if (sub === "shadow") { rule.state = rule.state === "live" ? "live" : "shadow"; rule.shadow_version = rule.version; return whole(rule); }
    if (sub === "off") { Object.assign(rule, { state: "off", live_version: null, shadow_version: null }); return whole(rule); }
    if (sub === "promote") {
      const shown = rule.shadow_version === rule.version || (backtests.get(id) ?? []).some((one) => one.version === rule.version);
      if (!shown && !body.force) return refusal(409, "Nothing to show for it", "this version was neither replayed nor in shadow", "backtest it first");
      Object.assign(rule, { state: "live", live_version: rule.version, shadow_version: null, stage: body.stage ?? null, guard: body.guard ?? null });
      for (const one of rule.versions) if (one.live_from !== null && one.live_to === null) one.live_to = now();
      rule.versions.at(-1).live_from = now();
      return whole(rule);
    }
    if (sub === "revert") { rule.text = rule.versions.find((one) => one.version === body.version).text; rule.version += 1; rule.versions.push({ version: rule.version, time: now(), by: "u-1", text: rule.text, note: `back to version ${body.version}`, live_from: null, live_to: null }); return whole(rule); }
    if (sub === "versions") return { items: rule.versions.toReversed() };
    if (sub === "would-have") return { items: rule.state !== "shadow" ? [] : [22, 17.5, 9, 4.2, 1.1].map((ago) => ({ time: Math.round(began - ago * hour), thing: "bath-fan", name: "on", value: ago % 2 < 1 })).filter((one) => one.time >= Number(query.get("from")) && one.time <= Number(query.get("to"))) };
    if (sub === "traces") { const list = traces(id).filter((one) => !query.get("outcome") || one.outcome === query.get("outcome")); return { items: rule.last_fired === null ? [] : list.map(({ steps: _, variables: __, ...one }) => one), next: null }; }
    if (sub === "why-not") return { at: Number(query.get("at") ?? now()), words: "No trigger fired: motion in the hall was seen for 1.2 s and had to be for 2 s", triggers: [{ words: "Hall motion · Occupancy turns on for 2 s", line: 6, fired: false, last: began - 9 * minute, off_by: "0.8 s too short", near: 0.6 }, { words: "the button in the hall is pressed", line: 10, fired: false, last: null, off_by: null, near: 0 }], conditions: [{ words: "after sunset and before sunrise", line: 12, held: true, value: true, off_by: null }, { words: "Hall lamp · On is off", line: 13, held: false, value: true, off_by: "it was on for 12 min" }] };
    return null;
  }

  function ask(text) {
    const plan = (words, commands, rule_text = null, refusals = []) => ({ understood: true, plan: { id: "p-1", words, commands, rule_text, confirm: [], refusals, state: "open", by: "u-1", created: now(), expires: now() + 2 * minute }, answer: null, choices: [] });
    if (/warm|몇 도/i.test(text)) return { understood: true, plan: null, answer: "The living room is 21.3 °C.", choices: [] };
    if (/^the lamp$/i.test(text)) return { understood: false, plan: null, answer: null, choices: [{ text: "turn on the hall lamp", words: "Turn on the hall lamp" }, { text: "turn off the hall lamp", words: "Turn off the hall lamp" }] };
    if (/ten minutes|10분/i.test(text)) return plan("In ten minutes, close the living room blinds", [{ thing: "living-blinds", name: "position", write: true, input: 0, at: now() + 10 * minute }], "rule: Close the blinds once\ntriggers: []\n", [{ by: "guard", thing: "living-blinds", name: "position", reason: "the wind is too strong" }]);
    if (/light|lamp|불/i.test(text)) return plan("Turn off the hall lamp", [{ thing: "hall-lamp", name: "on", write: true, input: false, at: null }]);
    return { understood: false, plan: null, answer: null, choices: [] };
  }

  function more(method, path, query, body) {
    const [, root, id, sub] = path.split("/").map(decodeURIComponent);
    if (root === "rules") return ruleCalls(method, id, sub, query, body);
    if (root === "scenes") {
      if (id === undefined) { if (method === "GET") return { items: scenes }; const made = { ...body, id: `scene-${scenes.length}` }; scenes.push(made); return made; }
      const at = scenes.findIndex((one) => one.id === id);
      if (method === "PUT") return (scenes[at] = { ...body, id });
      if (method === "DELETE") { scenes.splice(at, 1); return {}; }
      return { results: scenes[at].sets.map((one) => ({ thing: one.thing, name: one.name, command: "c-1", problem: null })) };
    }
    if (root === "alarms") {
      if (id === undefined) return { items: alarms.filter((one) => (query.get("state") ?? "active") === "all" || one.state === (query.get("state") ?? "active")) };
      const one = alarms.find((alarm) => alarm.id === id);
      return Object.assign(one, sub === "acknowledge" ? { state: "acknowledged", acknowledged_by: "u-1", note: body.note ?? null } : sub === "shelve" ? { state: "shelved", shelved_until: body.until } : { state: "active", shelved_until: null });
    }
    if (root === "notifications") { if (id === "read") { notices = notices.map((one) => ({ ...one, read: one.read || body.ids.includes(one.id) })); return { read: body.ids.length }; } return { items: notices, next: null, unread: notices.filter((one) => !one.read).length }; }
    if (root === "suggestions") {
      if (id === undefined) return { items: suggestions };
      const one = suggestions.find((suggestion) => suggestion.id === id);
      const live = sub === "accept" && one.state === "shadow";
      one.state = { accept: "accepted", shadow: "shadow", dismiss: "dismissed" }[sub];
      return sub === "accept" ? { ...one, rule: "hall-light", rule_state: live ? "live" : "shadow" } : one;
    }
    if (root === "ask") return ask(body.text);
    if (root === "settings" && id === "place") return { time_zone: "Europe/Berlin", latitude: 52.5, longitude: 13.4, chosen: true };
    if (root === "plans") return { plan: id, results: [{ thing: "hall-lamp", name: "on", at: null, command: null, timed: null, error: null }] };
    return undefined;
  }

  const server = await startMindServer({ things, rooms, more });
  return { ...server, rules, scenes, alarms, suggestions, notices: () => notices };
}
