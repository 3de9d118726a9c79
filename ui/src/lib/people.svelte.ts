// Names of the people and programs that causes speak of, by their ids.
import { ask, client } from "../api/client.ts";

type Kind = "user" | "token";

class People {
  #names = $state.raw(new Map<string, string>());
  #loading: Promise<void> | null = null;
  #asked = new Set<string>();

  /** The name behind an id, or null where there is nobody of this id any more. */
  name(kind: Kind, id: string): string | null {
    const key = `${kind} ${id}`;
    const name = this.#names.get(key);
    if (name === undefined && !this.#asked.has(key)) {
      // Whoever came since the names were fetched is looked for once.
      this.#asked.add(key);
      this.#loading ??= Promise.resolve().then(() => this.#load());
    }
    return name ?? null;
  }

  async #load(): Promise<void> {
    try {
      const actors = await ask(client.GET("/api/v1/actors"));
      this.#names = new Map(actors.map((actor) => [`${actor.kind} ${actor.id}`, actor.name]));
    } catch {
      this.#asked.clear();
    }
    this.#loading = null;
  }
}

export const people = new People();
