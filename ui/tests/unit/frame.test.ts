// The decoder of live frames, against frames built byte by byte from the contract.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeFrame, FrameError } from "../../src/live/frame.ts";

class Bytes {
  #parts: number[] = [];
  u8(value: number): this { this.#parts.push(value); return this; }
  #view(size: number, write: (view: DataView) => void): this { const buffer = new ArrayBuffer(size); write(new DataView(buffer)); this.#parts.push(...new Uint8Array(buffer)); return this; }
  u16(value: number): this { return this.#view(2, (view) => view.setUint16(0, value, true)); }
  u32(value: number): this { return this.#view(4, (view) => view.setUint32(0, value, true)); }
  i64(value: bigint): this { return this.#view(8, (view) => view.setBigInt64(0, value, true)); }
  f64(value: number): this { return this.#view(8, (view) => view.setFloat64(0, value, true)); }
  short(text: string): this { const bytes = new TextEncoder().encode(text); this.u16(bytes.length); this.#parts.push(...bytes); return this; }
  long(text: string): this { const bytes = new TextEncoder().encode(text); this.u32(bytes.length); this.#parts.push(...bytes); return this; }
  head(type: number, count: number): this { return this.u8(1).u8(type).i64(4711n).i64(1_700_000_000_000_000n).u32(count); }
  record(thing: string, name: string): this { return this.i64(4711n).i64(1_700_000_000_000_001n).i64(1_700_000_000_000_002n).u8(0).u8(1).u8(2).short(thing).short(name).short("evening"); }
  done(): ArrayBuffer { return new Uint8Array(this.#parts).buffer; }
}

test("a heartbeat carries the newest position and the server's time", () => {
  assert.deepEqual(decodeFrame(new Bytes().head(2, 0).done()), { type: "heartbeat", newest: 4711, time: 1_700_000_000_000_000, records: [] });
});

test("a record keeps its cause, quality and name, in any script", () => {
  const [record] = decodeFrame(new Bytes().head(1, 1).record("등-거실", "밝기").u8(4).f64(21.5).done()).records;
  assert.deepEqual(record, { position: 4711, time: 1_700_000_000_000_001, received: 1_700_000_000_000_002, kind: "property", quality: "uncertain", cause: { kind: "rule", id: "evening" }, thing: "등-거실", name: "밝기", value: 21.5 });
});

test("every value tag is read", () => {
  const values: [unknown, (bytes: Bytes) => Bytes][] = [
    [null, (bytes) => bytes.u8(0)], [false, (bytes) => bytes.u8(1)], [true, (bytes) => bytes.u8(2)], [-7, (bytes) => bytes.u8(3).i64(-7n)],
    [0.1, (bytes) => bytes.u8(4).f64(0.1)], ["heat", (bytes) => bytes.u8(5).long("heat")], [{ red: 1 }, (bytes) => bytes.u8(6).long('{"red":1}')],
  ];
  const bytes = new Bytes().head(1, values.length);
  for (const [, write] of values) write(bytes.record("a", "b"));
  assert.deepEqual(decodeFrame(bytes.done()).records.map((record) => record.value), values.map(([value]) => value));
});

test("what is cut short, too long or of another version is refused", () => {
  const whole = new Bytes().head(1, 1).record("a", "b").u8(2).done();
  for (let length = 0; length < whole.byteLength; length += 1) assert.throws(() => decodeFrame(whole.slice(0, length)), FrameError);
  assert.throws(() => decodeFrame(new Bytes().u8(2).u8(0).i64(0n).i64(0n).u32(0).done()), FrameError);
  assert.throws(() => decodeFrame(new Bytes().head(0, 0).u8(9).done()), FrameError);
  assert.throws(() => decodeFrame(new Bytes().head(1, 1).record("a", "b").u8(99).done()), FrameError);
});
