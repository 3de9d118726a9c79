/** The types of the API, in the shape openapi-typescript writes; written from the contract until the server's openapi.json generates it. */
type Json = unknown;
type Empty = Record<never, never>;

interface Schemas {
  Problem: { type: string; title: string; status: number; detail?: string; hint?: string | null; where?: string | null };
  Session: { state: "needs_owner" | "signed_out" | "signed_in"; user: { id: string; name: string; role: Schemas["Role"] } | null; site: { id: string; title: string; simulated: boolean }; version: string; demo: boolean };
  Role: "owner" | "operator" | "viewer";
  Primary: { name: string; title: string; value: Json; unit?: string | null; time: number };
  ThingSummary: {
    id: string; title: string; kind: string; status: "accepted" | "inbox" | "ignored"; presence: "online" | "offline" | "unknown"; presence_since_us?: number | null;
    space?: string | null; tags: string[]; via?: string | null; adapter: string; origin: "physical" | "virtual"; last_seen_us?: number | null; rev: number; primary: Schemas["Primary"][];
  };
  Cause: { kind: "device" | "user" | "rule" | "policy" | "import" | "system" | "token"; id: string; run?: string | null; position?: number | null };
  PropertyState: { name: string; value: Json; unit?: string | null; quality: "good" | "uncertain" | "bad"; time: number; received: number; changed_us: number; cause: Schemas["Cause"]; position: number };
  PropertyModel: {
    title: string; description?: string; type: "boolean" | "integer" | "number" | "string" | "json"; unit?: string | null; minimum?: number | null; maximum?: number | null; step?: number | null; decimals?: number | null;
    choices?: string[] | null; readable: boolean; writable: boolean; role: "primary" | "normal" | "diagnostic";
  };
  EventModel: { title: string; severity: string };
  ActionModel: { title: string; input?: Record<string, Schemas["PropertyModel"]> | null; hold: boolean };
  ThingModel: {
    id: string; title: string; description?: string; kind: string; version: string; inferred: boolean;
    properties: Record<string, Schemas["PropertyModel"]>; events: Record<string, Schemas["EventModel"]>; actions: Record<string, Schemas["ActionModel"]>;
  };
  Desired: { value: Json; version: number; time: number; cause: Schemas["Cause"] };
  Diagnostic: { code: string; detail: string; count: number; last_us: number };
  Thing: Schemas["ThingSummary"] & {
    model: Schemas["ThingModel"]; properties: Schemas["PropertyState"][]; desired: Record<string, Schemas["Desired"]>; delta: Record<string, Json>; sub_things: string[];
    credential?: { username: string; rotated_us: number } | null; diagnostics: Schemas["Diagnostic"][];
  };
  Credential: { username: string; secret: string };
  CreatedThing: { thing: Schemas["Thing"]; credential: Schemas["Credential"] };
  Command: {
    id: string; thing: string; action: string; input?: Json; state: "sent" | "accepted" | "running" | "finished" | "failed" | "timed_out"; output?: Json; error?: string | null;
    created_us: number; deadline_us: number; updated_us: number; cause: Schemas["Cause"];
  };
  RecordKind: "property" | "event" | "action" | "presence" | "decision" | "insight";
  Record: { position: number; time: number; received: number; thing: string; kind: Schemas["RecordKind"]; name: string; value: Json; quality: "good" | "uncertain" | "bad"; cause: Schemas["Cause"] };
  Message: { position: number; received: number; topic: string; payload?: string | null; payload_base64?: string | null; bytes: number; qos: number; retain: boolean; client?: string | null; undecodable?: string | null };
  ChainLink: { position: number; summary: string; cause: Schemas["Cause"] };
  EntryWithChain: { entry: Schemas["Message"]; chain: Schemas["ChainLink"][] };
  Space: { id: string; parent?: string | null; kind: "site" | "building" | "floor" | "room" | "zone"; title: string; rev: number; things: number };
  Headline: { thing: string; name: string; title: string; value: Json; unit?: string | null; time: number };
  Attention: { thing: string; title: string; text: string; level: "amber" | "red" };
  Overview: {
    spaces: { space: Schemas["Space"]; things: number; online: number; attention: Schemas["Attention"][]; headline: Schemas["Headline"][] }[];
    totals: { things: number; online: number; inbox: number; records_per_second: number; undecodable: number }; attention: Schemas["Attention"][];
  };
  SeriesInfo: { thing: string; name: string; type: string; unit?: string | null; first_us: number; last_us: number; points: number };
  Series: { thing: string; name: string; type: string; unit?: string | null; columns: string[]; points: Json[][] };
  HistoryAnswer: { tier: string; simulated_until_us?: number | null; series: Schemas["Series"][] };
  User: { id: string; name: string; role: Schemas["Role"]; rev: number; created_us?: number | null; last_seen_us?: number | null };
  Token: { id: string; title: string; scopes: string[]; created_us: number; expires_us?: number | null; last_used_us?: number | null };
  TokenSecret: { id: string; secret: string };
  Audit: { time: number; principal: string; action: string; resource: string; allowed?: boolean; detail?: string | null };
  Queue: { name: string; length: number; limit: number; dropped: number; policy: string };
  System: {
    version: string; uptime_s: number; mqtt: Record<string, Json>; log: Record<string, Json>; history: { series: number; points: number; bytes: number; bytes_per_point: number };
    queues: Schemas["Queue"][]; data_directory: string; listeners: Json[];
  };
}

type List<Item> = { items: Item[]; next_cursor?: string | null; total?: number };
type Answer<Status extends number, Body> = { [status in Status]: { headers: Empty; content: { "application/json": Body } } } & { default: { headers: Empty; content: { "application/problem+json": Schemas["Problem"] } } };
type Call<Status extends number, Result, Query = never, Path = never, Body = never> = {
  parameters: ([Query] extends [never] ? { query?: never } : { query?: Query }) & ([Path] extends [never] ? { path?: never } : { path: Path });
  responses: Answer<Status, Result>;
} & ([Body] extends [never] ? { requestBody?: never } : { requestBody: { content: { "application/json": Body } } });
type OnThing = { thing: string };
type OnId = { id: string };
type Before = { before?: number; limit?: number };

export interface paths {
  "/api/v1/session": { get: Call<200, Schemas["Session"]>; post: Call<200, Schemas["Session"], never, never, { name: string; password: string }>; delete: Call<204, never> };
  "/api/v1/setup": { post: Call<201, Schemas["Session"], never, never, { token: string; name: string; password: string; site_title?: string }> };
  "/api/v1/things": {
    get: Call<200, List<Schemas["ThingSummary"]>, { search?: string; space?: string; tag?: string; kind?: string; presence?: string; status?: string; adapter?: string; sort?: string; cursor?: string; limit?: number }>;
    post: Call<201, Schemas["CreatedThing"], never, never, { id: string; title?: string; model?: Schemas["ThingModel"] | string; space?: string; tags?: string[] }>;
  };
  "/api/v1/things/{thing}": {
    get: Call<200, Schemas["Thing"], never, OnThing>;
    patch: Call<200, Schemas["Thing"], never, OnThing, { title?: string; space?: string | null; tags?: string[]; status?: string }>;
    delete: Call<204, never, never, OnThing>;
  };
  "/api/v1/things/{thing}/model": { get: Call<200, Schemas["ThingModel"], { format?: string }, OnThing>; put: Call<200, Schemas["ThingModel"], never, OnThing, Schemas["ThingModel"]> };
  "/api/v1/things/{thing}/desired": { patch: Call<202, { commands: Schemas["Command"][] }, never, OnThing, Record<string, Json>> };
  "/api/v1/things/{thing}/actions/{action}": { post: Call<202, Schemas["Command"], never, OnThing & { action: string }, { input?: Json; timeout_ms?: number }> };
  "/api/v1/things/{thing}/commands": { get: Call<200, List<Schemas["Command"]>, { cursor?: string; limit?: number }, OnThing> };
  "/api/v1/commands/{id}": { get: Call<200, Schemas["Command"], never, OnId> };
  "/api/v1/things/{thing}/records": { get: Call<200, List<Schemas["Record"]>, Before, OnThing> };
  "/api/v1/things/{thing}/messages": { get: Call<200, List<Schemas["Message"]>, Before, OnThing> };
  "/api/v1/things/{thing}/credential": { post: Call<201, Schemas["Credential"], never, OnThing>; delete: Call<204, never, never, OnThing> };
  "/api/v1/entries/{position}": { get: Call<200, Schemas["EntryWithChain"], never, { position: number }> };
  "/api/v1/inbox/accept": { post: Call<200, { accepted: number }, never, never, { things?: string[]; all?: boolean; space?: string | null }> };
  "/api/v1/inbox/ignore": { post: Call<200, { ignored: number }, never, never, { things?: string[]; all?: boolean }> };
  "/api/v1/virtual-things": { post: Call<201, Schemas["Thing"], never, never, { model: Schemas["ThingModel"] | string; id?: string; title?: string }> };
  "/api/v1/models": { get: Call<200, List<Schemas["ThingModel"]>> };
  "/api/v1/spaces": { get: Call<200, List<Schemas["Space"]>>; post: Call<201, Schemas["Space"], never, never, { id?: string; parent?: string | null; kind: string; title: string }> };
  "/api/v1/spaces/{id}": { patch: Call<200, Schemas["Space"], never, OnId, { title?: string; parent?: string | null; kind?: string }>; delete: Call<204, never, never, OnId> };
  "/api/v1/overview": { get: Call<200, Schemas["Overview"]> };
  "/api/v1/history/series": { get: Call<200, List<Schemas["SeriesInfo"]>, { thing?: string }> };
  "/api/v1/history": { get: Call<200, Schemas["HistoryAnswer"], { series?: string[]; from?: number; to?: number; pixels?: number }> };
  "/api/v1/users": { get: Call<200, List<Schemas["User"]>>; post: Call<201, Schemas["User"], never, never, { name: string; password: string; role: string }> };
  "/api/v1/users/{id}": { patch: Call<200, Schemas["User"], never, OnId, { name?: string; password?: string; role?: string }>; delete: Call<204, never, never, OnId> };
  "/api/v1/tokens": { get: Call<200, List<Schemas["Token"]>>; post: Call<201, Schemas["TokenSecret"], never, never, { title: string; scopes: string[]; expires_us?: number | null }> };
  "/api/v1/tokens/{id}": { delete: Call<204, never, never, OnId> };
  "/api/v1/audit": { get: Call<200, List<Schemas["Audit"]>, { cursor?: string; limit?: number }> };
  "/api/v1/system": { get: Call<200, Schemas["System"]> };
}

export interface components {
  schemas: Schemas;
}
