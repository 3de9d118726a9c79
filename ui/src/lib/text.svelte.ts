// Words in the chosen language, and the formats of lib/format.ts bound to it.
import { messages, type MessageKey } from "../messages/index.ts";
import * as format from "./format.ts";
import { preferences } from "./preferences.svelte.ts";

const plurals = { en: new Intl.PluralRules("en"), ko: new Intl.PluralRules("ko") };

/** The message of a key. "one|many" chooses by `count`; {name} is filled from `values`. */
export function t(key: MessageKey, values: Record<string, string | number> = {}): string {
  const language = preferences.language;
  let text: string = messages[key][language === "ko" ? 1 : 0];
  if (text.includes("|")) {
    const [one = "", many = one] = text.split("|");
    text = plurals[language].select(Number(values["count"] ?? 0)) === "one" ? one : many;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? format.formatNumber(value, language) : value;
  });
}

/** A message by a key made at run time, or the fallback where the catalogue has none. */
export function lookup(key: string, fallback: string): string {
  return key in messages ? t(key as MessageKey) : fallback;
}

/** What true and false mean for a value of this name: a window is open, not on. */
function booleanWords(name: string): format.ValueWords {
  const sort = format.booleanSort(name);
  return { on: t(`value.${sort}.true`), off: t(`value.${sort}.false`) };
}

export const say = {
  named: (name: string, value: unknown, decimals?: number | null) => format.formatValue(value, preferences.language, booleanWords(name), decimals),
  value: (value: unknown, decimals?: number | null) => format.formatValue(value, preferences.language, booleanWords(""), decimals),
  number: (value: number, decimals?: number | null) => format.formatNumber(value, preferences.language, decimals),
  age: (microseconds: number) => format.formatAge(microseconds, preferences.language),
  moment: (microseconds: number, now: number) => format.formatMoment(microseconds, preferences.language, now),
  exact: (microseconds: number) => format.formatExact(microseconds, preferences.language),
  date: (microseconds: number) => format.formatDate(microseconds, preferences.language),
  bytes: (bytes: number) => format.formatBytes(bytes, preferences.language),
  duration: (seconds: number) => format.formatDuration(seconds, preferences.language),
};
