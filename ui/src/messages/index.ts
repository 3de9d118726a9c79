// The one catalogue of messages: each key has its English and its Korean words, so that neither can be forgotten.
import { editor } from "./editor.ts";
import { fleet } from "./fleet.ts";
import { mind } from "./mind.ts";
import { pages } from "./pages.ts";
import { runs } from "./runs.ts";
import { shell } from "./shell.ts";
import { settings } from "./settings.ts";

export const messages = { ...shell, ...pages, ...runs, ...fleet, ...editor, ...mind, ...settings };
export type MessageKey = keyof typeof messages;
export type Message = readonly [english: string, korean: string];
