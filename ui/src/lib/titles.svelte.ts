// Titles of things by their ids, for pages that are told only ids; fetched once for the first few hundred.
import { ask, client } from "../api/client.ts";

class Titles {
  #titles = $state.raw(new Map<string, string>());
  #loading: Promise<void> | null = null;

  load(): Promise<void> {
    this.#loading ??= ask(client.GET("/api/v1/things", { params: { query: { limit: 500 } } })).then((list) => { this.#titles = new Map(list.items.map((thing) => [thing.id, thing.title])); }, () => { this.#loading = null; });
    return this.#loading;
  }

  of(thing: string): string | null {
    return this.#titles.get(thing) ?? null;
  }
}

export const titles = new Titles();
