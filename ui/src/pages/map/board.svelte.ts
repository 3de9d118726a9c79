// What the page of the map knows: what is in view, which alarms are where, and how it was at another moment.
import { ask, client } from "../../api/client.ts";
import { map, type FoundThings, type PastProperty, type SpaceFeature } from "../../api/map.ts";
import { place } from "../../api/place.ts";
import { alarms, type Alarm } from "../../api/rules.ts";
import { unitSign } from "../../lib/format.ts";
import { resource, Resource } from "../../lib/resource.svelte.ts";
import { say, t } from "../../lib/text.svelte.ts";
import type { AlarmPoint, Box, Spot, View } from "../../map/types.ts";
import { around, boxOf, boxText, type Near } from "../../map/view.ts";
import { choicesOf, keyOf, pastOf } from "./past.ts";
import { toneOf } from "./tones.ts";

const alarmMilliseconds = 5000;
/** Values in the list are live; only what comes and goes has to be asked for. */
const listMilliseconds = 10_000;
const summaryMilliseconds = 10_000;
const shapesMilliseconds = 60_000;
const settleMilliseconds = 150;
/** Where alarms are is asked thing by thing, for the first of them. */
const alarmPlacesMost = 100;
const world: Box = [-170, -60, 170, 75];
const siteZoom = 15;

export interface Asked { kind: string | null; near: Near | null; time: number | null; value: string | null }
type AlarmPlace = (Spot & { title: string }) | null;

export class Board {
  box = $state.raw<Box | null>(null);
  view = $state.raw<View | null>(null);
  summary = resource((signal) => map.summary(signal), summaryMilliseconds);
  shapes = resource((signal) => map.spaces(signal), shapesMilliseconds);
  active = resource((signal): Promise<Alarm[]> => alarms.list("active", signal), alarmMilliseconds);
  /** The shapes as they are drawn: the same list for as long as none has changed, whatever is counted in them. */
  drawn = $state.raw<SpaceFeature[]>([]);
  #drawnText = "";
  places = $state.raw(new Map<string, AlarmPlace>());
  /** Where the map begins; nothing until it is known what there is. */
  start = $state.raw<View | Box | null>(null);
  #asked: () => Asked;
  found = new Resource<FoundThings | null>((signal) => this.#find(signal));
  states = new Resource<PastProperty[]>((signal) => map.stateAt(this.#asked().time ?? 0, signal));

  whole = $derived(this.#whole());
  choices = $derived(choicesOf(this.found.data?.items ?? []));
  choice = $derived(this.choices.find((one) => keyOf(one.name, one.unit) === this.#asked().value) ?? this.choices[0] ?? null);
  past = $derived.by(() => {
    if (this.#asked().time === null) return null;
    if (this.choice === null || this.states.data === undefined) return { points: [], least: null, most: null, known: 0 };
    const { decimals, unit } = this.choice;
    return pastOf(this.found.data?.items ?? [], this.states.data, this.choice, (value) => (value === null ? t("map.time.unknown") : `${say.number(value, decimals)} ${unitSign(unit)}`.trim()));
  });
  /** More is in view than is listed, and than another moment shows. */
  cut = $derived(this.found.data && this.found.data.total > this.found.data.items.length ? { shown: this.found.data.items.length, count: this.found.data.total } : null);
  alarmPoints = $derived((this.active.data ?? []).flatMap((one): AlarmPoint[] => {
    const at = one.thing === null ? null : this.places.get(one.thing);
    return at && one.thing !== null ? [{ id: one.id, thing: one.thing, title: one.name, tone: toneOf(one), longitude: at.longitude, latitude: at.latitude }] : [];
  }));

  /** For use while a component is made. */
  constructor(asked: () => Asked) {
    this.#asked = asked;
    this.#followView();
    this.#followPast();
    $effect(() => this.#redraw(this.shapes.data ?? []));
    $effect(() => void this.#placeAlarms(this.active.data ?? []));
  }

  #redraw(shapes: SpaceFeature[]): void {
    const text = JSON.stringify(shapes.map(({ geometry, properties: { id, kind, title } }) => [id, kind, title, geometry]));
    if (text === this.#drawnText) return;
    this.#drawnText = text;
    this.drawn = shapes;
  }

  #followView(): void {
    $effect(() => {
      const { kind, near } = this.#asked();
      void [kind, near, this.box];
      const timer = setTimeout(() => void this.found.reload(), settleMilliseconds);
      return () => clearTimeout(timer);
    });
    $effect(() => {
      const timer = setInterval(() => { if (!document.hidden && !this.found.loading) void this.found.reload(); }, listMilliseconds);
      return () => { clearInterval(timer); this.found.stop(); };
    });
  }

  #followPast(): void {
    const time = $derived(this.#asked().time);
    $effect(() => {
      if (time !== null) void this.states.reload();
      return () => this.states.stop();
    });
  }

  #find(signal: AbortSignal): Promise<FoundThings | null> {
    const { kind, near } = this.#asked();
    const only = kind === null ? {} : { kind };
    if (near) return map.things({ point: `${near.longitude},${near.latitude}`, metres: near.metres, ...only }, signal);
    if (this.box === null) return Promise.resolve(null);
    return map.things({ bounds: boxText(this.box), ...only }, signal);
  }

  #whole(): Box | null {
    const bounds = this.summary.data?.bounds ?? null;
    const things: Box | null = bounds && [bounds.south_west.longitude, bounds.south_west.latitude, bounds.north_east.longitude, bounds.north_east.latitude];
    return around([things, boxOf(this.shapes.data ?? [])]);
  }

  get isEmpty(): boolean {
    return this.summary.data?.things === 0 && this.shapes.data?.length === 0;
  }

  /** Where to begin where the address does not say: at everything there is, else where the site is, else at the whole earth. */
  async begin(): Promise<void> {
    if (this.whole !== null) { this.start = this.whole; return; }
    const site = await place.get().catch(() => null);
    this.start = site?.longitude != null && site.latitude !== null ? { longitude: site.longitude, latitude: site.latitude, zoom: siteZoom } : world;
  }

  async #placeAlarms(list: Alarm[]): Promise<void> {
    const missing = [...new Set(list.flatMap((one) => (one.thing === null || this.places.has(one.thing) ? [] : [one.thing])))].slice(0, alarmPlacesMost);
    if (missing.length === 0) return;
    const found = await Promise.all(missing.map(async (thing): Promise<[string, AlarmPlace] | null> => {
      const known = await ask(client.GET("/api/v1/things/{thing}", { params: { path: { thing } } })).catch(() => null);
      return known === null ? null : [thing, known.location ? { ...known.location, title: known.title } : null];
    }));
    this.places = new Map([...this.places, ...found.filter((one) => one !== null)]);
  }

  /** After something was put elsewhere. */
  changed(thing: string): void {
    this.places = new Map([...this.places].filter(([id]) => id !== thing));
    void this.active.reload();
    this.reload();
  }

  reload(): void {
    void this.summary.reload();
    void this.shapes.reload();
    void this.found.reload();
  }
}
