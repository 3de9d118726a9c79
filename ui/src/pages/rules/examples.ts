// Rules to start from, about the things that a site really has, and a first test for a rule. Pure.
import { stringify } from "yaml";
import type { ThingSummary } from "../../api/types.ts";
import type { Plain } from "./document.ts";

export const exampleNames = ["light", "humidity", "door", "night", "empty"] as const;
export type ExampleName = (typeof exampleNames)[number];
type Known = Pick<ThingSummary, "id" | "kind" | "space" | "primary">;

/** The first value of this sort, in a given room if there is one there. */
function find(things: Known[], names: RegExp, kinds: RegExp, writable: boolean, space?: string | null): { place: string; space: string | null } | null {
  const fits = things.flatMap((thing) => thing.primary.filter((one) => names.test(one.name) && (!writable || one.writable)).map((one) => ({ place: `${thing.id}/${one.name}`, space: thing.space ?? null, likely: kinds.test(thing.kind) })));
  const near = space ? fits.filter((one) => one.space === space) : [];
  return [...near.filter((one) => one.likely), ...fits.filter((one) => one.likely), ...near, ...fits][0] ?? null;
}

const lamp = (things: Known[], space?: string | null) => find(things, /^(?:on|state|power_on)$/, /light|lamp|dimmer/, true, space)?.place ?? "hall.lamp/on";

/** The text of a new rule of this sort. What the site has not is named all the same: the page then says what is missing. */
export function example(name: ExampleName, things: Known[], t: (key: `rule.example.${ExampleName}` | "rule.example.door.message") => string): string {
  const motion = find(things, /occup|motion|presence/, /motion|occupancy|presence/, false);
  const made: Record<ExampleName, () => Plain> = {
    light: () => ({ mode: "restart", triggers: [{ property: motion?.place ?? "hall.motion/occupancy", to: true }], conditions: [{ sun: { after: "sunset", before: "sunrise" } }], actions: [{ set: lamp(things, motion?.space), to: true }, { delay: "5 min" }, { set: lamp(things, motion?.space), to: false }] }),
    humidity: () => { const damp = find(things, /humidity/, /climate|humid/, false); return { triggers: [{ property: damp?.place ?? "bath.climate/humidity", above: 70, for: "5 min" }], actions: [{ set: find(things, /^(?:on|state|power_on)$/, /fan|ventil/, true, damp?.space)?.place ?? "bath.fan/on", to: true }] }; },
    door: () => ({ triggers: [{ property: find(things, /open|contact/, /door|contact|window/, false)?.place ?? "front.door/open", to: true, for: "10 min" }], actions: [{ notify: { title: t("rule.example.door"), message: t("rule.example.door.message"), to: ["owner"] } }] }),
    night: () => ({ triggers: [{ time: "23:00" }], actions: [{ set: lamp(things), to: false }] }),
    empty: () => ({ triggers: [], actions: [] }),
  };
  return stringify({ rule: name === "empty" ? "" : t(`rule.example.${name}`), ...made[name]() }, { lineWidth: 0, singleQuote: false }).replace(/^(\s*- time: )(\d\d:\d\d)$/gm, '$1"$2"');
}

/** A test that says what the first trigger and the first action say, which is a start. */
export function firstTest(rule: Plain, name: string): Plain {
  const list = (key: string) => (Array.isArray(rule[key]) ? (rule[key] as Plain[]) : []);
  const trigger = list("triggers").find((one) => typeof one["property"] === "string");
  const action = list("actions").find((one) => typeof one["set"] === "string");
  const place = trigger ? String(trigger["property"]) : null;
  const numeric = trigger && (trigger["above"] !== undefined || trigger["below"] !== undefined);
  const to = !trigger ? true : numeric ? (trigger["above"] !== undefined ? Number(trigger["above"]) + 1 : Number(trigger["below"]) - 1) : (trigger["to"] ?? true);
  const before = typeof to === "boolean" ? !to : numeric ? (trigger?.["above"] ?? trigger?.["below"]) : undefined;
  return {
    name, at: "2026-03-01T23:00",
    ...(place && before !== undefined ? { given: { [place]: before } } : {}),
    when: place ? [{ set: { [place]: to } }, ...(trigger?.["for"] ? [{ wait: trigger["for"] }] : [])] : [{ wait: "1 min" }],
    then: action ? [{ set: action["set"], to: action["to"] }] : [{ none: true }],
  };
}
