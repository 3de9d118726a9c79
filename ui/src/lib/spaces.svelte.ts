// The spaces of the site, fetched once and shared by every page that names one.
import { ask, client, items } from "../api/client.ts";
import type { Space } from "../api/types.ts";

class Spaces {
  list = $state.raw<Space[]>([]);
  #loading: Promise<void> | null = null;
  tree = $derived(order(this.list));

  load(fresh = false): Promise<void> {
    if (fresh || this.#loading === null)
      this.#loading = ask(client.GET("/api/v1/spaces")).then((list) => { this.list = items<Space>(list); }, () => { this.#loading = null; });
    return this.#loading;
  }

  byId(id: string | null | undefined): Space | undefined {
    return id ? this.list.find((space) => space.id === id) : undefined;
  }

  title(id: string | null | undefined): string {
    return this.byId(id)?.title ?? id ?? "";
  }
}

/** Parents before their children, with how deep each stands; the site itself is everywhere and left out. */
function order(list: Space[]): { space: Space; depth: number }[] {
  const known = new Set(list.map((space) => space.id));
  const visit = (parent: Space | null, depth: number): { space: Space; depth: number }[] =>
    list
      .filter((space) => (parent === null ? !space.parent || !known.has(space.parent) : space.parent === parent.id))
      .toSorted((one, other) => one.title.localeCompare(other.title))
      .flatMap((space) => (space.kind === "site" ? visit(space, depth) : [{ space, depth }, ...visit(space, depth + 1)]));
  return visit(null, 0);
}

export const spaces = new Spaces();
