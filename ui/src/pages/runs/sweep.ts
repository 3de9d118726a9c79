// A plan's candidates as curves, and what they say. Pure.
import type { PlanRun, Ranked, Summary } from "../../api/types.ts";

export interface SweepPoint { x: number; summary: Summary; ranked: Ranked }
export interface SweepCurve { title: string; points: SweepPoint[] }

/** One curve over the first numeric variation for every combination of the others. */
export function curves(plan: PlanRun, name: string, title: (index: number, value: unknown) => string): { axis: number; curves: SweepCurve[] } {
  const { vary } = plan.request;
  const numeric = vary.map((variation, index) => ({ index, fits: variation.values.length > 1 && variation.values.every((value) => typeof value === "number") }));
  const axis = numeric.find((one) => one.fits)?.index ?? 0;
  const made = new Map<string, SweepPoint[]>();
  for (const ranked of plan.found?.ranked ?? []) {
    const summary = ranked.kpis[name];
    const values = ranked.candidate.values as unknown[];
    const value = values[axis];
    if (!summary) continue;
    const key = values.flatMap((one, index) => (index === axis ? [] : [title(index, one)])).join(", ");
    const x = typeof value === "number" ? value : (vary[axis]?.values as unknown[] | undefined)?.indexOf(value) ?? 0;
    made.set(key, [...(made.get(key) ?? []), { x, summary, ranked }]);
  }
  return { axis, curves: [...made].map(([key, points]) => ({ title: key, points: points.sort((a, b) => a.x - b.x) })) };
}

/** "10, 20, 30" or "10-50/10" or "10 to 50 by 10": the values, or null when it cannot be read. */
export function readValues(text: string): number[] | null {
  const values: number[] = [];
  for (const part of text.split(",").map((one) => one.trim()).filter(Boolean)) {
    const range = /^(-?[\d.]+)\s*(?:\.\.|-|–|to|~)\s*(-?[\d.]+)(?:\s*(?:\/|by|step)\s*([\d.]+))?$/.exec(part);
    if (!range) {
      const value = Number(part);
      if (!Number.isFinite(value)) return null;
      values.push(value);
      continue;
    }
    const [from, to, by] = [Number(range[1]), Number(range[2]), Number(range[3] ?? 1)];
    if (![from, to, by].every(Number.isFinite) || by <= 0 || (to - from) / by > 1000) return null;
    for (let index = 0; from + index * by <= to + by * 1e-9; index += 1) values.push(Number((from + index * by).toFixed(6)));
  }
  return values.length > 0 ? [...new Set(values)] : null;
}
