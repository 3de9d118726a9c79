// Something fetched: loads when what it reads changes, keeps the last good answer while it reloads, and cancels what is overtaken.
import { Problem } from "../api/client.ts";

export class Resource<Data> {
  data = $state.raw<Data | undefined>(undefined);
  problem = $state.raw<Problem | null>(null);
  /** True once loading has taken long enough to deserve a placeholder. */
  slow = $state(false);
  loading = $state(true);
  #load: (signal: AbortSignal) => Promise<Data>;
  #running: AbortController | null = null;

  constructor(load: (signal: AbortSignal) => Promise<Data>) {
    this.#load = load;
  }

  async reload(): Promise<void> {
    this.#running?.abort();
    const controller = new AbortController();
    this.#running = controller;
    this.loading = true;
    const timer = setTimeout(() => { if (this.#running === controller) this.slow = true; }, 200);
    try {
      const data = await this.#load(controller.signal);
      if (this.#running !== controller) return;
      this.data = data;
      this.problem = null;
    } catch (cause) {
      if (this.#running !== controller || controller.signal.aborted) return;
      if (!(cause instanceof Problem)) throw cause;
      this.problem = cause;
    } finally {
      clearTimeout(timer);
      if (this.#running === controller) {
        this.loading = false;
        this.slow = false;
      }
    }
  }

  stop(): void {
    this.#running?.abort();
    this.#running = null;
  }
}

/** For use while a component is made. `every` repeats the load, in milliseconds, while the page is looked at. */
export function resource<Data>(load: (signal: AbortSignal) => Promise<Data>, every?: number | (() => number)): Resource<Data> {
  const made = new Resource(load);
  $effect(() => {
    void made.reload();
    return () => made.stop();
  });
  $effect(() => {
    if (every === undefined) return;
    const timer = setInterval(() => { if (!document.hidden && !made.loading) void made.reload(); }, typeof every === "function" ? every() : every);
    return () => clearInterval(timer);
  });
  return made;
}
