// The mind in words: findings of every kind in both languages, what a stretch shows, forecasts as charts draw them, models sorted and found.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Insight, ModelCard } from "../../src/api/mind.ts";
import { forecastPoints, hoursAhead, shapeForecast } from "../../src/charts/data.ts";
import { formatDuration, formatNumber, unitSign } from "../../src/lib/format.ts";
import { better, findsModel, measure, sentence, sortModels, stretchOf, type Words } from "../../src/lib/insights.ts";
import { messages, type MessageKey } from "../../src/messages/index.ts";

const hour = 3600 * 1e6;
const now = 1_800_000_000 * 1e6;
const base: Insight = {
  id: "i", thing: "pump", thing_title: "Pump", name: "pressure", kind: "anomaly", severity: "warning", state: "open", began: now - 2 * hour, found: now - hour, ended: null, last: now, count: 3,
  expected: { value: 3, low: 2.5, high: 3.5 }, came: 5, unit: "bar", score: 6.2, words: "", acknowledged_by: null, note: null,
};
const words = (language: "en" | "ko", unit: string | null = "bar"): Words => ({
  t: (key: MessageKey, values = {}) => messages[key][language === "en" ? 0 : 1].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name])),
  figure: (value) => `${formatNumber(value, language)} ${unitSign(unit)}`,
  range: (low, high) => `${formatNumber(low, language)}–${formatNumber(high, language)} ${unitSign(unit)}`,
  duration: (seconds) => formatDuration(seconds, language),
  large: (count) => formatNumber(count, language),
});
const told = (change: Partial<Insight>, language: "en" | "ko" = "en") => sentence({ ...base, ...change }, change.name ?? "Pressure", "Pump", now, words(language));

test("a finding says what came and what was expected", () => {
  assert.equal(told({}), "Pressure was 5 bar, above the 2.50–3.50 bar that was expected.");
  assert.equal(told({ came: 1 }), "Pressure was 1 bar, below the 2.50–3.50 bar that was expected.");
  assert.equal(told({ came: 3 }), "Pressure took an unusual course: each value alone may be ordinary, their order is not.");
  assert.equal(told({ kind: "stuck", came: 3.1 }), "Pressure stands still at 3.10 bar, where 2.50–3.50 bar was expected.");
  assert.equal(told({ kind: "stuck", came: 3.1, expected: null }), "Pressure stands still at 3.10 bar, though it usually keeps moving.");
  assert.equal(told({ kind: "drift" }), "Pressure has slowly moved away to 5 bar; about 3 bar was expected.");
  assert.equal(told({ kind: "spike" }), "Pressure jumped to 5 bar for a moment; 2.50–3.50 bar was expected.");
  assert.equal(told({ kind: "noise" }), "Pressure scatters more than it used to, as far as 5 bar where 2.50–3.50 bar was expected.");
  assert.equal(told({}, "ko"), "Pressure 값이 5 bar입니다. 예상 범위 2.50–3.50 bar보다 높습니다.");
});

test("a finding without figures says only what is known", () => {
  const bare = { expected: null, came: null };
  assert.equal(told({ kind: "dropout", ...bare }), "Nothing has been heard of Pressure for 2 hr.");
  assert.equal(told({ kind: "dropout", ended: now - hour, ...bare }), "Nothing was heard of Pressure for 1 hr.");
  assert.equal(told({ kind: "clock_skew" }), "The times that Pump sends do not fit the times they arrive.");
  assert.equal(told({ kind: "noise", came: 3 }), "Pressure scatters more than it used to.");
  assert.equal(told({ kind: "joint", name: "", ...bare }), "The values of Pump do not fit together as they usually do.");
  for (const kind of ["anomaly", "stuck", "drift", "spike", "dropout", "noise", "clock_skew", "oscillation", "joint"] as const)
    for (const language of ["en", "ko"] as const) assert.doesNotMatch(told({ kind, ...bare }, language), /undefined|null|NaN|\{/);
});

test("how far and how rarely is said only where the figures say it", () => {
  assert.deepEqual(measure(base, words("en")), ["1.50 bar beyond what was expected.", "By chance, something this unusual comes about once in 2,000,000 readings."]);
  assert.deepEqual(measure({ ...base, came: 3, score: 0.4 }, words("en")), []);
  assert.deepEqual(measure({ ...base, kind: "stuck", score: 0 }, words("en")), []);
});

test("the chart of a finding shows what was before it and never the future", () => {
  const open = stretchOf(base, now);
  assert.equal(open.to, now);
  assert.equal(open.from, base.began - 4 * hour);
  const spike = stretchOf({ began: now - 48 * hour, ended: now - 48 * hour + 1e6, last: now }, now);
  assert.deepEqual([spike.from, spike.to], [now - 51 * hour, now - 47 * hour + 1e6]);
});

test("a forecast becomes steps in time with its widest band first", () => {
  const shaped = shapeForecast({ name: "power", unit: "W", start: now, step_seconds: 900, median: [1, 2, 3], bands: [{ low_quantile: 0.25, high_quantile: 0.75, low: [0.8, 1.6, 2.4], high: [1.2, 2.4, 3.6] }, { low_quantile: 0.1, high_quantile: 0.9, low: [0, 1, 2], high: [2, 3, 4] }], card: null });
  assert.deepEqual(shaped.times, [now / 1e6, now / 1e6 + 900, now / 1e6 + 1800]);
  assert.deepEqual(shaped.bands.map((band) => band.share), [0.8, 0.5]);
  assert.deepEqual(forecastPoints(shaped, now + 1, now + hour).map((point) => [point.median, point.low, point.high]), [[2, 1, 3], [3, 2, 4]]);
  assert.deepEqual([0.5, 1, 6, 24, 24 * 30, 24 * 365].map((hours) => hoursAhead(hours * hour)), [1, 1, 6, 24, 24, 0]);
});

const card = (id: string, change: Partial<ModelCard>): ModelCard => ({
  id, kind: "forecast", title: id, thing: "pump", name: "pressure", champion: "ridge", learned_from: null, learned_to: null, samples: 1, error: null, drift: null, false_alarms_a_month: null, state_bytes: 1, updated: 1, ...change,
});
const error = (percent: number, baseline = "seasonal naive, day") => ({ measure: "MASE", value: 1, baseline, baseline_value: 1, better_percent: percent });

test("a model is compared with a guess that everybody knows", () => {
  const { t } = words("en");
  assert.equal(better(error(31.4), t), "31 % better than yesterday's value");
  assert.equal(better(error(-12, "seasonal naive, week"), t), "12 % worse than last week's value");
  assert.equal(better(error(8, "the better of as a day before and as a week before"), t), "8 % better than the better of yesterday's and last week's value");
  assert.equal(better(error(0.2, "expert guess"), t), "As good as expert guess");
  assert.equal(better(error(31), words("ko").t), "어제 값보다 31 % 좋음");
});

test("models are sorted and found; what is not measured yet comes last", () => {
  const cards = [card("b", { error: error(5) }), card("a", {}), card("c", { error: error(40), drift: { since: 9, words: "" }, updated: 7 })];
  const ids = (sort: Parameters<typeof sortModels>[1]) => sortModels(cards, sort).map((one) => one.id).join("");
  assert.deepEqual([ids("title"), ids("best"), ids("worst"), ids("drift"), ids("updated")], ["abc", "cba", "bca", "cab", "cab"]);
  assert.deepEqual(cards.filter((one) => findsModel(one, " RIDGE ")).length, 3);
  assert.equal(findsModel(cards[0]!, "solar"), false);
});
