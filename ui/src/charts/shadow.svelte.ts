// What rules in shadow would have done to the values of a chart. A chart lives without it, so a refusal is an empty answer.
import { Problem } from "../api/client.ts";
import { rules } from "../api/rules.ts";
import { resource, type Resource } from "../lib/resource.svelte.ts";

/** So many rules in shadow are asked what they would have done; more on one thing are hard to tell apart anyway. */
const rulesMost = 5;
const everyMilliseconds = 60_000;

/** For use while a component is made: moments, oldest first. */
export function shadowMoments(thing: () => string, names: () => string[], stretch: () => { from: number; to: number }): Resource<number[]> {
  const key = $derived(names().join("\n"));
  const about = $derived(thing());
  // A span that ends now moves on with each second; what rules would have done is asked for by the minute.
  const from = $derived(Math.floor(stretch().from / 6e7) * 6e7);
  const to = $derived(Math.ceil(stretch().to / 6e7) * 6e7);
  return resource(async (signal) => {
    const wanted = key.split("\n");
    try {
      const shadows = await rules.list({ state: "shadow", thing: about, limit: rulesMost }, signal);
      const lists = await Promise.all(shadows.items.map((rule) => rules.wouldHave(rule.id, from, to, signal)));
      return lists.flat().filter((one) => one.thing === about && wanted.includes(one.name)).map((one) => one.time).toSorted((one, other) => one - other);
    } catch (cause) {
      if (cause instanceof Problem) return [];
      throw cause;
    }
  }, everyMilliseconds);
}
