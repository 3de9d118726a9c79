// The pictures of the energy pages: what flows is as wide as it is strong, and what a plan has devices do adds up.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Course } from "../../src/api/home.ts";
import { clock, minuteOf, parts, reasonAt, stack, stepAt, ticks } from "../../src/pages/energy/plan.ts";
import { layOut } from "../../src/pages/energy/sankey.ts";

const size = { width: 600, bar: 5, label: 100, row: 40, gap: 8, most: 200 };

test("ribbons are as wide as what flows, and both sides meet the home within its bar", () => {
  const picture = layOut([{ from: "sun", to: "home", watts: 3000 }, { from: "grid", to: "home", watts: 1000 }, { from: "home", to: "car", watts: 4000 }], size);
  assert.deepEqual(picture.bars.map((bar) => [bar.id, bar.side, bar.height]), [["sun", "left", 150], ["grid", "left", 50], ["car", "right", 200]]);
  assert.equal(picture.home.height, 200);
  const [sun, grid] = picture.bars;
  assert.ok(sun && grid && sun.y + sun.height + size.gap <= grid.y + 1e-9, "bars do not lie on each other");
  assert.ok(picture.bars.every((bar) => bar.y >= 0 && bar.y + bar.height <= picture.height + 1e-9));
});

test("a trickle is still seen and has room for its words; nothing at all is no picture of negative size", () => {
  const picture = layOut([{ from: "grid", to: "home", watts: 9000 }, { from: "home", to: "rest", watts: 8995 }, { from: "home", to: "lamp", watts: 5 }], size);
  assert.equal(picture.bars.find((bar) => bar.id === "lamp")?.height, 2);
  assert.ok(picture.height >= 200 + 40);
  assert.deepEqual([layOut([], size).bars.length, layOut([], size).height], [0, 40]);
});

const course = {
  start: 0, step_seconds: 900, load_watts: [400, 300, 2], solar_watts: [0, 1000, 0], grid_watts: [400, -300, 1502],
  devices: [{ thing: "battery", watts: [0, 400, -500], reasons: [{ from: 1, to: 3, words: "because" }] }, { thing: "car", watts: [0, 0, 2000], reasons: [] }],
} as unknown as Course;

test("powers are stacked away from zero", () => {
  const { boxes, low, high } = stack(parts(course), 3);
  assert.deepEqual([low, high], [-1000, 2000]);
  assert.deepEqual(boxes.filter((box) => box.step === 1).map((box) => [box.id, box.from, box.to]), [["load", 0, 300], ["solar", 0, -1000], ["battery", 300, 700]]);
  assert.deepEqual(boxes.filter((box) => box.step === 2).map((box) => box.id), ["battery", "car"], "two watts are not drawn");
});

test("a moment finds its step, also before and behind the plan, and a step its reason", () => {
  assert.deepEqual([-1, 0, 900e6, 1799e6, 9e12].map((moment) => stepAt(course, moment)), [0, 0, 1, 1, 2]);
  assert.deepEqual([0, 1, 2].map((step) => reasonAt(course.devices[0]!, step)), [null, "because", "because"]);
});

test("ticks are round and times of day go both ways", () => {
  assert.deepEqual(ticks(0, 0.42, 3), [0, 0.2, 0.4]);
  assert.deepEqual(ticks(-3.2, 5, 4), [0, 5]);
  assert.deepEqual([clock(450), clock(1440), minuteOf("07:30"), minuteOf("00:00")], ["07:30", "00:00", 450, 0]);
});
