// Plans in words.
import type { Fall, KpiDescription, PlanRun, Ranked, Turn } from "../../api/types.ts";
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

/** From which number on more robots do less, how much, and where; with what else was varied. */
export function turnInWords(turn: Turn, request: PlanRun["request"]): string {
  const [first, last] = [turn.falls[0], turn.falls.at(-1)];
  if (turn.kpi !== "orders_per_hour" || turn.place !== "/world/robots/count" || !first || !last) return turn.words ?? "";
  const lost = ({ difference }: Fall) => ({ loss: `${say.number(-difference.mean, 1)} ± ${say.number(difference.half_width ?? 0, 1)}`, share: say.number((-100 * difference.mean) / turn.figure.mean, 1) });
  const [few, many] = [lost(first), lost(last)];
  const others = request.vary.flatMap((variation, index) => (variation.place === turn.place ? [] : [`${placeTitle(variation.place)} ${say.value(turn.candidate.values[index])}`]));
  return [
    first === last ? t("plan.less", { best: turn.best, count: last.value, ...many }) : t("plan.less.most", { best: turn.best, first: first.value, first_loss: few.loss, first_share: few.share, count: last.value, ...many }),
    turn.spots.length > 0 ? t("plan.less.where", { places: turn.spots.join(", ") }) : "",
    others.length > 0 ? `(${others.join(", ")})` : "",
  ].filter(Boolean).join(" ");
}
