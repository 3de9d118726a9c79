// What went wrong, in a person's own language where the page knows better words than the server.
import { Problem } from "../api/client.ts";
import { t } from "./text.svelte.ts";

export interface Told { title: string; detail: string; hint: string | null; where: string | null }

export function tell(problem: Error): Told {
  if (!(problem instanceof Problem)) return { title: t("problem.page"), detail: problem.message, hint: null, where: null };
  if (problem.status === 0) return { title: t("problem.unreachable"), detail: t("problem.unreachable.hint"), hint: null, where: null };
  if (problem.status === 412) return { title: t("problem.changed"), detail: t("problem.changed.hint"), hint: null, where: null };
  return { title: problem.title, detail: problem.message, hint: problem.hint, where: problem.where };
}

/** The same in one line. */
export function inWords(problem: Error | undefined): string {
  if (problem === undefined) return "";
  const { title, detail } = tell(problem);
  return problem instanceof Problem && problem.status === 412 ? title : detail || title;
}
