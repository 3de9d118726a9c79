// The forecasts behind the series of a chart. Only a series whose model has a champion, or whose past is long enough for one, is asked for: "too
// little was seen" should not be a failed call on every chart of a young thing.
import { ask, client, items, Problem } from "../api/client.ts";
import { mind } from "../api/mind.ts";
import type { SeriesInfo } from "../api/types.ts";
import { resource, type Resource } from "../lib/resource.svelte.ts";
import { live } from "../live/store.svelte.ts";
import { shapeForecast, type ShapedForecast } from "./data.ts";

/** What is ahead moves on slowly; it is asked for again this often. */
const everyMilliseconds = 60_000;
const cardsMost = 200;
/** A series that is older than this and was heard lately has had the day that a forecast takes. */
const longMicroseconds = 3 * 86_400 * 1e6;
const latelyMicroseconds = 12 * 3600 * 1e6;

async function ready(thing: string, names: string[], signal: AbortSignal): Promise<string[]> {
  const cards = await mind.models({ kind: "forecast", thing, limit: cardsMost }, signal);
  const champions = names.filter((name) => cards.items.some((card) => card.name === name && card.champion !== null));
  if (champions.length === names.length) return champions;
  const now = live.now();
  const pasts = items<SeriesInfo>(await ask(client.GET("/api/v1/history/series", { params: { query: { thing } }, signal })));
  const isLong = (name: string) => pasts.some((past) => past.name === name && now - past.first_us > longMicroseconds && now - past.last_us < latelyMicroseconds);
  return names.filter((name) => champions.includes(name) || isLong(name));
}

async function found(wanted: string[], hours: number, signal: AbortSignal): Promise<Map<string, ShapedForecast>> {
  const shaped = new Map<string, ShapedForecast>();
  const asked = wanted.map((one) => ({ thing: one.slice(0, one.lastIndexOf("/")), name: one.slice(one.lastIndexOf("/") + 1) }));
  await Promise.all([...new Set(asked.map((one) => one.thing))].map(async (thing) => {
    for (const name of await ready(thing, asked.filter((one) => one.thing === thing).map((one) => one.name), signal)) {
      const forecast = await mind.forecast(thing, name, hours, signal).catch(notYet);
      if (forecast !== null && forecast.median.length > 0) shaped.set(`${thing}/${name}`, shapeForecast(forecast));
    }
  }));
  return shaped;
}

function notYet(cause: Error): null {
  if (cause instanceof Problem && cause.status === 404) return null;
  throw cause;
}

/** For use while a component is made: forecasts by "thing/name". A chart lives without them, so a refusal is an empty answer. */
export function forecastsOf(wanted: () => string[], hours: () => number): Resource<Map<string, ShapedForecast>> {
  const key = $derived(hours() > 0 ? wanted().join("\n") : "");
  const ahead = $derived(hours());
  return resource(async (signal) => {
    if (!key) return new Map<string, ShapedForecast>();
    try {
      return await found(key.split("\n"), ahead, signal);
    } catch (cause) {
      if (cause instanceof Problem) return new Map<string, ShapedForecast>();
      throw cause;
    }
  }, everyMilliseconds);
}
