// Things that are being removed but can still be brought back; lists leave them out at once.
import { SvelteSet } from "svelte/reactivity";

export const removedThings = new SvelteSet<string>();
