// Shapes what the history answers into what a chart draws and a table lists. Pure.
import type { Forecast } from "../api/mind.ts";
import type { Series } from "../api/types.ts";

export interface NumericSeries { kind: "numbers"; times: number[]; mean: (number | null)[]; low: (number | null)[]; high: (number | null)[]; count: number }
export interface StateSeries { kind: "states"; times: number[]; values: unknown[] }

const number = (value: unknown): number | null => (typeof value === "number" ? value : null);

export function isNumeric(series: Pick<Series, "type">): boolean {
  return series.type === "number" || series.type === "integer";
}

/** Seconds for the axis (as uPlot counts), with a hole where nothing was said for much longer than usual. */
/** Few points are values that were said when they changed: they hold until the next, and no silence between them is a gap. */
export const isSparse = (series: Series): boolean => series.points.length < 200;

export function shapeNumbers(series: Series): NumericSeries {
  const at = (name: string) => series.columns.indexOf(name);
  const [time, low, high, mean, last, count] = [at("time"), at("min"), at("max"), at("mean"), at("last"), at("count")];
  const shaped: NumericSeries = { kind: "numbers", times: [], mean: [], low: [], high: [], count: 0 };
  const gap = isSparse(series) ? null : usualGap(series.points.map((point) => Number(point[Math.max(0, time)])));
  let before: number | null = null;
  for (const point of series.points) {
    const moment = Number(point[Math.max(0, time)]);
    if (before !== null && gap !== null && moment - before > gap) {
      shaped.times.push((before + (moment - before) / 2) / 1e6);
      for (const list of [shaped.mean, shaped.low, shaped.high]) list.push(null);
    }
    before = moment;
    const middle = number(point[mean]) ?? number(point[last]) ?? (mean < 0 && last < 0 ? number(point[1]) : null);
    shaped.times.push(moment / 1e6);
    shaped.mean.push(middle);
    shaped.low.push(number(point[low]) ?? middle);
    shaped.high.push(number(point[high]) ?? middle);
    shaped.count += count >= 0 ? Number(point[count]) : 1;
  }
  return shaped;
}

/** Ten times the median distance, below which silence is ordinary; null where there are too few points to tell. */
function usualGap(times: number[]): number | null {
  if (times.length < 12) return null;
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time)).sort((one, other) => one - other);
  const median = gaps[Math.floor(gaps.length / 2)] ?? 0;
  return median > 0 ? median * 10 : null;
}

/** States as they followed each other; one that was only said again is not another one. */
export function shapeStates(series: Series): StateSeries {
  const time = Math.max(0, series.columns.indexOf("time"));
  const named = ["value", "last", "first"].map((name) => series.columns.indexOf(name)).find((index) => index >= 0) ?? 1;
  const shaped: StateSeries = { kind: "states", times: [], values: [] };
  for (const point of series.points) {
    const said = point[named];
    // A stretch of many switches is summed up in figures.
    const value = series.type === "boolean" && typeof said === "number" ? said >= 0.5 : said;
    if (shaped.values.length > 0 && shaped.values.at(-1) === value) continue;
    shaped.times.push(Number(point[time]) / 1e6);
    shaped.values.push(value);
  }
  return shaped;
}

export interface Summary { latest: number | null; low: number | null; high: number | null; mean: number | null }

export function summarise(shaped: NumericSeries): Summary {
  let low: number | null = null;
  let high: number | null = null;
  let sum = 0;
  let counted = 0;
  let latest: number | null = null;
  for (const [index, middle] of shaped.mean.entries()) {
    if (middle === null) continue;
    latest = middle;
    sum += middle;
    counted += 1;
    const [bottom, top] = [shaped.low[index] ?? middle, shaped.high[index] ?? middle];
    low = low === null ? bottom : Math.min(low, bottom);
    high = high === null ? top : Math.max(high, top);
  }
  return { latest, low, high, mean: counted > 0 ? sum / counted : null };
}

/** One row for each moment any series speaks, newest first; the table twin of a chart. */
export function tableRows(series: Series[], most: number): { time: number; values: (unknown | undefined)[] }[] {
  const rows = new Map<number, (unknown | undefined)[]>();
  for (const [index, one] of series.entries()) {
    const shaped = isNumeric(one) ? shapeNumbers(one) : shapeStates(one);
    for (const [at, seconds] of shaped.times.entries()) {
      const value = shaped.kind === "numbers" ? shaped.mean[at] : shaped.values[at];
      if (value === null) continue;
      const time = Math.round(seconds * 1e6);
      let row = rows.get(time);
      if (row === undefined) rows.set(time, (row = new Array<unknown>(series.length)));
      row[index] = value;
    }
  }
  return [...rows].map(([time, values]) => ({ time, values })).sort((one, other) => other.time - one.time).slice(0, most);
}

/** A forecast as a chart draws it: seconds for the axis, and its bands with the share of cases that each holds, widest first. */
export interface ShapedForecast { times: number[]; median: number[]; bands: { share: number; low: number[]; high: number[] }[] }

export function shapeForecast(forecast: Forecast): ShapedForecast {
  return {
    times: forecast.median.map((_, step) => forecast.start / 1e6 + step * forecast.step_seconds),
    median: forecast.median,
    bands: forecast.bands.map((band) => ({ share: band.high_quantile - band.low_quantile, low: band.low, high: band.high })).toSorted((one, other) => other.share - one.share),
  };
}

export interface ForecastPoint { time: number; median: number; low: number | null; high: number | null }

/** The steps of a forecast that lie in a stretch, with the widest band of each. Times are microseconds. */
export function forecastPoints(forecast: ShapedForecast, from: number, to: number): ForecastPoint[] {
  const band = forecast.bands[0];
  return forecast.times
    .map((seconds, step) => ({ time: Math.round(seconds * 1e6), median: forecast.median[step] ?? Number.NaN, low: band?.low[step] ?? null, high: band?.high[step] ?? null }))
    .filter((point) => point.time >= from && point.time <= to && Number.isFinite(point.median));
}

/** How far ahead a chart looks: as long as what it shows of the past, a day at most, and not where a day is too little to be seen. */
export function hoursAhead(pastMicroseconds: number): number {
  const hours = pastMicroseconds / 3.6e9;
  return hours > 24 * 60 ? 0 : Math.min(24, Math.max(1, Math.round(hours)));
}
