// The floor editor: what is drawn, moved, copied and taken back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { drawingOf, type FloorDocument } from "../../src/floor/document.ts";
import { LiveFrames } from "../../src/floor/live.ts";
import { clear, copy, move, paste } from "../../src/pages/editor/clip.ts";
import * as edits from "../../src/pages/editor/edits.ts";
import { locate } from "../../src/pages/editor/faults.ts";
import { Steps, stepsMost } from "../../src/pages/editor/history.ts";

const rowsOf = (floor: FloorDocument) => ("grid" in floor.ground ? floor.ground.grid.rows : []);
const hall = () => edits.addPlaces(edits.addPlaces(edits.paint(edits.newGrid("hall", 4, 6), [[1, 1], [1, 2]], false), "station", ["r0c0"]), "storage", ["r2c1", "r2c2"]);

test("cells are closed and opened, and what stood on a closed one is gone", () => {
  const floor = hall();
  assert.deepEqual(rowsOf(floor), ["......", ".@@...", "......", "......"]);
  assert.deepEqual(floor.storages, [{ id: "storage-1", node: "r2c1" }, { id: "storage-2", node: "r2c2" }]);
  const closed = edits.paint(floor, [[2, 1], [0, 0], [9, 9]], false);
  assert.deepEqual([closed.storages?.length, closed.stations?.length, rowsOf(closed)[2]], [1, 0, ".@...."]);
  assert.deepEqual(rowsOf(edits.addPlaces(closed, "charger", ["r1c1"]))[1], "..@...");
  assert.equal(edits.paint(floor, [[3, 3]], true), floor);
});

test("ids are never given twice, and a name that is taken is not taken again", () => {
  const floor = edits.remove(edits.addPlaces(hall(), "storage", ["r3c3"]), { kind: "storage", id: "storage-1" });
  assert.deepEqual(edits.addPlaces(floor, "storage", ["r3c4"]).storages?.map((one) => one.id), ["storage-2", "storage-3", "storage-4"]);
  assert.equal(edits.change(floor, { kind: "storage", id: "storage-2" }, { id: "storage-3" }), floor);
  assert.equal(edits.change(floor, { kind: "storage", id: "storage-2" }, { id: "bin" }).storages?.[0]?.id, "bin");
});

test("a moved area takes everything along and leaves an aisle", () => {
  const lane = edits.addLane(hall(), [2, 1], [2, 3], "east");
  const area = edits.areaOf(1, 1, 4, 3);
  const floor = move(lane, area, 2, 1);
  assert.deepEqual(rowsOf(floor), ["...@@.", "......", "......", "......"]);
  assert.deepEqual(floor.storages, [{ id: "storage-1", node: "r1c3" }, { id: "storage-2", node: "r1c4" }]);
  assert.deepEqual("grid" in floor.ground && floor.ground.grid.lanes, [{ from: [1, 3], to: [1, 5], direction: "east" }]);
});

test("a copy has ids of its own, and what lies outside is left out", () => {
  const clip = copy(hall(), edits.areaOf(0, 0, 3, 3));
  const floor = paste(hall(), clip, 4, 1);
  assert.deepEqual(rowsOf(floor), [".....@", ".@@...", "......", "......"]);
  assert.deepEqual(floor.storages?.slice(2), [{ id: "storage-3", node: "r1c5" }]);
  assert.deepEqual(clear(hall(), edits.areaOf(0, 0, 6, 4)).storages, []);
});

test("rows and columns come and go on every side, and everything stays where it is in metres", () => {
  const before = drawingOf(hall());
  const floor = edits.resize(hall(), 1, -2, 2, 1);
  const after = drawingOf(floor);
  assert.deepEqual([after.bounds, after.columns, after.rows.length], [[-1, -2, 4, 5], 5, 7]);
  assert.deepEqual(after.storages.map((one) => one.at), before.storages.map((one) => one.at));
  assert.deepEqual(after.stations[0]?.at, before.stations[0]?.at);
  assert.equal(edits.resize(hall(), -4, 0, 0, 0).version, 1);
  assert.deepEqual(edits.resize(hall(), 0, 0, -2, 0).storages, []);
});

test("ways join nodes, a node takes its ways with it, and a copy is joined like the first", () => {
  let floor = edits.newGraph("yard");
  const made = [0, 4, 8].map((x) => { const added = edits.addNode(floor, x, 0); floor = added.floor; return added.id; });
  const [a = "", b = "", c = ""] = made;
  floor = edits.addEdges(edits.addEdges(floor, a, b, true), b, c, false);
  assert.equal(edits.addEdges(floor, a, b, true), floor);
  assert.deepEqual(drawingOf(floor).ways.length, 3);
  const twice = paste(floor, copy(floor, edits.areaOf(-1, -1, 5, 1)), 0, 10);
  assert.deepEqual("graph" in twice.ground && [twice.ground.graph.nodes.length, twice.ground.graph.edges.length], [5, 5]);
  assert.deepEqual(drawingOf(edits.removeNodes(floor, new Set([b]))).ways, []);
  const renamed = edits.change(floor, { kind: "node", id: b }, { id: "gate" });
  assert.deepEqual(drawingOf(renamed).ways.length, 3);
  assert.deepEqual(drawingOf(move(floor, edits.areaOf(3, -1, 5, 1), 0, 2)).ways[0], [0, 0, 4, 2]);
});

test("walls and doors stand between neighbours, and a wall goes when it is drawn again", () => {
  const floor = edits.toggleWall(edits.addDoor(hall(), "r3c0", "r3c1"), [0, 4], [0, 5]);
  assert.deepEqual("grid" in floor.ground && floor.ground.grid.walls, [{ a: [0, 4], b: [0, 5] }]);
  assert.deepEqual(edits.itemsIn(floor, edits.areaOf(5, 3, 6, 4)).map((item) => item.kind), ["wall"]);
  assert.deepEqual(edits.itemsIn(floor, edits.areaOf(0, 0, 1, 1)).map((item) => item.id), ["door-1"]);
  const undone = edits.toggleWall(floor, [0, 5], [0, 4]);
  assert.deepEqual("grid" in undone.ground && undone.ground.grid.walls, []);
});

test("a fault is where it says it is", () => {
  const at = (place: string, problem = "") => locate(hall(), { severity: "error", place, problem, hint: "" }).at;
  assert.deepEqual(at("station station-1", "it has no buffer"), [[0.5, 3.5]]);
  assert.deepEqual(at("/floor storage storage-2"), [[2.5, 1.5]]);
  assert.deepEqual(at("station station-1", "r3c5 cannot be reached"), [[5.5, 0.5]]);
  assert.deepEqual(at("floor", "3 of 9 nodes"), []);
});

test("steps go back and forth, and the oldest are forgotten", () => {
  const steps = new Steps<number>();
  for (let step = 0; step < stepsMost + 5; step += 1) steps.add(step);
  assert.equal(steps.undo(99), stepsMost + 4);
  assert.equal(steps.redo(stepsMost + 4), 99);
  let count = 0;
  for (let now: number | null = 1; now !== null; count += 1) now = steps.undo(now);
  assert.equal(count - 1, stepsMost);
  steps.add(1);
  assert.equal(steps.canRedo, false);
});

/** A frame as the server sends it. */
function frame(robots: [x: number, y: number, heading: number, doing: number][]): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(8 + robots.length * 12));
  view.setUint8(0, 1);
  view.setUint32(4, robots.length, true);
  for (const [index, [x, y, heading, doing]] of robots.entries()) {
    view.setFloat32(8 + index * 12, x, true);
    view.setFloat32(12 + index * 12, y, true);
    view.setUint8(16 + index * 12, heading);
    view.setUint8(17 + index * 12, doing);
    view.setUint16(18 + index * 12, 500, true);
  }
  return view.buffer as ArrayBuffer;
}

test("live robots glide to where they are, jump where they cannot have driven, and standing in the way is seen", () => {
  const frames = new LiveFrames();
  frames.take(frame([[0, 0, 3, 1], [5, 5, 0, 1]]), 1000);
  frames.take(frame([[1, 0, 0, 1], [50, 5, 0, 0]]), 1200);
  assert.deepEqual([frames.shown.x[0], frames.shown.x[1], frames.counts.slice(0, 2)], [0, 50, [1, 1]]);
  assert.ok(frames.advance(1300));
  assert.ok(frames.shown.x[0]! > 0.2 && frames.shown.x[0]! < 0.8 && frames.shown.heading[0]! > 3);
  assert.equal(frames.advance(3000), false);
  assert.equal(frames.shown.x[0], 1);
  for (let time = 3000; time < 8000; time += 500) frames.take(frame([[1, 0, 0, 1]]), time);
  const { spots } = frames.heat();
  assert.deepEqual([spots.length, spots[0]?.x], [1, 1]);
  assert.equal(frames.take(new ArrayBuffer(4), 9000), false);
  assert.equal(frames.take(frame([[1, 1, 0, 1]]).slice(0, 12), 9000), false);
});
