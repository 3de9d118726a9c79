// The forecasts behind the series of a chart. Only a series whose model has a champion is asked for, so that "too little was seen" is no failed call.
import { Problem } from "../api/client.ts";
import { mind, type Forecast } from "../api/mind.ts";
import { resource, type Resource } from "../lib/resource.svelte.ts";
import { shapeForecast, type ShapedForecast } from "./data.ts";

/** What is ahead moves on slowly; it is asked for again this often. */
const everyMilliseconds = 60_000;
const cardsMost = 200;

async function found(wanted: string[], hours: number, signal: AbortSignal): Promise<Map<string, ShapedForecast>> {
  const shaped = new Map<string, ShapedForecast>();
  const asked = wanted.map((one) => ({ thing: one.slice(0, one.lastIndexOf("/")), name: one.slice(one.lastIndexOf("/") + 1) }));
  const cards = await Promise.all([...new Set(asked.map((one) => one.thing))].map((thing) => mind.models({ kind: "forecast", thing, limit: cardsMost }, signal)));
  const ready = new Set(cards.flatMap((page) => page.items).filter((card) => card.champion !== null).map((card) => `${card.thing}/${card.name}`));
  await Promise.all(asked.filter((one) => ready.has(`${one.thing}/${one.name}`)).map(async ({ thing, name }) => {
    const forecast: Forecast = await mind.forecast(thing, name, hours, signal);
    if (forecast.median.length > 0) shaped.set(`${thing}/${name}`, shapeForecast(forecast));
  }));
  return shaped;
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
