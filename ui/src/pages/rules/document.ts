// The text of a rule as a document: read for the sentences, and changed in place so that comments, order and what is only in the text stay. Pure.
import { isCollection, isMap, isScalar, isSeq, LineCounter, Pair, parseDocument, Scalar, visit, type Document, type Node, type YAMLMap, type YAMLSeq } from "yaml";
import { matchLines } from "./lines.ts";

export type Path = readonly (string | number)[];
export type Plain = Record<string, unknown>;
export interface Fault { line: number; column: number; message: string }
/** First and last line, from 1. */
export type Lines = readonly [first: number, last: number];
export interface Reading {
  /** Nothing where the text is not YAML, or not a map. */
  rule: Plain | null;
  fault: Fault | null;
  /** Where each map and list stands, by `pathKey`. */
  places: Map<string, Lines>;
}

/** The order in which a person reads a rule; a key that is missing is put where it belongs. */
const order = ["rule", "description", "mode", "max", "variables", "triggers", "conditions", "actions", "tests"];

export const pathKey = (path: Path): string => path.join("\u0000");

export function read(text: string): Reading {
  const lines = new LineCounter();
  const document = parse(text, lines);
  const error = document.errors[0];
  const places = new Map<string, Lines>();
  if (error) {
    const at = lines.linePos(error.pos[0]);
    return { rule: null, fault: { line: at.line, column: at.col, message: error.message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? "" }, places };
  }
  if (document.contents === null) return { rule: {}, fault: null, places };
  if (!isMap(document.contents)) return { rule: null, fault: { line: 1, column: 1, message: "" }, places };
  findPlaces(document.contents as Node, [], lines, places);
  return { rule: document.toJS() as Plain, fault: null, places };
}

function findPlaces(node: Node, path: Path, lines: LineCounter, places: Map<string, Lines>): void {
  if (!isCollection(node) || !node.range) return;
  places.set(pathKey(path), [lines.linePos(node.range[0]).line, lines.linePos(Math.max(node.range[0], node.range[1] - 1)).line]);
  if (isSeq(node)) node.items.forEach((item, index) => findPlaces(item as Node, [...path, index], lines, places));
  else if (isMap(node)) for (const pair of node.items) if (pair.value) findPlaces(pair.value as Node, [...path, keyOf(pair)], lines, places);
}

const keyOf = (pair: Pair): string => String(isScalar(pair.key) ? pair.key.value : pair.key);

export function valueAt(rule: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => (value === null || value === undefined ? undefined : (value as Record<string | number, unknown>)[step]), rule);
}

/** Sets a value, or takes it out where it is undefined. */
export function setValue(text: string, path: Path, value: unknown): string {
  return edited(text, (document) => {
    if (value === undefined) take(document, path);
    else put(document, path, value);
  });
}

/** Several values at once, which is one step for whoever undoes it. */
export function setValues(text: string, changes: readonly (readonly [Path, unknown])[]): string {
  return edited(text, (document) => {
    for (const [path, value] of changes) if (value === undefined) take(document, path); else put(document, path, value);
  });
}

export function insertItem(text: string, list: Path, index: number, value: unknown): string {
  return edited(text, (document) => {
    const found = document.getIn(list, true);
    if (!isSeq(found)) return put(document, list, [value]);
    found.items.splice(index, 0, made(document, value));
    if (found.items.length === 1) found.flow = false;
  });
}

export function moveItem(text: string, list: Path, from: number, to: number): string {
  return edited(text, (document) => {
    const found = document.getIn(list, true);
    if (!isSeq(found) || to < 0 || to >= found.items.length) return;
    const [item] = found.items.splice(from, 1);
    found.items.splice(to, 0, item);
  });
}

/** Gives a key another name and leaves its place, its value and their comments as they are. */
export function renameKey(text: string, map: Path, from: string, to: string): string {
  return edited(text, (document) => {
    const found = document.getIn(map, true);
    const pair = isMap(found) ? found.items.find((one) => keyOf(one) === from) : undefined;
    if (pair && isScalar(pair.key)) renew(pair.key, to);
  });
}

function parse(text: string, lineCounter?: LineCounter): Document.Parsed {
  return parseDocument(text, { strict: true, uniqueKeys: true, ...(lineCounter ? { lineCounter } : {}) }) as Document.Parsed;
}

/** A text that cannot be read is not changed. */
function edited(text: string, change: (document: Document.Parsed) => void): string {
  const document = parse(text);
  if (document.errors.length > 0) return text;
  change(document);
  if (document.contents === null) return "";
  return keepLines(text, document.toString({ lineWidth: 0, indentSeq: !/^triggers:[^\n]*\n(?:\s*(?:#[^\n]*)?\n)*- /m.test(text), flowCollectionPadding: !/\{\S/.test(text) }));
}

/** A line that says what it said keeps its spaces, so that an edit shows in a comparison as that edit and nothing else. */
function keepLines(before: string, after: string): string {
  const [old, fresh] = [before.split("\n"), after.split("\n")];
  const gist = (line: string) => line.replace(/(?<=\S)\s+/g, " ").replace(/(?<=[[{]) | (?=[\]}])/g, "").trimEnd();
  const kept = new Map(matchLines(old.map(gist), fresh.map(gist)).map(([from, to]) => [to, old[from] ?? ""]));
  const text = fresh.flatMap((line, index) => kept.get(index) ?? (line === "" ? [] : [line])).join("\n");
  return JSON.stringify(parse(text).toJS()) === JSON.stringify(parse(after).toJS()) ? text : after;
}

function take(document: Document.Parsed, path: Path): void {
  if (document.hasIn(path)) document.deleteIn(path);
}

function put(document: Document.Parsed, path: Path, value: unknown): void {
  const node = document.getIn(path, true) as Node | undefined;
  if (isScalar(node) && (value === null || typeof value !== "object")) return renew(node, value);
  const next = made(document, value);
  if (node) Object.assign(next, { comment: node.comment, commentBefore: node.commentBefore, spaceBefore: node.spaceBefore });
  const [first] = path;
  if (path.length === 1 && typeof first === "string" && !node && isMap(document.contents)) return putKey(document.contents as YAMLMap, first, next);
  if (document.contents === null) document.contents = made(document, {}) as never;
  document.setIn(path, next);
}

function putKey(map: YAMLMap, key: string, value: Node): void {
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  const index = map.items.findLastIndex((pair) => rank(keyOf(pair)) <= rank(key));
  map.items.splice(index + 1, 0, new Pair(new Scalar(key), value));
}

/** Changes what a scalar says; how it was written stays where it can. */
function renew(scalar: Scalar, value: unknown): void {
  if (scalar.value === value) return;
  // Quotes about nothing were not chosen by anybody.
  const wasText = typeof scalar.value === "string" && scalar.value !== "";
  scalar.value = value;
  delete scalar.source;
  delete scalar.format;
  delete scalar.minFractionDigits;
  if (typeof value !== "string" || !wasText || scalar.type === Scalar.PLAIN) delete scalar.type;
  quote(scalar);
}

/** A clock time or a word that older readers take for a truth value is quoted. */
function quote(scalar: Scalar): void {
  if (typeof scalar.value === "string" && scalar.type === undefined && /^(?:\d{1,2}:\d\d(?::\d\d)?|\d{4}-\d\d-\d\dT.*|y|n|yes|no|on|off)$/i.test(scalar.value)) scalar.type = Scalar.QUOTE_DOUBLE;
}

function made(document: Document.Parsed, value: unknown): Node {
  const node = document.createNode(value) as Node;
  visit(node, { Scalar: (key, scalar) => { if (key !== "key") quote(scalar); } });
  // A short list of plain words reads better in one line.
  visit(node, { Seq: (_, list: YAMLSeq) => { if (list.items.length > 0 && list.items.every((item) => isScalar(item))) list.flow = true; } });
  return node;
}
