// What the mind found, in words made from its kind and its figures. Pure: language and formats are arguments.
import type { Insight, InsightKind, InsightSeverity, InsightState, ModelCard } from "../api/mind.ts";
import type { IconName } from "../components/icons.ts";
import type { MessageKey } from "../messages/index.ts";

export interface Words {
  t: (key: MessageKey, values?: Record<string, string | number>) => string;
  /** A figure with its unit. */
  figure: (value: number) => string;
  /** Two figures with one unit. */
  range: (low: number, high: number) => string;
  duration: (seconds: number) => string;
  /** A count that may be as large as it likes. */
  large: (count: number) => string;
}

type Told = Pick<Insight, "kind" | "state" | "began" | "ended" | "expected" | "came" | "unit" | "score">;

export const kindIcon: Record<InsightKind, IconName> = {
  anomaly: "anomaly", stuck: "stuck", drift: "drift", spike: "spike", dropout: "dropout", noise: "noise", clock_skew: "clock", oscillation: "oscillation", joint: "joint",
};
/** Shape and word carry the severity; the colour only repeats them. */
export const severityIcon: Record<InsightSeverity, IconName> = { notice: "info", warning: "warning", alarm: "fault" };
export const severityTone: Record<InsightSeverity, "plain" | "amber" | "red"> = { notice: "plain", warning: "amber", alarm: "red" };
export const stateIcon: Record<InsightState, IconName> = { open: "insight", acknowledged: "check", normal: "undo", over: "clock" };

const second = 1_000_000;

/** What happened, in one sentence. */
export function sentence(insight: Told, property: string, thing: string, now: number, words: Words): string {
  const name = property || thing;
  const { expected, came, kind } = insight;
  const { t, figure } = words;
  const range = expected === null ? null : { range: words.range(expected.low, expected.high), value: figure(expected.value) };
  const outside = came !== null && expected !== null && (came < expected.low || came > expected.high);
  const lasting = words.duration(Math.max(0, (insight.ended ?? now) - insight.began) / second);
  switch (kind) {
    case "anomaly":
      if (came === null || range === null || expected === null || !outside) return t("insight.anomaly.course", { name });
      return t(came > expected.high ? "insight.anomaly.high" : "insight.anomaly.low", { name, came: figure(came), ...range });
    case "stuck":
      if (came === null) return t("insight.stuck", { name });
      return expected !== null && range !== null && expected.low < expected.high ? t("insight.stuck.at_range", { name, came: figure(came), ...range }) : t("insight.stuck.at", { name, came: figure(came) });
    case "drift":
      return came === null || range === null ? t("insight.drift", { name }) : t("insight.drift.to", { name, came: figure(came), ...range });
    case "spike":
      return came === null || range === null ? t("insight.spike", { name }) : t("insight.spike.to", { name, came: figure(came), ...range });
    case "dropout":
      return t(insight.ended === null ? "insight.dropout.since" : "insight.dropout.over", { name, time: lasting });
    case "noise":
    case "oscillation":
      return came === null || range === null || !outside ? t(`insight.${kind}`, { name }) : t(`insight.${kind}.to`, { name, came: figure(came), ...range });
    case "clock_skew":
      return t("insight.clock_skew", { thing });
    case "joint":
      return property ? t("insight.joint.name", { thing, name }) : t("insight.joint", { thing });
  }
}

/** How far it went and how rarely that happens; only what the figures really say. */
export function measure(insight: Told, words: Words): string[] {
  const { expected, came } = insight;
  const told: string[] = [];
  if (expected !== null && came !== null && insight.kind !== "stuck") {
    const beyond = came > expected.high ? came - expected.high : expected.low - came;
    if (beyond > 0) told.push(words.t("insight.beyond", { distance: words.figure(beyond) }));
  }
  if (insight.score >= 1) told.push(words.t("insight.chance", { count: words.large(roughly(10 ** Math.min(insight.score, 12))) }));
  return told;
}

/** One figure that counts: 31,622 becomes 30,000. */
function roughly(count: number): number {
  const size = 10 ** Math.floor(Math.log10(count));
  return Math.round(count / size) * size;
}

/** The stretch that shows a finding with what was before it: as long again as it lasted, three hours at least. */
export function stretchOf(insight: Pick<Insight, "began" | "ended" | "last">, now: number): { from: number; to: number } {
  const end = Math.min(now, insight.ended ?? Math.max(insight.last, insight.began));
  const around = Math.max(3 * 3600 * second, Math.min(3 * 86_400 * second, 2 * (end - insight.began)));
  return { from: Math.round(insight.began - around), to: Math.round(Math.min(now, end + around / 3)) };
}

/** A naive forecast that everybody understands, where the name of the baseline says which. */
export function baselineKey(baseline: string): MessageKey | null {
  const name = baseline.toLowerCase();
  const [week, day] = [/week/.test(name), /da[yi]/.test(name)];
  if (week && day) return "model.baseline.day_week";
  if (week) return "model.baseline.week";
  if (day) return "model.baseline.day";
  return /last|persist|naive$/.test(name) ? "model.baseline.last" : null;
}

export function better(error: NonNullable<ModelCard["error"]>, t: Words["t"]): string {
  const key = baselineKey(error.baseline);
  const baseline = key === null ? error.baseline : t(key);
  const percent = Math.round(error.better_percent);
  return t(percent > 0 ? "model.better" : percent < 0 ? "model.worse" : "model.equal", { percent: Math.abs(percent), baseline });
}

export const modelSorts = ["title", "best", "worst", "drift", "updated"] as const;
export type ModelSort = (typeof modelSorts)[number];

/** What has no measured error yet stands after what has one, whichever end is asked for. */
export function sortModels(cards: ModelCard[], sort: ModelSort): ModelCard[] {
  const gain = (card: ModelCard) => card.error?.better_percent ?? null;
  const byGain = (sign: number) => (one: ModelCard, other: ModelCard) => {
    const [a, b] = [gain(one), gain(other)];
    return a === null || b === null ? Number(a === null) - Number(b === null) : sign * (a - b);
  };
  const orders: Record<ModelSort, (one: ModelCard, other: ModelCard) => number> = {
    title: () => 0, best: byGain(-1), worst: byGain(1), drift: (one, other) => (other.drift?.since ?? 0) - (one.drift?.since ?? 0), updated: (one, other) => other.updated - one.updated,
  };
  return cards.toSorted((one, other) => orders[sort](one, other) || one.title.localeCompare(other.title) || one.id.localeCompare(other.id));
}

export function findsModel(card: ModelCard, search: string): boolean {
  const wanted = search.trim().toLowerCase();
  return wanted === "" || [card.title, card.thing, card.name, card.champion, card.engine, card.licence].some((text) => text?.toLowerCase().includes(wanted));
}
