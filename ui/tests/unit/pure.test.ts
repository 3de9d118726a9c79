// The pure parts: formats, spans and zoom, settling, shaping of history, ids, recipes, backoff, and the catalogue.
import assert from "node:assert/strict";
import { test } from "node:test";
import { shapeNumbers, shapeStates, summarise, tableRows } from "../../src/charts/data.ts";
import { booleanSort, fittingDecimals, formatAge, formatBytes, formatDuration, formatValue, humanName, humanValue, unitSign } from "../../src/lib/format.ts";
import { identifierFrom } from "../../src/lib/identifiers.ts";
import { httpLine, mqttLine } from "../../src/lib/recipes.ts";
import { judge, same } from "../../src/lib/settle.ts";
import { lengthOf, pan, readStretch, refreshEvery, shortest, zoom } from "../../src/lib/spans.ts";
import { backoff } from "../../src/live/backoff.ts";
import { messages } from "../../src/messages/index.ts";
import { parametersOf } from "../../src/pages/fleet/parameters.ts";

const words = { on: "On", off: "Off" };

test("numbers show their model's decimals, or about three figures", () => {
  assert.equal(formatValue(21.456, "en", words, 1), "21.5");
  assert.equal(formatValue(1234.56, "en", words), "1,235");
  assert.equal(formatValue(21.456, "en", words), "21.5");
  assert.equal(fittingDecimals(0.0123), 3);
  assert.equal(formatValue(Number.NaN, "en", words), "—");
  assert.equal(formatValue(null, "ko", words), "—");
  assert.equal(formatValue(true, "en", words), "On");
});

test("units, names and booleans are said in plain words", () => {
  assert.equal(unitSign("celsius"), "°C");
  assert.equal(unitSign("kWh"), "kWh");
  assert.equal(unitSign(null), "");
  assert.equal(humanName("targetTemperature"), "Target temperature");
  assert.equal(humanName("color_temp"), "Color temp");
  assert.deepEqual(["docked", "not_charging", "AUTOMATIC", "r3c1", "order-81", "Living room", ""].map(humanValue), ["Docked", "Not charging", "Automatic", "r3c1", "order-81", "Living room", "—"]);
  assert.equal(humanName("ev_charger"), "EV charger");
  assert.equal(humanName("current_ac"), "Current AC");
  assert.equal(booleanSort("window_open"), "opening");
  assert.equal(booleanSort("locked"), "lock");
  assert.equal(booleanSort("battery_low"), "fault");
  assert.equal(booleanSort("state"), "switch");
});

test("ages, durations and sizes take the largest unit that fits", () => {
  assert.equal(formatAge(12_900_000, "en"), "12 sec");
  assert.equal(formatAge(-5, "en"), "0 sec");
  assert.equal(formatAge(7_300_000_000, "en"), "2 hr");
  assert.equal(formatDuration(90_061, "en"), "1 day 1 hr");
  assert.equal(formatBytes(41_220_331, "en"), "41 MB");
});

test("a stretch comes from the address, else from its span", () => {
  const now = 1_700_000_000_000_000;
  assert.deepEqual(readStretch(new URLSearchParams("span=1h"), now), { from: now - lengthOf("1h"), to: now, span: "1h" });
  assert.deepEqual(readStretch(new URLSearchParams("from=10&to=20"), now), { from: 10, to: 20, span: null });
  assert.equal(readStretch(new URLSearchParams("from=30&to=20&span=nonsense"), now).span, "24h");
});

test("zoom keeps the moment under the pointer and stays within its bounds", () => {
  const now = 1_700_000_000_000_000;
  const stretch = { from: now - 1_000_000_000, to: now };
  const closer = zoom(stretch, 0.5, now - 250_000_000, now);
  assert.equal(closer.to - closer.from, 500_000_000);
  assert.equal((now - 250_000_000 - closer.from) / (closer.to - closer.from), 0.75);
  assert.equal(zoom(stretch, 1e-9, now - 5, now).to - zoom(stretch, 1e-9, now - 5, now).from, shortest);
  assert.ok(pan(stretch, 50, now).from < now);
  assert.equal(refreshEvery({ from: 0, to: lengthOf("1h") }, 900), 4000);
  assert.equal(refreshEvery({ from: 0, to: lengthOf("5y") }, 900), 60_000);
});

test("a change settles, waits while it fades, differs, or goes unanswered", () => {
  const base = { wanted: 40, patience: 10_000 };
  assert.equal(judge({ ...base, reported: undefined, waited: 10 }), "pending");
  assert.equal(judge({ ...base, reported: 40, waited: 10 }), "settled");
  assert.equal(judge({ ...base, reported: 20, waited: 500 }), "pending");
  assert.equal(judge({ ...base, reported: 20, waited: 3000 }), "different");
  assert.equal(judge({ ...base, reported: undefined, waited: 10_001 }), "silent");
  assert.ok(same(0.1 + 0.2, 0.3));
  assert.ok(same({ a: 1 }, { a: 1 }));
  assert.ok(!same(true, "true"));
});

const columns = ["time", "min", "max", "first", "last", "mean", "count"];
const bucket = (second: number, mean: number) => [second * 1e6, mean - 1, mean + 1, mean, mean, mean, 5];

test("silence much longer than usual is a hole in the line", () => {
  const series = { thing: "a", name: "b", type: "number" as const, unit: null, columns, points: [...Array.from({ length: 220 }, (_, index) => bucket(index, index)), bucket(900, 7)] };
  const shaped = shapeNumbers(series);
  assert.equal(shaped.times.length, 222);
  assert.equal(shaped.mean[220], null);
  assert.deepEqual(summarise(shaped), { latest: 7, low: -1, high: 220, mean: (24_090 + 7) / 221 });
  assert.equal(shapeNumbers({ ...series, points: series.points.slice(200) }).mean.includes(null), false);
});

test("states and numbers share one table, newest first", () => {
  const numbers = { thing: "a", name: "b", type: "number" as const, unit: null, columns, points: [bucket(1, 10), bucket(3, 12)] };
  const states = { thing: "a", name: "c", type: "boolean" as const, unit: null, columns: ["time", "value"], points: [[1e6, true], [2e6, false]] };
  assert.deepEqual(shapeStates(states).values, [true, false]);
  const summed = { ...states, columns: ["time", "last"], points: [[1e6, 0], [2e6, 0], [3e6, 1], [4e6, 1], [5e6, 0]] };
  assert.deepEqual(shapeStates(summed), { kind: "states", times: [1, 3, 5], values: [false, true, false] });
  assert.deepEqual(tableRows([numbers, states], 10).map((row) => [row.time, row.values[0], row.values[1]]), [[3e6, 12, undefined], [2e6, undefined, false], [1e6, 10, true]]);
  assert.equal(tableRows([numbers, states], 2).length, 2);
});

test("ids fit into a topic whatever the title", () => {
  assert.equal(identifierFrom("Kitchen  Lamp #2"), "kitchen-lamp-2");
  assert.equal(identifierFrom("Café"), "cafe");
  assert.match(identifierFrom("거실 등"), /^thing-[a-z0-9]{4}$/);
});

test("lines to paste survive a shell", () => {
  const place = { host: "manmul.local", mqttPort: 1883, origin: "http://manmul.local:8080" };
  const login = { thing: "lamp", username: "lamp", secret: "it's $ecret" };
  assert.equal(mqttLine(place, login, "temperature", "21.5"), "mosquitto_pub -h manmul.local -p 1883 -u lamp -P 'it'\\''s $ecret' -t things/lamp/properties/temperature -m 21.5");
  assert.ok(httpLine(place, login, "temperature", "21.5").includes(`-d '{"temperature":21.5}' http://manmul.local:8080/api/v1/ingest/things/lamp`));
});

test("attempts to reconnect grow further apart, up to a limit", () => {
  assert.equal(backoff(0, () => 1), 400);
  assert.equal(backoff(3, () => 1), 3200);
  assert.equal(backoff(50, () => 1), 15_000);
  assert.equal(backoff(50, () => 0), 7500);
});

test("both languages of a message have the same blanks", () => {
  const blanks = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
  for (const [key, [english, korean]] of Object.entries(messages)) {
    assert.ok(english.length > 0 && korean.length > 0, key);
    assert.deepEqual(blanks(korean), blanks(english), key);
  }
});

test("parameters are sent as what they look like, and rows without a key are left out", () => {
  const rows = [["zone", "A 1"], ["lift", "0.35"], ["slow", "true"], ["code", "007"], [" ", "x"], ["none", ""]].map(([key = "", value = ""]) => ({ key, value }));
  assert.deepEqual(parametersOf(rows), { zone: "A 1", lift: 0.35, slow: true, code: "007", none: "" });
});
