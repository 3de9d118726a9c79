// A long list known by its length, of which only the pages in sight are fetched.
import type { Problem } from "../api/client.ts";

interface Page<Item> { items: Item[]; total: number }
type Fetch<Item> = (offset: number, limit: number, signal: AbortSignal) => Promise<Page<Item>>;

const size = 200;

export class PagedList<Item> {
  /** As long as the list is; what was not fetched yet is undefined. */
  items = $state.raw<(Item | undefined)[]>([]);
  loaded = $state(false);
  slow = $state(false);
  problem = $state.raw<Problem | null>(null);
  #fetch: Fetch<Item>;
  #fetched = new Set<number>();
  #wanted: [number, number] = [0, 0];
  #controller: AbortController | null = null;
  #running: Promise<void> | null = null;

  constructor(fetch: Fetch<Item>) {
    this.#fetch = fetch;
  }

  /** Starts over where somebody looks; what is shown stays until the first new page is there. */
  restart(): Promise<void> {
    this.#controller?.abort();
    this.#controller = new AbortController();
    return (this.#running = this.#run(true, this.#controller.signal));
  }

  /** Says which rows are looked at. */
  need(first: number, last: number): void {
    this.#wanted = [Math.max(0, first), Math.min(last, this.items.length)];
    if (this.#running === null && this.#controller !== null && this.#missing() !== null) this.#running = this.#run(false, this.#controller.signal);
  }

  async all(): Promise<Item[]> {
    do {
      await this.#running;
      this.need(0, this.items.length);
    } while (this.#running !== null && this.problem === null);
    return this.items.filter((item) => item !== undefined);
  }

  replace(change: (item: Item) => Item): void {
    this.items = this.items.map((item) => item && change(item));
  }

  #missing(): number | null {
    const [first, last] = this.#wanted;
    for (let page = Math.floor(first / size); page * size < last; page += 1) if (!this.#fetched.has(page)) return page;
    return null;
  }

  async #run(fresh: boolean, signal: AbortSignal): Promise<void> {
    const timer = setTimeout(() => { this.slow = true; }, 200);
    let next = fresh ? Math.floor(this.#wanted[0] / size) : this.#missing();
    try {
      while (next !== null) {
        const { items, total } = await this.#fetch(next * size, size, signal);
        if (signal.aborted) return;
        if (fresh && items.length === 0 && next > 0) {
          // The list has become shorter than where somebody looked.
          next = 0;
          continue;
        }
        if (fresh) this.#fetched.clear();
        this.#fetched.add(next);
        const start = next * size;
        this.items = Array.from({ length: total }, (_, index) => items[index - start] ?? (fresh ? undefined : this.items[index]));
        this.loaded = true;
        this.problem = null;
        fresh = false;
        next = this.#missing();
      }
    } catch (cause) {
      if (!signal.aborted) this.problem = cause as Problem;
    } finally {
      clearTimeout(timer);
      if (this.#controller?.signal === signal) {
        this.slow = false;
        this.#running = null;
      }
    }
  }
}
