// Plans in words.
import type { KpiDescription, PlanRun, Ranked } from "../../api/types.ts";
import { humanName } from "../../lib/format.ts";
import { lookup, say, t } from "../../lib/text.svelte.ts";
import { interval, titleOf } from "./domains.svelte.ts";

/** What a place of a scenario is called: "/world/robots/count" is "Robots". */
export function placeTitle(place: string): string {
  const parts = place.split("/").slice(1);
  return lookup(`place.${place}`, lookup(`place.${parts.at(-1) ?? ""}`, humanName(parts.at(-1) ?? place)));
}

export function candidateText(plan: PlanRun, ranked: Ranked): string {
  return plan.request.vary.map((variation, index) => `${placeTitle(variation.place)} ${say.value(ranked.candidate.values[index])}`).join(", ") || t("plan.base");
}

export function bestInWords(plan: PlanRun, kpis: KpiDescription[]): string {
  const best = plan.found?.ranked.find((ranked) => !ranked.failed);
  const kpi = kpis.find((one) => one.name === plan.found?.objective);
  const summary = best && plan.found ? best.kpis[plan.found.objective] : undefined;
  if (!best || !summary) return t("plan.none");
  return t("plan.best", { candidate: candidateText(plan, best), figure: `${kpi ? titleOf(kpi) : plan.found?.objective ?? ""} ${interval(summary, kpi)}` });
}
