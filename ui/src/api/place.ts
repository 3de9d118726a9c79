// Where the site is: its time zone and where it lies on the globe, for the clocks and the sun of rules.
import type { Client } from "openapi-fetch";
import { ask, client } from "./client.ts";

export interface Place { time_zone: string; latitude: number | null; longitude: number | null }
/** Nobody said so: it is what the machine is set to. */
export type SitePlace = Place & { chosen: boolean };

interface Answers { 200: { headers: Record<string, string>; content: { "application/json": SitePlace } } }
interface Paths {
  "/api/v1/settings/place": { get: { parameters: { query?: never }; responses: Answers }; put: { parameters: { query?: never }; requestBody: { content: { "application/json": Place } }; responses: Answers } };
}
const calls = client as unknown as Client<Paths>;

export const place = {
  path: "/api/v1/settings/place",
  get: (signal?: AbortSignal): Promise<SitePlace> => ask(calls.GET("/api/v1/settings/place", signal ? { signal } : {})),
  put: (body: Place): Promise<SitePlace> => ask(calls.PUT("/api/v1/settings/place", { body })),
};
