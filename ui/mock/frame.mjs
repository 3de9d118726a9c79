// Encodes live frames the way the server does, byte for byte; also what the decoder's tests read.

const types = ["hello", "records", "heartbeat", "gap"];
const kinds = ["property", "event", "action", "presence", "decision", "insight"];
const qualities = ["good", "uncertain", "bad"];
const causes = ["device", "user", "rule", "policy", "import", "system", "token"];

export function encodeFrame(type, newest, time, records) {
  const parts = [];
  const put = (size, write) => { const part = Buffer.alloc(size); write(part); parts.push(part); };
  const u8 = (value) => put(1, (part) => part.writeUInt8(value));
  const u32 = (value) => put(4, (part) => part.writeUInt32LE(value));
  const i64 = (value) => put(8, (part) => part.writeBigInt64LE(BigInt(Math.round(value))));
  const short = (text) => { const bytes = Buffer.from(text); put(2, (part) => part.writeUInt16LE(bytes.length)); parts.push(bytes); };
  const long = (text) => { const bytes = Buffer.from(text); u32(bytes.length); parts.push(bytes); };
  u8(1); u8(types.indexOf(type)); i64(newest); i64(time); u32(records.length);
  for (const record of records) {
    i64(record.position); i64(record.time); i64(record.received);
    u8(kinds.indexOf(record.kind)); u8(qualities.indexOf(record.quality)); u8(causes.indexOf(record.cause.kind));
    short(record.thing); short(record.name); short(record.cause.id);
    const value = record.value;
    if (value === null || value === undefined) u8(0);
    else if (value === false) u8(1);
    else if (value === true) u8(2);
    else if (Number.isInteger(value)) { u8(3); i64(value); }
    else if (typeof value === "number") { u8(4); put(8, (part) => part.writeDoubleLE(value)); }
    else if (typeof value === "string") { u8(5); long(value); }
    else { u8(6); long(JSON.stringify(value)); }
  }
  return Buffer.concat(parts);
}
