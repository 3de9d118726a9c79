// What is in view as it was at another moment: which values can be compared, and where each lies between the least and the most. Pure.
import type { PastProperty } from "../../api/map.ts";
import type { ThingSummary } from "../../api/types.ts";
import type { PastPoint, Spot } from "../../map/types.ts";

export interface Choice { name: string; title: string; unit: string | null; decimals: number | null; count: number }
type Placed = Pick<ThingSummary, "id" | "title" | "primary"> & { location: Spot | null };

/** The headline values that are numbers, those that most things tell first. One name in two units is two choices. */
export function choicesOf(things: Pick<ThingSummary, "primary">[]): Choice[] {
  const found = new Map<string, Choice>();
  for (const { primary } of things)
    for (const { name, title, unit, decimals, value } of primary) {
      if (typeof value !== "number") continue;
      const key = keyOf(name, unit);
      const known = found.get(key);
      if (known) known.count += 1;
      else found.set(key, { name, title, unit, decimals, count: 1 });
    }
  return [...found.values()].toSorted((one, other) => other.count - one.count || one.name.localeCompare(other.name));
}

export const keyOf = (name: string, unit: string | null): string => (unit ? `${name} ${unit}` : name);

export interface Past { points: PastPoint[]; least: number | null; most: number | null; known: number }

/** Points for the things that tell the chosen value; `say` makes words of it, and of nothing. */
export function pastOf(things: Placed[], states: PastProperty[], choice: Choice, say: (value: number | null) => string): Past {
  const then = new Map(states.filter((one) => one.name === choice.name && typeof one.value === "number").map((one) => [one.thing, one.value as number]));
  const told = things.filter((thing) => thing.location !== null && thing.primary.some((one) => one.name === choice.name && one.unit === choice.unit));
  const values = told.map((thing) => then.get(thing.id)).filter((value) => value !== undefined);
  const [least, most] = values.length > 0 ? [Math.min(...values), Math.max(...values)] : [null, null];
  const share = (value: number | undefined): number | null => (value === undefined || least === null || most === null ? null : most === least ? 0.5 : (value - least) / (most - least));
  const points = told.map((thing) => {
    const { longitude, latitude } = thing.location as Spot;
    const value = then.get(thing.id);
    return { id: thing.id, title: thing.title, longitude, latitude, share: share(value), text: say(value ?? null) };
  });
  return { points, least, most, known: values.length };
}
