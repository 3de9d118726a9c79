// What triggers, conditions and actions there are: the fields of each, which of them are optional clauses, and how a new one begins. Pure.
import type { IconName } from "../../components/icons.ts";
import type { Path, Plain } from "./document.ts";

export type Section = "trigger" | "condition" | "action";
/** How a field is asked for. `place` is a property of a thing. */
export type FieldKind = "place" | "writable" | "thing" | "event" | "action" | "scene" | "change" | "is" | "value" | "number" | "duration" | "clock" | "clocks" | "days" | "numbers" | "choice" | "words" | "code" | "input" | "sets" | "roles";
export interface Field { kind: FieldKind; choices?: readonly string[]; optional?: boolean }
export interface Kind {
  icon: IconName;
  /** By the path inside the item, its steps joined with dots. */
  fields: Record<string, Field>;
  /** Lists inside, by their path. */
  lists?: Record<string, Section>;
  start: () => Plain;
}

const duration: Field = { kind: "duration", optional: true };
const number: Field = { kind: "number", optional: true };
const suns = ["sunrise", "sunset"] as const;
const place = "";

export const triggers = {
  property: { icon: "thing", fields: { property: { kind: "place" }, change: { kind: "change" }, for: duration, id: { kind: "words", optional: true } }, start: () => ({ property: place, to: true }) },
  time: { icon: "clock", fields: { time: { kind: "clocks" }, on: { kind: "days", optional: true }, id: { kind: "words", optional: true } }, start: () => ({ time: "07:30" }) },
  every: { icon: "repeat", fields: { every: { kind: "duration" }, id: { kind: "words", optional: true } }, start: () => ({ every: "10 min" }) },
  sun: { icon: "sun", fields: { sun: { kind: "choice", choices: suns }, offset: duration, id: { kind: "words", optional: true } }, start: () => ({ sun: "sunset" }) },
  calendar: { icon: "calendar", fields: { "calendar.months": { kind: "numbers", optional: true }, "calendar.days": { kind: "numbers", optional: true }, "calendar.on": { kind: "days", optional: true }, "calendar.at": { kind: "clock" }, id: { kind: "words", optional: true } }, start: () => ({ calendar: { months: [12], days: [24], at: "18:00" } }) },
  event: { icon: "bolt", fields: { event: { kind: "event" }, where: { kind: "code", optional: true }, id: { kind: "words", optional: true } }, start: () => ({ event: place }) },
  insight: { icon: "insight", fields: { insight: { kind: "place" }, kind: { kind: "choice", optional: true, choices: ["anomaly", "stuck", "drift", "spike", "dropout", "noise", "clock_skew", "oscillation", "joint"] }, severity: { kind: "choice", optional: true, choices: ["notice", "warning", "alarm"] }, id: { kind: "words", optional: true } }, start: () => ({ insight: place, severity: "warning" }) },
  forecast: { icon: "forecast", fields: { forecast: { kind: "place" }, above: number, below: number, within: { kind: "duration", optional: true }, id: { kind: "words", optional: true } }, start: () => ({ forecast: place, above: 0, within: "3 h" }) },
  webhook: { icon: "link", fields: { webhook: { kind: "words" }, id: { kind: "words", optional: true } }, start: () => ({ webhook: "door-bell" }) },
  presence: { icon: "gateway", fields: { presence: { kind: "thing" }, to: { kind: "choice", choices: ["online", "offline"] }, for: duration, id: { kind: "words", optional: true } }, start: () => ({ presence: place, to: "offline" }) },
  expression: { icon: "code", fields: { expression: { kind: "code" }, for: duration, id: { kind: "words", optional: true } }, start: () => ({ expression: "${ true }" }) },
} satisfies Record<string, Kind>;

export const conditions = {
  property: { icon: "thing", fields: { property: { kind: "place" }, is: { kind: "is" }, for: duration }, start: () => ({ property: place, is: true }) },
  presence: { icon: "gateway", fields: { presence: { kind: "thing" }, is: { kind: "choice", choices: ["online", "offline"] }, for: duration }, start: () => ({ presence: place, is: "online" }) },
  time: { icon: "clock", fields: { "time.after": { kind: "clock", optional: true }, "time.before": { kind: "clock", optional: true }, "time.on": { kind: "days", optional: true } }, start: () => ({ time: { after: "22:00", before: "06:00" } }) },
  sun: { icon: "sun", fields: { "sun.after": { kind: "choice", choices: suns, optional: true }, "sun.after_offset": duration, "sun.before": { kind: "choice", choices: suns, optional: true }, "sun.before_offset": duration }, start: () => ({ sun: { after: "sunset", before: "sunrise" } }) },
  trigger: { icon: "pointer", fields: { trigger: { kind: "roles" } }, start: () => ({ trigger: ["came"] }) },
  any: { icon: "lane", fields: {}, lists: { any: "condition" }, start: () => ({ any: [] }) },
  all: { icon: "check", fields: {}, lists: { all: "condition" }, start: () => ({ all: [] }) },
  not: { icon: "minus", fields: {}, lists: { not: "condition" }, start: () => ({ not: [] }) },
  expression: { icon: "code", fields: { expression: { kind: "code" } }, start: () => ({ expression: "${ true }" }) },
} satisfies Record<string, Kind>;

export const actions = {
  set: { icon: "bolt", fields: { set: { kind: "writable" }, to: { kind: "value" } }, start: () => ({ set: place, to: true }) },
  action: { icon: "play", fields: { action: { kind: "action" }, input: { kind: "input", optional: true } }, start: () => ({ action: place }) },
  scene: { icon: "scene", fields: { scene: { kind: "scene" } }, start: () => ({ scene: "" }) },
  notify: { icon: "bell", fields: { "notify.title": { kind: "words", optional: true }, "notify.message": { kind: "words" }, "notify.to": { kind: "roles", optional: true } }, start: () => ({ notify: { title: "", message: "", to: ["owner"] } }) },
  alarm: { icon: "warning", fields: { "alarm.name": { kind: "words" }, "alarm.severity": { kind: "choice", choices: ["notice", "warning", "alarm"] }, "alarm.message": { kind: "words", optional: true } }, start: () => ({ alarm: { name: "", severity: "warning", message: "" } }) },
  delay: { icon: "clock", fields: { delay: { kind: "duration" } }, start: () => ({ delay: "2 min" }) },
  wait: { icon: "pause", fields: { "wait.timeout": { kind: "duration", optional: true }, "wait.then": { kind: "choice", choices: ["continue", "stop"], optional: true } }, lists: { "wait.for": "trigger" }, start: () => ({ wait: { for: [], timeout: "10 min", then: "continue" } }) },
  choose: { icon: "edge", fields: {}, start: () => ({ choose: [{ if: [], do: [] }], otherwise: [] }) },
  repeat: { icon: "repeat", fields: { "repeat.times": { kind: "number", optional: true } }, lists: { "repeat.while": "condition", "repeat.until": "condition", "repeat.do": "action" }, start: () => ({ repeat: { times: 3, do: [] } }) },
  policy: { icon: "rule", fields: { policy: { kind: "words" }, input: { kind: "input", optional: true } }, start: () => ({ policy: "" }) },
  variables: { icon: "model", fields: { variables: { kind: "input" } }, start: () => ({ variables: { limit: 20 } }) },
  stop: { icon: "stop", fields: { stop: { kind: "words" } }, start: () => ({ stop: "" }) },
} satisfies Record<string, Kind>;

export type TriggerName = keyof typeof triggers;
export type ConditionName = keyof typeof conditions;
export type ActionName = keyof typeof actions;
export type KindName = TriggerName | ConditionName | ActionName;

export const catalogue: Record<Section, Record<string, Kind>> = { trigger: triggers, condition: conditions, action: actions };
export const nestedRoom = 3;

/** The kind of an item by the first of its keys that names one; nothing where it is only in the text. */
export function kindOf(section: Section, item: unknown): string | null {
  if (item === null || typeof item !== "object" || Array.isArray(item)) return null;
  const known = catalogue[section];
  return Object.keys(item).find((key) => key in known) ?? null;
}

const changeKeys = ["to", "from", "above", "below"];

/** What an item says beside what its sentence shows. */
export function onlyInText(section: Section, name: string, item: Plain): string[] {
  const kind = catalogue[section][name];
  if (!kind) return Object.keys(item);
  const paths = [...Object.keys(kind.fields), ...Object.keys(kind.lists ?? {})];
  if (paths.includes("change")) paths.push(...changeKeys);
  if (paths.includes("is")) paths.push("above", "below");
  if (name === "choose") paths.push("choose", "otherwise");
  return Object.entries(item).flatMap(([key, value]) => {
    if (paths.includes(key)) return [];
    const inside = paths.filter((path) => path.startsWith(`${key}.`)).map((path) => path.slice(key.length + 1));
    if (inside.length === 0) return key === name ? [] : [key];
    return value !== null && typeof value === "object" ? Object.keys(value).filter((part) => !inside.includes(part)).map((part) => `${key}.${part}`) : [];
  });
}

export const fieldPath = (field: string): Path => field.split(".");

/** How a property must change for its trigger to fire. */
export const changes = ["any", "to", "from", "from_to", "above", "below", "between"] as const;
export type Change = (typeof changes)[number];

export function changeOf(item: Plain): Change {
  const has = (key: string) => item[key] !== undefined;
  if (has("above") || has("below")) return has("above") && has("below") ? "between" : has("above") ? "above" : "below";
  if (has("to")) return has("from") ? "from_to" : "to";
  return has("from") ? "from" : "any";
}

/** The keys that a change wants, and those that it does without. */
export const wants: Record<Change, readonly string[]> = { any: [], to: ["to"], from: ["from"], from_to: ["from", "to"], above: ["above"], below: ["below"], between: ["above", "below"] };

export const comparisons = ["is", "above", "below", "between"] as const;
export type Comparison = (typeof comparisons)[number];
export const wantsCompared: Record<Comparison, readonly string[]> = { is: ["is"], above: ["above"], below: ["below"], between: ["above", "below"] };

export function comparisonOf(item: Plain): Comparison {
  const change = changeOf({ above: item["above"], below: item["below"] });
  return change === "any" || change === "to" || change === "from" || change === "from_to" ? "is" : change;
}

export interface Place { thing: string; name: string }

export function placeOf(text: unknown): Place | null {
  if (typeof text !== "string" || text === "") return null;
  const at = text.lastIndexOf("/");
  return at < 0 ? { thing: text, name: "" } : { thing: text.slice(0, at), name: text.slice(at + 1) };
}

export const isExpression = (value: unknown): value is string => typeof value === "string" && value.includes("${");

export const durationUnits = ["s", "min", "h", "d"] as const;
export type DurationUnit = (typeof durationUnits)[number];

export function durationOf(text: unknown): { sign: "" | "-"; amount: number; unit: DurationUnit } | null {
  const found = typeof text === "string" ? /^\s*(-)?\s*(\d+(?:\.\d+)?)\s*(s|min|h|d)\s*$/.exec(text) : null;
  return found ? { sign: found[1] === "-" ? "-" : "", amount: Number(found[2]), unit: found[3] as DurationUnit } : null;
}

export const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof weekdays)[number];
