// The stretch of time a chart shows: a span that ends now, or two fixed moments; both live in the address. Pure.

export const spans = ["1h", "6h", "24h", "7d", "30d", "1y", "5y"] as const;
export type Span = (typeof spans)[number];

const second = 1_000_000;
const lengths: Record<Span, number> = { "1h": 3600 * second, "6h": 21_600 * second, "24h": 86_400 * second, "7d": 604_800 * second, "30d": 2_592_000 * second, "1y": 31_557_600 * second, "5y": 157_788_000 * second };

export const shortest = 10 * second;
export const longest = lengths["5y"];

export interface Stretch { from: number; to: number; span: Span | null }

export function lengthOf(span: Span): number {
  return lengths[span];
}

export function readStretch(query: URLSearchParams, now: number, fallback: Span = "24h"): Stretch {
  const from = Number(query.get("from"));
  const to = Number(query.get("to"));
  if (from > 0 && to > from) return { from, to, span: null };
  const named = query.get("span");
  const span = spans.find((one) => one === named) ?? fallback;
  return { from: now - lengths[span], to: now, span };
}

/** Zooms by a factor about a moment, kept between the shortest and the longest stretch and never wholly in the future. */
export function zoom(stretch: { from: number; to: number }, factor: number, about: number, now: number): { from: number; to: number } {
  const length = Math.min(longest, Math.max(shortest, (stretch.to - stretch.from) * factor));
  const share = (about - stretch.from) / (stretch.to - stretch.from);
  return pan({ from: Math.round(about - length * share), to: Math.round(about + length * (1 - share)) }, 0, now);
}

/** Moves by a share of the stretch's own length. */
export function pan(stretch: { from: number; to: number }, share: number, now: number): { from: number; to: number } {
  const length = stretch.to - stretch.from;
  const from = Math.min(Math.round(stretch.from + length * share), Math.round(now - length / 2));
  return { from, to: from + length };
}

/** How often a chart that ends now is fetched again, in milliseconds: once for each pixel that time moves on. */
export function refreshEvery(stretch: { from: number; to: number }, pixels: number): number {
  return Math.min(60_000, Math.max(2_000, (stretch.to - stretch.from) / 1000 / Math.max(1, pixels)));
}
