// The site at a glance, fetched once for the frame (inbox count, alarms) and for the overview page.
import { ask, client } from "../api/client.ts";
import type { Attention, Overview } from "../api/types.ts";

class Summary {
  data = $state.raw<Overview | null>(null);
  problem = $state.raw<Error | null>(null);
  /** What a screen reader is told: findings that were not there before. */
  announcement = $state("");
  #known: Set<string> | null = null;

  async load(): Promise<void> {
    try {
      const data = await ask(client.GET("/api/v1/overview"));
      this.#announce(data.attention);
      this.data = data;
      this.problem = null;
    } catch (cause) {
      this.problem = cause as Error;
    }
  }

  #announce(attention: Attention[]): void {
    const keys = attention.map((one) => `${one.thing} ${one.text}`);
    const fresh = this.#known === null ? [] : attention.filter((one) => !this.#known?.has(`${one.thing} ${one.text}`));
    this.#known = new Set(keys);
    if (fresh.length > 0) this.announcement = fresh.map((one) => `${one.title}: ${one.text}`).join(". ");
  }
}

export const summary = new Summary();
