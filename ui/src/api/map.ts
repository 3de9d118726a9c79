// The map: what is on it, the shapes of spaces, what is at a place, where a thing stands, and import.
import { ask, client, ifMatch } from "./client.ts";
import type { ThingSummary } from "./types.ts";
import type { components } from "./schema.d.ts";

type Schemas = components["schemas"];
export type MapSummary = Schemas["MapSummary"];
export type SpaceFeature = Schemas["SpaceFeature"];
export type SpaceProperties = Schemas["SpaceProperties"];
export type FoundThing = Schemas["FoundThing"];
export type FoundThings = Schemas["FoundThings"];
/** A row that is wrong; a hint stands after a new line where there is one. */
export interface RowError { row: number; id: string | null; error: string }
export type ImportOutcome = Omit<Schemas["ImportOutcome"], "errors"> & { errors: RowError[] };
export type PastProperty = Schemas["PastProperty"];
export type Coordinates = Schemas["Coordinates"];

export interface PlaceQuery { bounds?: string; space?: string; point?: string; metres?: number; kind?: string; limit?: number }
const signalled = (signal?: AbortSignal) => (signal ? { signal } : {});
/** The most things a list asks for; the server says how many there are. */
export const listedMost = 500;

export const map = {
  path: "/api/v1/map",
  summary: (signal?: AbortSignal): Promise<MapSummary> => ask(client.GET("/api/v1/map", signalled(signal))),
  spaces: (signal?: AbortSignal): Promise<SpaceFeature[]> => ask(client.GET("/api/v1/map/spaces", signalled(signal))).then((found) => found.features),
  things: (query: PlaceQuery, signal?: AbortSignal): Promise<FoundThings> => ask(client.GET("/api/v1/map/things", { params: { query: { limit: listedMost, ...query } }, ...signalled(signal) })),
  /** The text of the file goes as it is: a large one is not read twice. */
  import: (text: string, dryRun: boolean): Promise<ImportOutcome> => ask(client.POST("/api/v1/map/import", { params: { query: { dry_run: dryRun } }, body: text, bodySerializer: (body) => body as string, headers: { "Content-Type": "application/json" } })) as Promise<unknown> as Promise<ImportOutcome>,
  /** Says where a thing stands; null takes it off the map. */
  place: (thing: string, location: Coordinates | null, rev?: number) => ask(client.PATCH("/api/v1/things/{thing}", { params: { path: { thing } }, body: { location }, ...(rev === undefined ? {} : ifMatch(rev)) })),
  /** Things that match the words and are not on the map, as far as the first page of the search reaches. */
  elsewhere: (search: string, signal?: AbortSignal): Promise<ThingSummary[]> =>
    ask(client.GET("/api/v1/things", { params: { query: { limit: 200, sort: "title", status: "accepted", ...(search ? { search } : {}) } }, ...signalled(signal) })).then((page) => page.items.filter((thing) => thing.location === null)),
  stateAt: (at: number, signal?: AbortSignal): Promise<PastProperty[]> => ask(client.GET("/api/v1/history/state", { params: { query: { at } }, ...signalled(signal) })).then((past) => past.properties),
};
