// Tiny models for the tests: ONNX files of one operator, written byte by byte, and manifests for them.
import { createHash } from "node:crypto";

const varint = (value) => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]);
const number = (field, value) => [...varint(field << 3), ...varint(value)];
const bytes = (field, value) => { const body = typeof value === "string" ? [...Buffer.from(value)] : value; return [...varint((field << 3) | 2), ...varint(body.length), ...body]; };
const port = (name) => [...bytes(1, name), ...bytes(2, bytes(1, [...number(1, 1), ...bytes(2, bytes(1, number(1, 1)))]))];

/** `y = operator(x)`, or with a factor `y = operator(x, factor)`. */
export function onnx(operator, factor) {
  const weights = factor === undefined ? [] : [...number(1, 1), ...number(2, 1), ...bytes(8, "factor"), ...bytes(9, [...Buffer.from(new Float32Array([factor]).buffer)])];
  const node = [...bytes(1, "x"), ...(factor === undefined ? [] : bytes(1, "factor")), ...bytes(2, "y"), ...bytes(4, operator)];
  const graph = [...bytes(1, node), ...bytes(2, "graph"), ...(factor === undefined ? [] : bytes(5, weights)), ...bytes(11, port("x")), ...bytes(12, port("y"))];
  return Buffer.from([...number(1, 8), ...bytes(7, graph), ...bytes(8, [...bytes(1, ""), ...number(2, 17)])]);
}

const tensor = (value) => ({ shape: [1], numbers: { float: [value] } });

/** What is said of a model of one stream that makes `output` of `input`. */
export const manifest = (name, file, input, output, more = {}) => ({
  name, version: "1", licence: "MIT", description: "A model of the tests", source: "made by the test", sha256: createHash("sha256").update(file).digest("hex"),
  inputs: [{ name: "x", from: { streams: { window: 1, shape: [1] } } }], outputs: ["y"], memory_bytes_max: 1_000_000, run_us_max: 1_000_000,
  golden: [{ inputs: [tensor(input)], outputs: [tensor(output)] }], ...more,
});

/** Files as a file field takes them. */
export const asFiles = (file, said) => ({
  file: { name: "model.onnx", mimeType: "application/octet-stream", buffer: file },
  manifest: { name: "model.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(said)) },
});
