// What the mind says, bound to the page's language; and who is told when something is found.
import { ask, client } from "../api/client.ts";
import type { Insight, ModelCard } from "../api/mind.ts";
import { live } from "../live/store.svelte.ts";
import { fittingDecimals, humanName, unitSign } from "./format.ts";
import type { Words } from "./insights.ts";
import { preferences } from "./preferences.svelte.ts";
import { lookup, say, t } from "./text.svelte.ts";

export const figure = (value: number, unit: string | null, decimals?: number | null): string => {
  const sign = unitSign(unit);
  const number = say.number(value, decimals);
  return sign ? `${number}${sign === "%" && preferences.language === "ko" ? "" : " "}${sign}` : number;
};

export const wordsOf = (insight: Pick<Insight, "unit">, decimals?: number | null): Words => ({
  t,
  figure: (value) => figure(value, insight.unit, decimals),
  range: (low, high) => {
    const [from, to] = [say.number(low, decimals ?? fittingDecimals(high)), figure(high, insight.unit, decimals)];
    return t("insight.range", { low: from, high: to });
  },
  duration: say.duration,
  large: (count) => new Intl.NumberFormat(preferences.language, { notation: count < 1e6 ? "standard" : "compact", compactDisplay: "long", maximumSignificantDigits: 1 }).format(count),
});

export const falseAlarms = (count: number): string => t("model.false_alarms.count", { count: say.number(count, Number.isInteger(count) ? 0 : 1) });

export const championWords = (champion: string): string => lookup(`champion.${champion}`, humanName(champion));

const titlesMost = 500;

/** What people call things, for pages that know only their ids; beyond so many an id must do. */
export async function thingTitles(signal: AbortSignal): Promise<Map<string, string>> {
  const page = await ask(client.GET("/api/v1/things", { params: { query: { limit: titlesMost } }, signal }));
  return new Map(page.items.map((thing) => [thing.id, thing.title]));
}

/** A model by the thing and the value it is about; one that is about neither has a title of its own. */
export const cardTitle = (card: ModelCard, thingTitle?: string): string => (card.thing && card.name ? `${thingTitle ?? card.thing} · ${humanName(card.name)}` : card.title);

const patience = 250;

/** For use while a component is made: calls when something was found or changed its state, once for many at a time. */
export function onInsights(then: () => void, thing?: () => string): void {
  $effect(() => live.watchInsights());
  $effect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = () => { timer ??= setTimeout(() => { timer = undefined; then(); }, patience); };
    const heard = live.onRecord((record) => { if (record.kind === "insight" && (thing === undefined || record.thing === thing())) soon(); });
    const missed = live.onRefetch(soon);
    return () => { clearTimeout(timer); heard(); missed(); };
  });
}
