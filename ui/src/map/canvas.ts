// The map itself: the only place that knows MapLibre, loaded with the first map that is looked at. Its worker is a file of our own,
// its letters are drawn from the fonts of the machine and its pictures from our icons, so it works without the internet.
import { Map as Canvas, setWorkerUrl, type GeoJSONSource, type MapGeoJSONFeature, type MapMouseEvent, type PointLike, type VectorTileSource } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import { density, picture } from "./images.ts";
import { layers, mapStyle, nowLayers, pastLayers, pressable, thingSource } from "./style.ts";
import type { AlarmPoint, Box, Colours, Hovered, MapListener, Marks, PastPoint, Picked, SiteMap, Spot, View } from "./types.ts";
import { ring } from "./view.ts";

setWorkerUrl(workerUrl);

const reachPixels = 7;
const placeZoom = 17;

export interface MapOptions { host: HTMLElement; colours: Colours; start: View | Box; title: string; listener: MapListener }

/** Throws where the browser has no WebGL. */
export function createMap(options: MapOptions): SiteMap {
  return new DrawnMap(options);
}

const tileAddress = (kind: string | null): string => `${location.origin}/api/v1/map/tiles/{z}/{x}/{y}${kind === null ? "" : `?kind=${encodeURIComponent(kind)}`}`;
const point = ({ longitude, latitude }: Spot, properties: Record<string, unknown>) => ({ type: "Feature" as const, geometry: { type: "Point" as const, coordinates: [longitude, latitude] }, properties });
const collection = (features: object[]) => ({ type: "FeatureCollection", features }) as unknown as Exclude<Parameters<GeoJSONSource["setData"]>[0], string>;

class DrawnMap implements SiteMap {
  readonly #canvas: Canvas;
  readonly #listener: MapListener;
  #colours: Colours;
  #drawn = new Set<string>();
  #kind: string | null = null;
  /** What was asked for before the style was there, in order. */
  #waiting: (() => void)[] | null = [];
  #isAiming = false;
  #problem: string | null = null;

  constructor({ host, colours, start, title, listener }: MapOptions) {
    this.#colours = colours;
    this.#listener = listener;
    const view = "zoom" in start ? { center: [start.longitude, start.latitude] as [number, number], zoom: start.zoom } : { bounds: start, fitBoundsOptions: { padding: 40, maxZoom: placeZoom } };
    this.#canvas = new Canvas({
      container: host, style: mapStyle(colours, tileAddress(null)), ...view, attributionControl: false, maxPitch: 0, maxZoom: 22, dragRotate: false, pitchWithRotate: false, touchPitch: false,
      renderWorldCopies: false, fadeDuration: 120, locale: { "Map.Title": title },
    });
    this.#canvas.touchZoomRotate.disableRotation();
    this.#canvas.keyboard.disableRotation();
    this.#canvas.setMissingStyleImageResolver(async (name) => this.#draw(name));
    this.#listen();
  }

  #listen(): void {
    const canvas = this.#canvas;
    const told = () => this.#listener.view(this.#view(), this.#box());
    canvas.once("style.load", () => {
      const waiting = this.#waiting ?? [];
      this.#waiting = null;
      for (const job of waiting) job();
      told();
    });
    canvas.on("dataloading", () => canvas.getContainer().setAttribute("aria-busy", "true"));
    canvas.on("idle", () => canvas.getContainer().setAttribute("aria-busy", "false"));
    canvas.on("moveend", told);
    canvas.on("resize", told);
    canvas.on("click", (event) => this.#pressed(event.point, spotOf(event)));
    canvas.on("mousemove", (event) => this.#hover(event));
    canvas.on("mouseout", () => this.#listener.hover(null));
    canvas.on("dragstart", () => this.#listener.hover(null));
    canvas.on("error", ({ error }) => this.#say(error.message));
    canvas.on("sourcedata", (event) => { if (event.sourceId === thingSource && event.tile) this.#say(null); });
    // The crosshair in the middle is the pointer of a keyboard.
    canvas.getCanvas().addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const middle = canvas.getCenter();
      this.#pressed(canvas.project(middle), { longitude: middle.lng, latitude: middle.lat });
    });
  }

  #say(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#listener.problem(problem);
  }

  #when(job: () => void): void {
    if (this.#waiting) this.#waiting.push(job);
    else job();
  }

  #draw(name: string): void {
    const image = picture(name, this.#colours);
    if (image === null || this.#canvas.hasImage(name)) return;
    this.#drawn.add(name);
    this.#canvas.addImage(name, image, { pixelRatio: density });
  }

  #view(): View {
    const middle = this.#canvas.getCenter();
    return { longitude: middle.lng, latitude: middle.lat, zoom: this.#canvas.getZoom() };
  }

  #box(): Box {
    const bounds = this.#canvas.getBounds();
    return [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
  }

  #at(middle: { x: number; y: number }, names: string[]): MapGeoJSONFeature | null {
    const reach: [PointLike, PointLike] = [[middle.x - reachPixels, middle.y - reachPixels], [middle.x + reachPixels, middle.y + reachPixels]];
    const found = this.#canvas.queryRenderedFeatures(reach, { layers: names });
    return found.toSorted((one, other) => names.indexOf(one.layer.id) - names.indexOf(other.layer.id))[0] ?? null;
  }

  #pressed(middle: { x: number; y: number }, spot: Spot): void {
    if (this.#waiting) return;
    const feature = this.#isAiming ? null : this.#at(middle, [...pressable, "past"]);
    const picked = pickedFrom(feature);
    if (picked.what === "cluster" && feature?.geometry.type === "Point") {
      const [longitude = 0, latitude = 0] = feature.geometry.coordinates;
      this.go({ longitude, latitude, zoom: this.#canvas.getZoom() + 2 });
    }
    this.#listener.pick(picked, spot);
  }

  #hover(event: MapMouseEvent): void {
    if (this.#waiting || this.#isAiming) return;
    const feature = this.#at(event.point, [...pressable.slice(0, 3), "past"]);
    this.#canvas.getCanvas().style.cursor = feature ? "pointer" : "";
    this.#listener.hover(feature && feature.layer.id !== "clusters" ? hoveredFrom(feature, event.point) : null);
  }

  #data(source: string, features: object[]): void {
    this.#when(() => void (this.#canvas.getSource(source) as GeoJSONSource | undefined)?.setData(collection(features)));
  }

  spaces(features: unknown): void {
    const list = features as { id: string; properties: { middle: Spot } }[];
    this.#data("spaces", list);
    this.#data("names", list.map((one) => point(one.properties.middle, one.properties)));
  }

  kind(kind: string | null): void {
    if (kind === this.#kind) return;
    this.#kind = kind;
    this.#when(() => void (this.#canvas.getSource(thingSource) as VectorTileSource | undefined)?.setTiles([tileAddress(kind)]));
  }

  alarms(points: AlarmPoint[]): void {
    this.#data("alarms", points.map(({ id, thing, title, tone, ...spot }) => point(spot, { id, thing, title, tone })));
  }

  past(points: PastPoint[] | null): void {
    this.#data("past", (points ?? []).map(({ id, title, share, text, ...spot }) => point(spot, { id, title, share, text })));
    this.#when(() => {
      for (const layer of nowLayers) this.#canvas.setLayoutProperty(layer, "visibility", points === null ? "visible" : "none");
      for (const layer of pastLayers) this.#canvas.setLayoutProperty(layer, "visibility", points === null ? "none" : "visible");
    });
  }

  marks({ chosen, near, placing, space }: Marks): void {
    const marked = (spot: Spot | null, role: string) => (spot === null ? [] : [point(spot, { role })]);
    this.#data("marks", [...marked(chosen, "chosen"), ...marked(placing, "placing")]);
    this.#data("near", near === null ? [] : [{ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring(near)] } }]);
    this.#when(() => {
      this.#canvas.setFilter("chosen-line", ["==", ["get", "id"], space ?? ""]);
      this.#canvas.setFilter("chosen-area", ["all", ["==", ["geometry-type"], "Polygon"], ["==", ["get", "id"], space ?? ""]]);
    });
  }

  aiming(isAiming: boolean): void {
    this.#isAiming = isAiming;
    this.#canvas.getCanvas().style.cursor = isAiming ? "crosshair" : "";
    if (isAiming) this.#listener.hover(null);
  }

  colours(colours: Colours): void {
    this.#colours = colours;
    this.#when(() => {
      for (const layer of layers(colours)) for (const [name, value] of Object.entries(layer.paint ?? {})) this.#canvas.setPaintProperty(layer.id, name as never, value as never, { validate: false });
      for (const name of this.#drawn) {
        const image = picture(name, colours);
        if (image && this.#canvas.hasImage(name)) this.#canvas.updateImage(name, image);
      }
    });
  }

  refresh(): void {
    if (this.#waiting === null) this.#canvas.refreshTiles(thingSource);
  }

  go({ longitude, latitude, zoom }: Partial<View> & Spot): void {
    this.#canvas.easeTo({ center: [longitude, latitude], zoom: Math.min(22, zoom ?? Math.max(this.#canvas.getZoom(), placeZoom)), duration: 350 });
  }

  fit(box: Box): void {
    this.#canvas.fitBounds(box, { padding: 40, maxZoom: placeZoom, duration: 350 });
  }

  zoom(steps: number): void {
    this.#canvas.easeTo({ zoom: this.#canvas.getZoom() + steps, duration: 200 });
  }

  remove(): void {
    this.#canvas.remove();
  }
}

function spotOf(event: MapMouseEvent): Spot {
  return { longitude: event.lngLat.lng, latitude: event.lngLat.lat };
}

function pickedFrom(feature: MapGeoJSONFeature | null): Picked {
  if (feature === null) return { what: "nothing" };
  const text = (name: string): string => String(feature.properties[name] ?? "");
  if (feature.layer.id === "clusters") return { what: "cluster" };
  if (feature.layer.id === "alarms") return { what: "alarm", id: text("id"), thing: text("thing") };
  if (feature.layer.id === "things" || feature.layer.id === "past") return { what: "thing", id: text("id") };
  return { what: "space", id: text("id") };
}

function hoveredFrom(feature: MapGeoJSONFeature, { x, y }: { x: number; y: number }): Hovered {
  const text = (name: string): string | null => (feature.properties[name] === undefined || feature.properties[name] === null ? null : String(feature.properties[name]));
  const isPast = feature.layer.id === "past";
  return { title: text("title") ?? "", value: isPast ? text("text") : text("value"), unit: isPast ? null : text("unit"), name: isPast ? null : text("name"), x, y };
}
