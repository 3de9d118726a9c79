// How the map looks: layers from the lowest to the topmost, as MapLibre reads them. Pure: colours and words are arguments.
import type { ExpressionSpecification as Expression, LayerSpecification as Layer, StyleSpecification } from "maplibre-gl";
import { unitSigns } from "../lib/format.ts";
import { ringSteps } from "./images.ts";
import type { Colours } from "./types.ts";

export const thingSource = "things";
/** From here on a thing shows what it is, below only how it is. */
const iconZoom = 16.4;
const labelZoom = 17.5;
const plain = ["system-ui", "Noto Sans", "Noto Sans CJK KR"];
const strong = ["semibold", ...plain];
const empty = { type: "FeatureCollection" as const, features: [] };

/** What can be pressed, the topmost first. */
export const pressable = ["alarms", "things", "clusters", "junctions", "junction-areas", "buildings", "streets", "street-areas", "rooms", "districts"];

const state: Expression = ["case", ["has", "attention"], ["get", "attention"], ["get", "presence"]];
const rank: Expression = ["match", state, "red", 3, "amber", 2, "offline", 1, 0];
const sign: Expression = ["match", ["downcase", ["coalesce", ["get", "unit"], ""]], ...Object.entries(unitSigns).flat(), ["coalesce", ["get", "unit"], ""]] as unknown as Expression;
/** Nothing and an empty text would both become 0. */
const isNumber: Expression = ["all", ["has", "value"], ["!=", ["get", "value"], ""], ["!=", ["to-string", ["to-number", ["get", "value"], -987_654_321]], "-987654321"]];
/** A point of another moment whose value then nobody knows. */
const isUnknown: Expression = ["==", ["get", "share"], null];
const size: Expression = ["step", ["get", "things"], 0, 100, 1, 1000, 2];
/** A single offline thing among thousands still shows; only none is none. */
const share: Expression = ["ceil", ["*", ringSteps, ["/", ["get", "offline"], ["max", 1, ["get", "things"]]]]];
const isKind = (...kinds: string[]): Expression => ["in", ["get", "kind"], ["literal", kinds]];
const isShape = (shape: "Polygon" | "LineString" | "Point"): Expression => ["==", ["geometry-type"], shape];
/** Whoever imports streets without names gets their ids as titles, which nobody wants to read. */
const isNamed: Expression = ["!=", ["get", "title"], ["get", "id"]];
/** Wider the nearer one looks, as what has its width in metres. */
const growing = (near: number, far: number): Expression => ["interpolate", ["exponential", 1.85], ["zoom"], 12, far, 20, near];
const spaces = { source: "spaces" } as const;

function ground(colours: Colours): Layer[] {
  const of = (token: string): string => colours[token] ?? "transparent";
  const fill = (id: string, filter: Expression, token: string, minzoom = 0): Layer => ({ id, type: "fill", ...spaces, filter, minzoom, paint: { "fill-color": of(token) } });
  const line = (id: string, filter: Expression, token: string, width: Expression | number, minzoom = 0, dashes?: number[]): Layer =>
    ({ id, type: "line", ...spaces, filter, minzoom, layout: { "line-cap": dashes ? "butt" : "round", "line-join": "round" }, paint: { "line-color": of(token), "line-width": width, ...(dashes ? { "line-dasharray": dashes } : {}) } });
  const areas = (...kinds: string[]): Expression => ["all", isKind(...kinds), isShape("Polygon")];
  const street: Expression = ["all", isKind("street"), isShape("LineString")];
  return [
    { id: "land", type: "background", paint: { "background-color": of("--map-land") } },
    fill("districts", areas("district", "zone", "site"), "--map-district"),
    line("district-edges", areas("district", "zone", "site"), "--map-edge", 1.25, 0, [4, 3]),
    fill("buildings", areas("building"), "--map-building", 13),
    line("building-edges", areas("building"), "--map-building-edge", 1, 14),
    line("street-edges", street, "--map-street-edge", growing(65, 1.9)),
    fill("street-areas", areas("street"), "--map-street"),
    line("street-area-edges", areas("street"), "--map-street-edge", 1),
    line("junction-edges", areas("junction"), "--map-street-edge", growing(5, 1)),
    line("streets", street, "--map-street", growing(60, 1)),
    fill("junction-areas", areas("junction"), "--map-street"),
    { id: "junctions", type: "circle", ...spaces, filter: ["all", isKind("junction"), isShape("Point")], minzoom: 13.5, paint: { "circle-color": of("--map-street"), "circle-radius": growing(34, 1) } },
    fill("rooms", areas("floor", "room"), "--map-building", 17),
    line("room-edges", areas("floor", "room"), "--map-building-edge", 1, 17),
    { id: "chosen-area", type: "fill", ...spaces, filter: ["all", isShape("Polygon"), ["==", ["get", "id"], ""]], paint: { "fill-color": of("--accent"), "fill-opacity": 0.14 } },
    { id: "chosen-line", type: "line", ...spaces, filter: ["==", ["get", "id"], ""], layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": of("--focus"), "line-width": 3 } },
  ];
}

function names(colours: Colours): Layer[] {
  const of = (token: string): string => colours[token] ?? "transparent";
  const paint = (token: string) => ({ "text-color": of(token), "text-halo-color": of("--map-land"), "text-halo-width": 1.5 });
  const places = (id: string, kinds: string[], minzoom: number, maxzoom: number, points: number, beside = false): Layer =>
    ({ id, type: "symbol", source: "names", filter: ["all", isKind(...kinds), isNamed], minzoom, maxzoom, layout: { ...(beside ? { "text-anchor": "top-left" as const, "text-offset": [0.9, 0.9] as [number, number] } : {}), "text-field": ["get", "title"], "text-font": points > 12 ? strong : plain, "text-size": points, "text-max-width": 8, "text-padding": 6 }, paint: paint("--ink-soft") });
  return [
    { id: "street-names", type: "symbol", ...spaces, filter: ["all", isKind("street"), isNamed], minzoom: 15, layout: { "symbol-placement": "line", "text-field": ["get", "title"], "text-font": plain, "text-size": 11, "symbol-spacing": 320, "text-padding": 8 }, paint: { ...paint("--ink-soft"), "text-halo-color": of("--map-street") } },
    places("building-names", ["building"], 16.5, 24, 11),
    places("junction-names", ["junction"], 17, 24, 11, true),
    places("room-names", ["floor", "room"], 18.5, 24, 11),
    places("district-names", ["district", "zone"], 9, 16.5, 13),
  ];
}

function things(colours: Colours): Layer[] {
  const of = (token: string): string => colours[token] ?? "transparent";
  const tiles = { source: thingSource } as const;
  const halo = { "text-halo-color": of("--map-land"), "text-halo-width": 1.5 };
  return [
    {
      id: "clusters", type: "symbol", ...tiles, "source-layer": "clusters",
      layout: {
        "icon-image": ["concat", "cluster/", ["to-string", size], "/", ["to-string", share]], "icon-allow-overlap": true, "text-allow-overlap": true, "text-font": strong, "text-size": ["step", ["get", "things"], 11, 1000, 12], "symbol-sort-key": ["get", "things"],
        "text-field": ["case", ["<", ["get", "things"], 10_000], ["to-string", ["get", "things"]], ["<", ["get", "things"], 1_000_000], ["concat", ["to-string", ["round", ["/", ["get", "things"], 1000]]], "k"], ["concat", ["to-string", ["/", ["round", ["/", ["get", "things"], 100_000]], 10]], "M"]],
      },
      paint: { "text-color": of("--ink") },
    },
    {
      id: "things", type: "symbol", ...tiles, "source-layer": "things",
      layout: {
        "icon-image": ["step", ["zoom"], ["concat", "dot/", state], iconZoom, ["concat", "thing/", state, "/", ["get", "kind"]]], "icon-allow-overlap": true, "icon-ignore-placement": true, "symbol-sort-key": rank, "icon-size": ["interpolate", ["linear"], ["zoom"], 12, 0.6, 15, 1, iconZoom - 0.01, 1, iconZoom, 0.78, labelZoom, 1],
        "text-field": ["step", ["zoom"], "", labelZoom, ["format", ["get", "title"], {}, ["case", isNumber, ["concat", "\n", ["number-format", ["to-number", ["get", "value"], 0], { "max-fraction-digits": 1 }], " ", sign], ""], { "text-font": ["literal", strong], "font-scale": 1.05 }]],
        "text-font": plain, "text-size": 11, "text-anchor": "top", "text-offset": [0, 1.5], "text-optional": true, "text-max-width": 9,
      },
      paint: { "text-color": of("--ink"), ...halo, "icon-opacity": ["case", ["==", ["get", "presence"], "unknown"], 0.85, 1] },
    },
    {
      id: "past", type: "circle", source: "past", layout: { visibility: "none" },
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 12, ["case", isUnknown, 2, 4], 17, ["case", isUnknown, 4.5, 10]],
        "circle-color": ["case", isUnknown, of("--map-land"), ["interpolate", ["linear"], ["to-number", ["get", "share"], 0], 0, of("--violet-hatch"), 0.5, of("--violet-mark"), 1, of("--violet-2")]],
        "circle-stroke-color": of("--violet-mark"), "circle-stroke-width": 1.5,
      },
    },
    {
      id: "past-values", type: "symbol", source: "past", minzoom: iconZoom, layout: { visibility: "none", "text-field": ["get", "text"], "text-font": strong, "text-size": 11, "text-anchor": "top", "text-offset": [0, 0.9], "text-optional": true },
      paint: { "text-color": of("--violet"), ...halo },
    },
    { id: "near-area", type: "fill", source: "near", paint: { "fill-color": of("--accent"), "fill-opacity": 0.08 } },
    { id: "near-line", type: "line", source: "near", paint: { "line-color": of("--accent"), "line-width": 1.5, "line-dasharray": [3, 2] } },
    { id: "chosen", type: "circle", source: "marks", filter: ["==", ["get", "role"], "chosen"], paint: { "circle-radius": ["step", ["zoom"], 10, iconZoom, 18], "circle-color": "transparent", "circle-stroke-color": of("--focus"), "circle-stroke-width": 3 } },
    { id: "alarms", type: "symbol", source: "alarms", layout: { "icon-image": ["concat", "alarm/", ["get", "tone"]], "icon-allow-overlap": true, "icon-ignore-placement": true, "icon-offset": ["step", ["zoom"], ["literal", [0, -14]], iconZoom, ["literal", [0, -25]]], "symbol-sort-key": ["case", ["==", ["get", "tone"], "red"], 1, 0] } },
    { id: "pin", type: "symbol", source: "marks", filter: ["==", ["get", "role"], "placing"], layout: { "icon-image": "pin", "icon-allow-overlap": true } },
  ];
}

export const layers = (colours: Colours): Layer[] => [...ground(colours), ...names(colours), ...things(colours)];

/** Only what belongs to now, and only what belongs to another moment. */
export const nowLayers = ["clusters", "things", "alarms"];
export const pastLayers = ["past", "past-values"];

export function mapStyle(colours: Colours, tiles: string): StyleSpecification {
  return {
    version: 8,
    sources: {
      spaces: { type: "geojson", data: empty, tolerance: 0.3 }, names: { type: "geojson", data: empty },
      [thingSource]: { type: "vector", tiles: [tiles], minzoom: 0, maxzoom: 22 },
      past: { type: "geojson", data: empty }, near: { type: "geojson", data: empty }, marks: { type: "geojson", data: empty }, alarms: { type: "geojson", data: empty },
    },
    layers: layers(colours),
  };
}
