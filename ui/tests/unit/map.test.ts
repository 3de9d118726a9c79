// The pure parts of the map: addresses, rectangles, what lies inside, another moment, alarms, and a style that MapLibre accepts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { validateStyleMin } from "@maplibre/maplibre-gl-style-spec";
import type { Alarm } from "../../src/api/rules.ts";
import { layers, mapStyle, nowLayers, pastLayers, pressable } from "../../src/map/style.ts";
import { around, boxOf, boxText, contains, isInBox, readNear, readView, ring, writeNear, writeView } from "../../src/map/view.ts";
import { map as words } from "../../src/messages/map.ts";
import { choicesOf, pastOf } from "../../src/pages/map/past.ts";
import { attentionOf, tonesOf } from "../../src/pages/map/tones.ts";

test("a view and a place in the address are read back as they were written, and nonsense is nothing", () => {
  const view = { longitude: 126.9085, latitude: 37.5555, zoom: 16.5 };
  assert.deepEqual(readView(writeView(view)), view);
  const near = { longitude: 126.908512, latitude: -37.5555, metres: 250 };
  assert.deepEqual(readNear(writeNear(near)), near);
  for (const text of [null, "", "1,2", "1,2,3,4", "181,0,5", "0,91,5", "0,0,23", "a,b,c", ",,", "0,0,-1"]) assert.equal(readView(text), null, `${text}`);
  for (const text of ["0,0,0", "0,0,100001", "0,0,"]) assert.equal(readNear(text), null, text);
});

test("rectangles are found around shapes of any depth, joined, and cut at the edge of the world", () => {
  const line = { geometry: { coordinates: [[1, 2], [3, -4]] } };
  const area = { geometry: { coordinates: [[[[10, 10], [11, 10], [11, 12], [10, 10]]]] } };
  assert.deepEqual(boxOf([line, area]), [1, -4, 11, 12]);
  assert.equal(boxOf([]), null);
  assert.deepEqual(around([null, [0, 0, 1, 1], [-1, 0.5, 0.5, 3]]), [-1, 0, 1, 3]);
  assert.equal(around([null]), null);
  assert.equal(boxText([-200, -91, 200, 12.34567891]), "-180.000000,-90.000000,180.000000,12.345679");
});

test("inside is inside the outer ring and outside the holes, whichever way rings turn", () => {
  const outer = [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]];
  const hole = [[4, 4], [4, 6], [6, 6], [6, 4], [4, 4]];
  const at = (longitude: number, latitude: number) => ({ longitude, latitude });
  for (const coordinates of [[outer, hole], [outer.toReversed(), hole.toReversed()]]) {
    assert.ok(contains({ type: "Polygon", coordinates }, at(2, 2)));
    assert.ok(!contains({ type: "Polygon", coordinates }, at(5, 5)));
    assert.ok(!contains({ type: "Polygon", coordinates }, at(11, 5)));
    assert.ok(contains({ type: "MultiPolygon", coordinates: [[[[20, 20], [21, 20], [21, 21], [20, 20]]], coordinates] }, at(9, 1)));
  }
  assert.ok(!contains({ type: "LineString", coordinates: outer }, at(2, 2)));
  assert.ok(isInBox([0, 0, 1, 1], at(1, 0)) && !isInBox([0, 0, 1, 1], at(1.1, 0)));
});

test("a ring of metres is closed and as wide as it is tall on the ground", () => {
  const drawn = ring({ longitude: 127, latitude: 60, metres: 1000 });
  assert.deepEqual(drawn[0], drawn.at(-1)?.map((value, axis) => (Math.abs(value - (drawn[0]?.[axis] ?? 0)) < 1e-9 ? drawn[0]?.[axis] : value)));
  const [wide, tall] = [0, 1].map((axis) => Math.max(...drawn.map((point) => point[axis] ?? 0)) - Math.min(...drawn.map((point) => point[axis] ?? 0)));
  assert.ok(Math.abs((wide ?? 0) * Math.cos(Math.PI / 3) - (tall ?? 0)) < 1e-3 * (tall ?? 0), "at 60 degrees a degree of longitude is half as long");
});

const headline = (name: string, value: unknown, unit: string | null = "watt") => ({ name, title: name, unit, value, decimals: null, writable: false, time: 1 });
const thing = (id: string, ...primary: ReturnType<typeof headline>[]) => ({ id, title: id, primary, location: { longitude: 1, latitude: 2 } });

test("what most things tell as a number is offered first, and a name in two units is two choices", () => {
  const things = [thing("a", headline("power", 5)), thing("b", headline("power", 5), headline("level", 1, "percent")), thing("c", headline("power", 5, "kilowatt")), thing("d", headline("state", "on", null))];
  assert.deepEqual(choicesOf(things).map(({ name, unit, count }) => [name, unit, count]), [["power", "watt", 2], ["level", "percent", 1], ["power", "kilowatt", 1]]);
});

test("a value of then lies between the least and the most in view, and what is not known says so", () => {
  const things = [thing("a", headline("power", 5)), thing("b", headline("power", 5)), thing("c", headline("power", 5)), thing("other", headline("power", 5, "kilowatt")), { ...thing("nowhere", headline("power", 5)), location: null }];
  const then = (id: string, value: unknown) => ({ thing: id, name: "power", time: 1, value });
  const [choice] = choicesOf(things);
  assert.ok(choice);
  const past = pastOf(things, [then("a", 10), then("b", 30), then("other", 1000), then("nowhere", -5)], choice, (value) => `${value}`);
  assert.deepEqual(past.points.map(({ id, share, text }) => [id, share, text]), [["a", 0, "10"], ["b", 1, "30"], ["c", null, "null"]]);
  assert.deepEqual([past.least, past.most, past.known], [10, 30, 2]);
  assert.equal(pastOf(things, [then("a", 10)], choice, String).points[0]?.share, 0.5, "one value alone is neither least nor most");
});

test("the loudest alarm of a thing counts, and what the site says already is not said twice", () => {
  const alarm = (thing: string | null, severity: Alarm["severity"], name = "Dark") => ({ thing, severity, name, message: "m" }) as Alarm;
  assert.deepEqual([...tonesOf([alarm("a", "warning"), alarm("a", "alarm"), alarm("a", "notice"), alarm("b", "notice"), alarm(null, "alarm")])], [["a", "red"], ["b", "amber"]]);
  const said = [{ thing: "a", title: "Dark", text: "m", level: "red" as const }];
  assert.equal(attentionOf(said, [alarm("a", "alarm"), alarm("b", "alarm"), alarm("b", "warning", "Hot")], new Set(["a", "b"])).length, 3);
});

test("the style is one that MapLibre accepts, fetches nothing but tiles, and knows every layer it is asked for", () => {
  const style = mapStyle({ "--ink": "rgb(0, 0, 0)" }, "http://localhost/{z}/{x}/{y}");
  assert.deepEqual(validateStyleMin(style).map((error) => error.message), []);
  assert.ok(!("glyphs" in style) && !("sprite" in style));
  const known = new Set(layers({}).map((layer) => layer.id));
  assert.deepEqual([...pressable, ...nowLayers, ...pastLayers].filter((name) => !known.has(name)), []);
});

test("every word of the map has both languages, with the same places to fill", () => {
  const places = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
  for (const [key, [english, korean]] of Object.entries(words)) {
    assert.ok(english && korean, key);
    if (!english.includes("|")) assert.deepEqual(places(korean), places(english), key);
  }
});
