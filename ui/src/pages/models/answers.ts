// What a model said, in words; and the numbers that somebody types for it.
import type { Answer, BindingInput } from "../../api/inference.ts";
import { humanName } from "../../lib/format.ts";
import { say, t } from "../../lib/text.svelte.ts";

const shownMost = 8;

export function answerWords(answer: Answer): string {
  if ("label" in answer) return answer.label === null ? t("try.no_label") : `${answer.label[0]} · ${say.number(answer.label[1])}`;
  const shown = answer.values.slice(0, shownMost).map((value) => say.number(value)).join(", ");
  return answer.values.length > shownMost ? `${shown}, …` : shown;
}

/** A stream as a person knows it. */
export function streamWords(input: BindingInput, titles: Map<string, string>): string {
  if (input.thing && input.name) return `${titles.get(input.thing) ?? input.thing} · ${humanName(input.name)}`;
  return input.topic ?? input.file ?? "";
}

/** Numbers that are separated by commas, spaces or lines; nothing when one is none. */
export function numbersIn(text: string): number[] | null {
  const numbers = text.split(/[\s,;]+/).filter((word) => word !== "").map(Number);
  return numbers.every(Number.isFinite) ? numbers : null;
}
