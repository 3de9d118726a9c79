// A long list known by its length, fetched a page at a time as far as somebody scrolls.
import type { Problem } from "../api/client.ts";

interface Page<Item> { items: Item[]; next_cursor?: string | null; total?: number }

export class PagedList<Item> {
  items = $state.raw<Item[]>([]);
  total = $state(0);
  loaded = $state(false);
  slow = $state(false);
  problem = $state.raw<Problem | null>(null);
  #fetch: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<Item>>;
  #cursor: string | null | undefined;
  #wanted = 0;
  #controller: AbortController | null = null;
  #busy = false;

  constructor(fetch: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<Item>>) {
    this.#fetch = fetch;
  }

  /** Starts over; what is shown stays until the first new page is there. */
  async restart(): Promise<void> {
    this.#controller?.abort();
    this.#controller = new AbortController();
    this.#cursor = undefined;
    this.#busy = false;
    this.#wanted = 1;
    await this.#run(true);
  }

  need(index: number): void {
    this.#wanted = Math.max(this.#wanted, Math.min(index, this.total));
    if (this.items.length < this.#wanted) void this.#run(false);
  }

  async all(): Promise<Item[]> {
    while (this.#cursor && this.problem === null) {
      this.#wanted = this.total;
      if (!this.#busy) await this.#run(false);
      else await new Promise((resume) => setTimeout(resume, 50));
    }
    return this.items;
  }

  replace(change: (item: Item) => Item): void {
    this.items = this.items.map(change);
  }

  async #run(fresh: boolean): Promise<void> {
    if (this.#busy || this.#controller === null) return;
    const controller = this.#controller;
    this.#busy = true;
    let replacing = fresh;
    const timer = setTimeout(() => { this.slow = true; }, 200);
    try {
      while (replacing || (this.items.length < this.#wanted && this.#cursor)) {
        const page = await this.#fetch(this.#cursor ?? undefined, controller.signal);
        if (controller.signal.aborted) return;
        this.items = replacing ? page.items : [...this.items, ...page.items];
        this.#cursor = page.next_cursor ?? null;
        this.total = this.#cursor === null ? this.items.length : (page.total ?? this.items.length + page.items.length);
        this.loaded = true;
        this.problem = null;
        replacing = false;
      }
    } catch (cause) {
      if (!controller.signal.aborted) this.problem = cause as Problem;
    } finally {
      clearTimeout(timer);
      this.slow = false;
      if (this.#controller === controller) this.#busy = false;
    }
  }
}
