// The one catalogue of messages: each key has its English and its Korean words, so that neither can be forgotten.
import { editor } from "./editor.ts";
import type { energy } from "./energy.ts";
import { fleet } from "./fleet.ts";
import type { inference } from "./inference.ts";
import type { map } from "./map.ts";
import { mind } from "./mind.ts";
import { pages } from "./pages.ts";
import type { rules } from "./rules.ts";
import { runs } from "./runs.ts";
import { shell } from "./shell.ts";
import { settings } from "./settings.ts";

const first = { ...shell, ...pages, ...runs, ...fleet, ...editor, ...mind, ...settings };
/** What the pages of rules, models, energy and the map say is learnt when the first of them is opened; see words.ts beside them. */
export const messages = first as typeof first & typeof rules & typeof inference & typeof energy & typeof map;
export type MessageKey = keyof typeof messages;
export type Message = readonly [english: string, korean: string];

export function learn(words: Record<string, Message>): void {
  Object.assign(messages, words);
}
