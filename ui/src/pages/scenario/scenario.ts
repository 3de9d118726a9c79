// A warehouse scenario as the form edits it, and in words.
import type { ApiScenario, Complaint, DomainDescription } from "../../api/types.ts";
import { say, t } from "../../lib/text.svelte.ts";
import type { OrderRow } from "./orders.ts";

export type Shape = "fulfilment" | "sortation" | "line_side";
export const shapes: Shape[] = ["fulfilment", "sortation", "line_side"];
/** The numbers of each shape, with what the server makes of an absent one. */
export const shapeNumbers: Record<Shape, Record<string, number>> = {
  fulfilment: { block_columns: 6, block_rows: 4, block_length: 8, stations: 8, chargers: 10, slow_centimetres_per_second: 0 },
  sortation: { chute_columns: 10, chute_rows: 6, inductions: 6, chargers: 8 },
  line_side: { cells: 12, storages: 16, chargers: 4, gate_seconds: 0 },
};

/** Numbers of which there may be none. */
export const mayBeNone: ReadonlySet<string> = new Set(["chargers", "slow_centimetres_per_second", "gate_seconds"]);

export type FloorSource = Partial<Record<Shape, Record<string, number>>> & { drawn?: unknown };
export interface World {
  floor: FloorSource;
  robots: { count: number; speed: number; turn_seconds: number; load_seconds: number; battery_hours: number; charge_below_percent: number; charge_until_percent: number; cost_per_hour: number };
  demand: { orders_per_hour: number; profile: number[]; due_minutes: number; list: OrderRow[] };
  troubles: { stops_per_robot_hour: number; stop_seconds: number; breakdowns_per_robot_day: number; repair_minutes: number };
  station_cost_per_hour: number;
  late_order_cost: number;
}
export interface Scenario {
  title: string; domain: string; policy: { name: string; parameters: Record<string, unknown> }; world: World; start: number; duration_seconds: number; seeds: number[];
}

type Loose = Record<string, unknown>;
const isObject = (value: unknown): value is Loose => typeof value === "object" && value !== null && !Array.isArray(value);

function filled(given: unknown, defaults: unknown): unknown {
  if (!isObject(defaults)) return given ?? defaults;
  const own = isObject(given) ? given : {};
  return { ...own, ...Object.fromEntries(Object.entries(defaults).map(([key, value]) => [key, filled(own[key], value)])) };
}

export interface Parameter { name: string; title: string; type: string; minimum?: number; maximum?: number; default: unknown }

export function parameters(domain: DomainDescription, policy: string): Parameter[] {
  const schema = domain.policies.find((one) => one.name === policy)?.parameters as { properties?: Record<string, Omit<Parameter, "name">> } | undefined;
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => ({ ...property, name, title: property.title ?? name }));
}

/** A scenario with everything in it that may be left out, so that a form can show and a plan can vary it. */
export function complete(domain: DomainDescription, given?: ApiScenario): Scenario {
  const policy = given?.policy.name ?? domain.policies[0]?.name ?? "";
  const defaults = (domain.world as { default?: Loose }).default ?? {};
  const own = (given?.world ?? {}) as Loose;
  // A floor is one of several sorts: another sort's defaults have nothing to say to it.
  const { floor: usual, ...rest } = defaults;
  const floor = (isObject(own["floor"]) ? own["floor"] : usual ?? { fulfilment: {} }) as FloorSource;
  const world = { ...(filled(own, rest) as Loose), floor: Object.fromEntries(Object.entries(floor).map(([sort, shape]) => [sort, sort === "drawn" ? shape : { ...shapeNumbers[sort as Shape], ...(shape as object) }])) };
  const knobs = Object.fromEntries(parameters(domain, policy).map((parameter) => [parameter.name, parameter.default]));
  return JSON.parse(JSON.stringify({
    title: given?.title ?? "", domain: domain.name, policy: { name: policy, parameters: { ...knobs, ...((given?.policy.parameters ?? {}) as object) } },
    world, start: given?.start ?? 0, duration_seconds: given?.duration_seconds ?? 3600, seeds: given?.seeds ?? [1, 2, 3],
  })) as Scenario;
}

export function floorOf(scenario: ApiScenario): FloorSource {
  const floor = (scenario.world as { floor?: FloorSource } | null)?.floor;
  return floor ?? { fulfilment: {} };
}

export const sortOf = (floor: FloorSource): Shape | "drawn" => (Object.keys(floor)[0] ?? "fulfilment") as Shape | "drawn";

/** What was simulated, in a few lines. */
export function worldFacts(scenario: ApiScenario): [string, string][] {
  const world = (scenario.world ?? {}) as Partial<World>;
  const sort = sortOf(floorOf(scenario));
  const facts: [string, string][] = [
    [t("scenario.duration"), say.duration(scenario.duration_seconds)],
    [t("scenario.seeds"), scenario.seeds.join(", ")],
  ];
  if (scenario.domain !== "fleet") return facts;
  const numbers = sort === "drawn" ? "" : Object.entries({ ...shapeNumbers[sort], ...floorOf(scenario)[sort] }).flatMap(([name, value]) => (name in shapeNumbers[sort] && !(value === 0 && mayBeNone.has(name)) ? [`${t(`shape.${name}` as "shape.stations")} ${value}`] : [])).join(", ");
  facts.unshift([t("scenario.floor"), [t(`floor.${sort}`), numbers].filter(Boolean).join(": ")]);
  if (world.robots?.count !== undefined) facts.push([t("place./world/robots/count"), `${say.number(world.robots.count)}${world.robots.speed === undefined ? "" : `, ${say.number(world.robots.speed)} m/s`}`]);
  if (world.demand?.orders_per_hour !== undefined) facts.push([t("scenario.demand"), [t("scenario.per_hour", { count: world.demand.orders_per_hour }), world.demand.list?.length ? t("scenario.listed", { count: world.demand.list.length }) : ""].filter(Boolean).join(", ")]);
  return facts;
}

/** The complaints about a place or anything in it. */
export function complaintsAt(complaints: Complaint[], place: string): Complaint[] {
  return complaints.filter((one) => one.place === place || one.place.startsWith(`${place}/`) || one.place.startsWith(`${place} `));
}
