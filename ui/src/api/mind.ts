// The mind's calls and the names the pages use for what they answer: findings, health, forecasts, what was learned, and its one knob. Times are microseconds, as everywhere.
import { ask, client } from "./client.ts";
import type { components, operations } from "./schema.d.ts";

type Schemas = components["schemas"];
export type InsightKind = Schemas["InsightKind"];
export type InsightSeverity = Schemas["InsightSeverity"];
export type InsightState = Schemas["InsightState"];
export type Insight = Schemas["ShownInsight"];
export type InsightPage = Schemas["Insights"];
export type HealthBrief = Schemas["Health"];
export type Health = Schemas["HealthDetail"];
export type StreamState = Schemas["StreamState"];
export type Forecast = Schemas["Foretold"];
export type ModelKind = Schemas["CardKind"];
export type ModelError = Schemas["CardError"];
export type TensorInfo = Schemas["Port"];
export type ModelCard = Schemas["ModelCard"];
export type ModelPage = Schemas["Cards"];
export type MindSettings = Schemas["MindSettings"];
export type InsightQuery = NonNullable<operations["list_insights"]["parameters"]["query"]>;
export type ModelQuery = NonNullable<operations["list_model_cards"]["parameters"]["query"]>;

export const insightKinds = ["anomaly", "stuck", "drift", "spike", "dropout", "noise", "clock_skew", "oscillation", "joint"] as const satisfies readonly InsightKind[];
export const modelKinds = ["forecast", "detector", "inference"] as const satisfies readonly ModelKind[];
/** Ways in which a sensor of a virtual thing can be broken. */
export const sensorFaults = ["stuck", "drift", "spike", "dropout", "noise", "oscillation"] as const satisfies readonly (InsightKind & Schemas["SensorFault"])[];
export type SensorFault = (typeof sensorFaults)[number];

const signalled = (signal?: AbortSignal) => (signal ? { signal } : {});
const of = (id: string) => ({ params: { path: { id } } });
const noted = (note: string) => ({ body: note.trim() ? { note: note.trim() } : {} });

export const mind = {
  path: "/api/v1/insights",
  cardsPath: "/api/v1/model-cards",
  insights: (query: InsightQuery, signal?: AbortSignal): Promise<InsightPage> => ask(client.GET("/api/v1/insights", { params: { query }, ...signalled(signal) })),
  insight: (id: string, signal?: AbortSignal): Promise<Insight> => ask(client.GET("/api/v1/insights/{id}", { ...of(id), ...signalled(signal) })),
  acknowledge: (id: string, note = ""): Promise<Insight> => ask(client.POST("/api/v1/insights/{id}/acknowledge", { ...of(id), ...noted(note) })),
  normal: (id: string, note = ""): Promise<Insight> => ask(client.POST("/api/v1/insights/{id}/normal", { ...of(id), ...noted(note) })),
  health: (thing: string, signal?: AbortSignal): Promise<Health> => ask(client.GET("/api/v1/things/{thing}/health", { params: { path: { thing } }, ...signalled(signal) })),
  forecast: (thing: string, name: string, hours: number, signal?: AbortSignal): Promise<Forecast> =>
    ask(client.GET("/api/v1/things/{thing}/forecast", { params: { path: { thing }, query: { name, hours } }, ...signalled(signal) })),
  models: (query: ModelQuery, signal?: AbortSignal): Promise<ModelPage> => ask(client.GET("/api/v1/model-cards", { params: { query }, ...signalled(signal) })),
  model: (id: string, signal?: AbortSignal): Promise<ModelCard> => ask(client.GET("/api/v1/model-cards/{id}", { ...of(id), ...signalled(signal) })),
  breakSensor: (thing: string, name: string, kind: SensorFault | "none"): Promise<unknown> => ask(client.POST("/api/v1/virtual-things/{thing}/faults", { params: { path: { thing } }, body: { name, kind } })),
  settings: (signal?: AbortSignal): Promise<MindSettings> => ask(client.GET("/api/v1/settings/mind", signalled(signal))),
  setSettings: (body: MindSettings): Promise<MindSettings> => ask(client.PUT("/api/v1/settings/mind", { body })),
};
