// What can be simulated, fetched once, and figures in words.
import { ask, client, Problem } from "../../api/client.ts";
import type { DomainDescription, KpiDescription, Summary } from "../../api/types.ts";
import { lookup, say, t } from "../../lib/text.svelte.ts";

class Domains {
  list = $state.raw<DomainDescription[]>([]);
  problem = $state.raw<Problem | null>(null);
  #loading: Promise<void> | null = null;

  load(): Promise<void> {
    return (this.#loading ??= ask(client.GET("/api/v1/domains")).then(
      (list) => { this.list = list; this.problem = null; },
      (cause: Problem) => { this.problem = cause; this.#loading = null; },
    ));
  }

  find(name: string): DomainDescription | undefined {
    return this.list.find((domain) => domain.name === name);
  }

  kpis(name: string): KpiDescription[] {
    return this.find(name)?.kpis ?? [];
  }
}

export const domains = new Domains();

export const titleOf = (kpi: Pick<KpiDescription, "name" | "title">): string => lookup(`kpi.${kpi.name}`, kpi.title);
export const domainTitle = (name: string): string => lookup(`domain.${name}`, domains.find(name)?.title ?? name);

/** "1/h" reads as "/h" behind a figure. */
const signOf = (unit: string): string => (unit.startsWith("1/") ? ` ${unit.slice(1)}` : unit && ` ${unit}`);

export function figure(value: number, kpi: KpiDescription | undefined): string {
  return say.number(value, kpi?.decimals) + signOf(kpi?.unit ?? "");
}

/** Rounded as it will be shown, so that there is no "-0.00". */
const shownAs = (value: number, decimals: number | undefined): number => Number(value.toFixed(decimals ?? 3)) + 0;

/** The mean and how sure it is: "412.0 ± 3.1 /h". */
export function interval(summary: Summary, kpi: KpiDescription | undefined, signed = false): string {
  const mean = shownAs(summary.mean, kpi?.decimals);
  const sign = signed && mean > 0 ? "+" : "";
  const half = summary.half_width == null ? "" : ` ± ${say.number(summary.half_width, kpi?.decimals)}`;
  return sign + say.number(mean, kpi?.decimals) + half + signOf(kpi?.unit ?? "");
}

const favourites = ["orders_per_hour", "lead_minutes", "cost_per_order"];

/** The few figures that stand for a run in a list. */
export function mainKpis(domain: string): KpiDescription[] {
  const all = domains.kpis(domain);
  const chosen = favourites.flatMap((name) => all.find((kpi) => kpi.name === name) ?? []);
  return chosen.length > 0 ? chosen : all.slice(0, 3);
}

const sayings: [RegExp, (found: string[]) => string][] = [
  [/^(.+) works (\d+) % of the time: stations/, ([, station = "", share = ""]) => t("finding.station", { station, share })],
  [/^robots wait (\d+) % of their way/, ([, share = ""]) => t("finding.crowded", { share })],
  [/^all robots have work and orders stay open/, () => t("finding.few_robots")],
  [/^orders stay open although/, () => t("finding.few_orders")],
  [/^robots have work (\d+) % of the time: fewer/, ([, share = ""]) => t("finding.many_robots", { share })],
  [/^the way between loads and stations is the bottleneck: (\d+) cells around (.+) let at most (\d+) orders/, ([, cells = "", place = "", count = ""]) => t("finding.narrow", { cells: t("finding.cells", { count: Number(cells) }), place, count })],
  [/^robots wait before doors (\d+) %/, ([, share = ""]) => t("finding.doors", { share })],
  [/^(\d+) orders were refused/, ([, count = ""]) => t("finding.refused", { count })],
];

/** A finding in the page's language where it is one that is known, else as the domain says it. */
export function finding(text: string): string {
  for (const [pattern, make] of sayings) {
    const found = pattern.exec(text);
    if (found) return make([...found]);
  }
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Seeds of one run differ a little; a finding that says the same of several is said once. */
export function findings(texts: string[]): string[] {
  const kinds = new Map<string, string>();
  for (const text of texts) {
    const kind = text.replace(/\d+/g, "#");
    if (!kinds.has(kind)) kinds.set(kind, finding(text));
  }
  return [...kinds.values()];
}
