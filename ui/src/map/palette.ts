// The colours of a map: tokens and nothing else, asked of the browser because a canvas cannot read them.
import { tokenColour } from "../lib/theme.svelte.ts";
import type { Colours } from "./types.ts";

const tokens = [
  "--map-land", "--map-district", "--map-edge", "--map-street", "--map-street-edge", "--map-building", "--map-building-edge", "--map-amber-ink", "--surface-raised", "--ink", "--ink-soft", "--ink-faint", "--line-strong",
  "--accent", "--accent-ink", "--focus", "--amber", "--amber-mark", "--amber-tint", "--red", "--red-mark", "--red-tint", "--red-ink", "--violet", "--violet-mark", "--violet-hatch", "--violet-2",
] as const;

export function palette(host: HTMLElement): Colours {
  return Object.fromEntries(tokens.map((token) => [token, tokenColour(host, token)]));
}
