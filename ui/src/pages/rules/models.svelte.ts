// What the things of the site are called and what their values are, for whoever names a place in a rule. Fetched once, and a model only when it is named.
import { SvelteMap, SvelteSet } from "svelte/reactivity";
import { ask, client } from "../../api/client.ts";
import { fillProperty } from "../../api/models.ts";
import { scenes, type Scene } from "../../api/rules.ts";
import { getThing } from "../../api/things.ts";
import type { PropertyModel, Thing, ThingSummary } from "../../api/types.ts";
import { humanName, unitSign } from "../../lib/format.ts";
import { say } from "../../lib/text.svelte.ts";
import { placeOf } from "./kinds.ts";

const titlesMost = 500;

const number: PropertyModel = fillProperty("number", { type: "number" } as never);

class Models {
  /** Where a figure is asked for and nobody knows of what. */
  readonly anyNumber = number;
  #summaries = new SvelteMap<string, ThingSummary>();
  #things = new SvelteMap<string, Thing | null>();
  #asked = new SvelteSet<string>();
  /** Whether every thing of the site is among the summaries. */
  #whole = $state(false);
  loaded = $state(false);
  scenes = $state.raw<Scene[]>([]);
  #loading: Promise<void> | null = null;

  load(): Promise<void> {
    return (this.#loading ??= this.#load());
  }

  async #load(): Promise<void> {
    try {
      const [page, found] = await Promise.all([ask(client.GET("/api/v1/things", { params: { query: { limit: titlesMost } } })), scenes.list().catch(() => [])]);
      for (const thing of page.items) this.#summaries.set(thing.id, thing);
      this.#whole = page.items.length >= (page.total ?? page.items.length);
      this.scenes = found;
      this.loaded = true;
    } catch {
      this.#loading = null;
    }
  }

  get list(): ThingSummary[] {
    return [...this.#summaries.values()];
  }

  summary(id: string): ThingSummary | undefined {
    return this.#summaries.get(id);
  }

  title(id: string): string {
    return this.#summaries.get(id)?.title ?? this.#things.get(id)?.title ?? id;
  }

  /** Nothing while it is fetched, null where there is no such thing. */
  thing(id: string): Thing | null | undefined {
    const known = this.#things.get(id);
    if (known !== undefined || !id || !this.loaded) return known;
    if (this.#whole && !this.#summaries.has(id)) return null;
    // Reading must not write: what is missing is fetched behind the reader's back.
    queueMicrotask(() => this.#fetch(id));
    return undefined;
  }

  #fetch(id: string): void {
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    getThing(id).then((thing) => this.#things.set(id, thing), () => this.#things.set(id, null));
  }

  /** The model of a property by its place; a free one where nothing is known. */
  property(place: unknown): PropertyModel | null {
    const where = placeOf(place);
    return where ? (this.thing(where.thing)?.model.properties[where.name] ?? null) : null;
  }

  /** "Hall lamp · Brightness". */
  placeTitle(place: unknown): string {
    const where = placeOf(place);
    if (!where) return "";
    if (!where.name) return this.title(where.thing);
    const thing = this.thing(where.thing);
    const name = thing?.model.properties[where.name]?.title || thing?.model.events[where.name]?.title || thing?.model.actions[where.name]?.title || humanName(where.name);
    return `${this.title(where.thing)} · ${name}`;
  }

  /** Whether a place is surely nowhere. */
  isMissing(place: unknown): boolean {
    const where = placeOf(place);
    if (!where || !this.loaded) return false;
    const thing = this.thing(where.thing);
    return thing === null || (thing !== undefined && where.name !== "" && !(where.name in thing.model.properties) && !(where.name in thing.model.events) && !(where.name in thing.model.actions));
  }

  /** A value with its unit, as its property says it. */
  value(thing: string, name: string, value: unknown): string {
    const model = this.thing(thing)?.model.properties[name];
    const sign = typeof value === "number" ? unitSign(model?.unit) : "";
    return `${typeof value === "string" ? value : say.named(name, value, model?.decimals)} ${sign}`.trim();
  }
}

export const models = new Models();
