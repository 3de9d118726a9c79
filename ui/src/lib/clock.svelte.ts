// One ticking second for every age on the page; it stands still while nobody looks.
import { createSubscriber } from "svelte/reactivity";
import { live } from "../live/store.svelte.ts";

const subscribe = createSubscriber((update) => {
  const timer = setInterval(() => { if (!document.hidden) update(); }, 1000);
  return () => clearInterval(timer);
});

/** Server microseconds now; markup that reads it is renewed each second. */
export function now(): number {
  subscribe();
  return live.now();
}
