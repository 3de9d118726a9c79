// Asks once a second while something is not over, and no longer.
import type { RunState } from "../../api/types.ts";

export const isOver = (state: RunState | undefined): boolean => state === "finished" || state === "failed" || state === "cancelled";

/** For use while a component is made. */
export function whileGoing(going: () => boolean, look: () => Promise<unknown>): void {
  $effect(() => {
    if (!going()) return;
    let asking = false;
    const timer = setInterval(() => {
      if (document.hidden || asking) return;
      asking = true;
      void look().catch(() => undefined).finally(() => { asking = false; });
    }, 1000);
    return () => clearInterval(timer);
  });
}
