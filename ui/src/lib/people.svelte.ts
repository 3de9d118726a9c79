// Names of people by their ids, as far as this person may know them.
import { ask, client, items } from "../api/client.ts";
import type { User } from "../api/types.ts";
import { session } from "./session.svelte.ts";

class People {
  #names = $state.raw(new Map<string, string>());
  #loading: Promise<void> | null = null;

  load(): Promise<void> {
    if (!session.mayConfigure) return Promise.resolve();
    this.#loading ??= ask(client.GET("/api/v1/users")).then((list) => { this.#names = new Map(items<User>(list).map((user) => [user.id, user.name])); }, () => { this.#loading = null; });
    return this.#loading;
  }

  /** The name behind an id, or null where it is not known. */
  name(id: string): string | null {
    const self = session.current?.user;
    return this.#names.get(id) ?? (self && (self.id === id || self.name === id) ? self.name : null);
  }
}

export const people = new People();
