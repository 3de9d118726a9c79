// The last day of several values, in few enough points for a line of a few pixels.
import { ask, client } from "../api/client.ts";
import { shapeNumbers } from "../charts/data.ts";

export type Sparks = Map<string, { points: [number, number][]; violet: boolean }>;

const day = 86_400 * 1_000_000;
const pixels = 60;
const batch = 24;

export const sparkKey = (thing: string, name: string): string => `${thing}/${name}`;

export async function loadSparks(series: string[], now: number, signal: AbortSignal): Promise<Sparks> {
  const sparks: Sparks = new Map();
  for (let start = 0; start < series.length; start += batch) {
    const answer = await ask(client.GET("/api/v1/history", { params: { query: { series: series.slice(start, start + batch), from: Math.round(now - day), to: Math.round(now), pixels } }, signal }));
    const violet = (answer.simulated_until_us ?? 0) > now - day / 2;
    for (const one of answer.series) {
      const shaped = shapeNumbers(one);
      const points = shaped.times.map((time, index): [number, number | null] => [time, shaped.mean[index] ?? null]).filter((point): point is [number, number] => point[1] !== null);
      sparks.set(sparkKey(one.thing, one.name), { points, violet });
    }
  }
  return sparks;
}
