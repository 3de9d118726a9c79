// Recordings, lists of orders, plans and floors: what is read is what was written, and what cannot be read is said.
import assert from "node:assert/strict";
import { test } from "node:test";
import { closedRuns, fit, placeNames, toFloor, zoomAt, type Drawing } from "../../src/floor/drawing.ts";
import { clockText, Recording, standing } from "../../src/floor/frames.ts";
import { curves, readValues } from "../../src/pages/runs/sweep.ts";
import { readOrders, writeOrders } from "../../src/pages/scenario/orders.ts";

type Place = [x: number, y: number, heading: number, doing: number];

/** The bytes of a recording, as the server writes them. */
function recorded(frames: [second: number, robots: Place[]][], version = 1): ArrayBuffer {
  const buffer = new ArrayBuffer(frames.reduce((bytes, [, robots]) => bytes + 20 + robots.length * 12, 0));
  const view = new DataView(buffer);
  let at = 0;
  for (const [second, robots] of frames) {
    view.setFloat64(at, second, true);
    view.setUint32(at + 8, 8 + robots.length * 12, true);
    view.setUint8(at + 12, version);
    view.setUint32(at + 16, robots.length, true);
    at += 20;
    for (const [x, y, heading, doing] of robots) {
      view.setFloat32(at, x, true);
      view.setFloat32(at + 4, y, true);
      view.setUint8(at + 8, heading);
      view.setUint8(at + 9, doing);
      view.setUint16(at + 10, 755, true);
      at += 12;
    }
  }
  return buffer;
}

test("robots are between two frames where time is, and turn the short way", () => {
  const recording = new Recording(recorded([[0, [[1, 1, 3, 1]]], [2, [[3, 1, 0, 1]]]]));
  const moment = recording.makeMoment();
  recording.fill(1, moment);
  assert.deepEqual([moment.count, moment.x[0], moment.y[0], moment.heading[0], moment.doing[0], moment.battery[0]], [1, 2, 1, 3.5, 1, 755]);
  recording.fill(99, moment);
  assert.equal(moment.x[0], 3);
});

test("frames that are far apart are not joined by a line through shelves", () => {
  const recording = new Recording(recorded([[0, [[0, 0, 0, 1]]], [16, [[9, 9, 0, 1]]]]));
  const moment = recording.makeMoment();
  recording.fill(8, moment);
  assert.deepEqual([moment.x[0], recording.gap], [0, 16]);
});

test("a recording that is cut off or of another version keeps what can be read", () => {
  const whole = recorded([[0, [[0, 0, 0, 0]]], [1, [[1, 0, 0, 0]]]]);
  assert.equal(new Recording(whole.slice(0, whole.byteLength - 1)).frames, 1);
  assert.equal(new Recording(recorded([[0, []]], 2)).frames, 0);
  assert.equal(new Recording(new ArrayBuffer(5)).frames, 0);
});

test("only who is on the way and stands still counts as congestion", () => {
  const heat = standing(new Recording(recorded([[0, [[1, 1, 0, 1], [5, 5, 0, 2], [7, 7, 0, 1]]], [3, [[1, 1, 0, 1], [5, 5, 0, 2], [8, 7, 0, 1]]], [4, [[1, 1, 1, 1], [5, 5, 0, 2], [9, 7, 0, 1]]]])));
  assert.deepEqual(heat, { spots: [{ x: 1, y: 1, seconds: 3 }], most: 3 });
  assert.equal(clockText(3723.9), "1:02:03");
});

const drawing = { bounds: [0, 0, 4, 2], cell_metres: 1, columns: 4, rows: ["@@.@", "...."], places: 5, ways: [], stations: [{ id: "pick-1", kind: "picking", at: [[0.5, 0.5]], queue: [] }], storages: [], chargers: [], parkings: [], warnings: [] } satisfies Drawing;

test("a floor fits, zooms around a point, and its places have names", () => {
  assert.deepEqual(closedRuns(drawing.rows), [{ row: 0, from: 0, to: 2 }, { row: 0, from: 3, to: 4 }]);
  const view = fit(drawing, 400, 200, 0);
  assert.deepEqual(toFloor(view, 0, 0, 400, 200), [0, 2]);
  const closer = zoomAt(view, 2, 100, 50, 400, 200);
  assert.deepEqual(toFloor(closer, 100, 50, 400, 200), toFloor(view, 100, 50, 400, 200));
  const name = placeNames(drawing);
  assert.deepEqual([name(0.5, 0.5), name(2.5, 1.5)], ["pick-1", "r0c2"]);
});

test("orders are read with and without a head, and every bad row is named by its line", () => {
  const read = readOrders('from;to;second;due\nshelf;"pick;1";5;900\n\nshelf;pick;x;\nshelf;pick;9;3\n');
  assert.deepEqual(read.rows, [{ second: 5, from: "shelf", to: "pick;1", priority: 0, due: 900 }]);
  assert.deepEqual(read.problems.map(({ line, problem }) => [line, problem]), [[4, "second"], [5, "due_early"]]);
  const bare = readOrders("0,a,b,1,60\r\n1,a\r\n2,a,b,1.5\r\n-3,a,b");
  assert.deepEqual(bare.problems.map(({ line, problem }) => [line, problem]), [[2, "columns"], [3, "priority"], [4, "second"]]);
  assert.deepEqual(readOrders(writeOrders(bare.rows)).rows, bare.rows);
});

test("values are read as lists and ranges", () => {
  assert.deepEqual(readValues("10, 20,30"), [10, 20, 30]);
  assert.deepEqual(readValues("10-30/10, 35"), [10, 20, 30, 35]);
  assert.deepEqual(readValues("0.5 to 0.7 by 0.1"), [0.5, 0.6, 0.7]);
  assert.deepEqual([readValues("ten"), readValues(""), readValues("1-9999999")], [null, null, null]);
});

test("a plan's candidates become curves", () => {
  const summary = (mean: number) => ({ mean, half_width: 1, minimum: mean, maximum: mean, seeds: 3 });
  const ranked = [[30, 80], [10, 50], [20, 90]].map(([robots, mean]) => ({ candidate: { values: [robots] }, kpis: { orders: summary(mean ?? 0) }, findings: [] }));
  const plan = { request: { vary: [{ place: "/world/robots/count", values: [10, 20, 30] }] }, found: { ranked } } as unknown as Parameters<typeof curves>[0];
  const made = curves(plan, "orders", () => "");
  assert.deepEqual(made.curves[0]?.points.map((point) => point.x), [10, 20, 30]);
});
