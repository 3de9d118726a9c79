// Decodes the binary frames of the live WebSocket (version 1, little endian). Pure, so that it can be tested byte by byte.

export type FrameType = "hello" | "records" | "heartbeat" | "gap";
export type LiveKind = "property" | "event" | "action" | "presence" | "decision" | "insight";
export type LiveQuality = "good" | "uncertain" | "bad";
export type LiveCauseKind = "device" | "user" | "rule" | "policy" | "import" | "system" | "token";

export interface LiveRecord {
  position: number;
  time: number;
  received: number;
  kind: LiveKind;
  quality: LiveQuality;
  cause: { kind: LiveCauseKind; id: string };
  thing: string;
  name: string;
  value: unknown;
}

export interface Frame {
  type: FrameType;
  newest: number;
  time: number;
  records: LiveRecord[];
}

const types: readonly FrameType[] = ["hello", "records", "heartbeat", "gap"];
const kinds: readonly LiveKind[] = ["property", "event", "action", "presence", "decision", "insight"];
const qualities: readonly LiveQuality[] = ["good", "uncertain", "bad"];
const causes: readonly LiveCauseKind[] = ["device", "user", "rule", "policy", "import", "system", "token"];
const text = new TextDecoder();

export class FrameError extends Error {}

function pick<Choice>(choices: readonly Choice[], index: number, what: string): Choice {
  const choice = choices[index];
  if (choice === undefined) throw new FrameError(`unknown ${what} ${index}`);
  return choice;
}

class Reader {
  #view: DataView;
  #at = 0;

  constructor(buffer: ArrayBuffer) {
    this.#view = new DataView(buffer);
  }

  #take(bytes: number): number {
    const start = this.#at;
    if (start + bytes > this.#view.byteLength) throw new FrameError(`frame ends at byte ${this.#view.byteLength}, ${bytes} more wanted at ${start}`);
    this.#at += bytes;
    return start;
  }

  u8(): number { return this.#view.getUint8(this.#take(1)); }
  u16(): number { return this.#view.getUint16(this.#take(2), true); }
  u32(): number { return this.#view.getUint32(this.#take(4), true); }
  // Positions and microseconds stay below 2^53 for some 285 years, so plain numbers hold them.
  u64(): number { return Number(this.#view.getBigUint64(this.#take(8), true)); }
  i64(): number { return Number(this.#view.getBigInt64(this.#take(8), true)); }
  f64(): number { return this.#view.getFloat64(this.#take(8), true); }

  text(bytes: number): string {
    return text.decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#take(bytes), bytes));
  }

  get rest(): number { return this.#view.byteLength - this.#at; }
}

function readValue(reader: Reader): unknown {
  const tag = reader.u8();
  switch (tag) {
    case 0: return null;
    case 1: return false;
    case 2: return true;
    case 3: return reader.i64();
    case 4: return reader.f64();
    case 5: return reader.text(reader.u32());
    case 6: return JSON.parse(reader.text(reader.u32()));
    default: throw new FrameError(`unknown value tag ${tag}`);
  }
}

export function decodeFrame(buffer: ArrayBuffer): Frame {
  const reader = new Reader(buffer);
  const version = reader.u8();
  if (version !== 1) throw new FrameError(`frame version ${version}, this page reads version 1`);
  const type = pick(types, reader.u8(), "frame type");
  const newest = reader.u64();
  const time = reader.i64();
  const count = reader.u32();
  const records: LiveRecord[] = [];
  for (let index = 0; index < count; index += 1) {
    const position = reader.u64();
    const claimed = reader.i64();
    const received = reader.i64();
    const kind = pick(kinds, reader.u8(), "record kind");
    const quality = pick(qualities, reader.u8(), "quality");
    const causeKind = pick(causes, reader.u8(), "cause kind");
    const thing = reader.text(reader.u16());
    const name = reader.text(reader.u16());
    const causeId = reader.text(reader.u16());
    records.push({ position, time: claimed, received, kind, quality, cause: { kind: causeKind, id: causeId }, thing, name, value: readValue(reader) });
  }
  if (reader.rest > 0) throw new FrameError(`${reader.rest} bytes after the last record`);
  return { type, newest, time, records };
}
