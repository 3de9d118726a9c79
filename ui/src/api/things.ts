// The few calls that several pages make.
import { ask, client } from "./client.ts";
import { fillThing } from "./models.ts";
import type { Thing } from "./types.ts";

export const getThing = (thing: string, signal?: AbortSignal): Promise<Thing> =>
  ask(client.GET("/api/v1/things/{thing}", { params: { path: { thing } }, ...(signal ? { signal } : {}) })).then(fillThing);
