// The mind's calls and what they answer: findings, health, forecasts, what was learned, and its one knob.
import type { Client } from "openapi-fetch";
import { ask, client } from "./client.ts";

export const insightKinds = ["anomaly", "stuck", "drift", "spike", "dropout", "noise", "clock_skew", "oscillation", "joint"] as const;
export type InsightKind = (typeof insightKinds)[number];
export type InsightSeverity = "notice" | "warning" | "alarm";
export type InsightState = "open" | "acknowledged" | "normal" | "over";
export interface Expected { value: number; low: number; high: number }
/** Times are microseconds, as everywhere. */
export interface Insight {
  id: string; thing: string; thing_title: string; name: string; kind: InsightKind; severity: InsightSeverity; state: InsightState;
  began: number; found: number; ended: number | null; last: number; count: number;
  expected: Expected | null; came: number | null; unit: string | null;
  /** How unusual it is: minus the decimal logarithm of its probability. */
  score: number; words: string; acknowledged_by: string | null; note: string | null;
}
export interface InsightPage { items: Insight[]; next: string | null; open_count: number }

export type HealthLevel = "good" | "fair" | "poor" | "unknown";
export interface HealthBrief { score: number; level: HealthLevel }
export type StreamState = "learning" | "watching" | "finding";
export interface StreamHealth { name: string; state: StreamState; learned_share: number; insight: string | null }
export interface Health extends HealthBrief { since: number; streams: StreamHealth[] }

export interface ForecastBand { low_quantile: number; high_quantile: number; low: number[]; high: number[] }
export interface Forecast { name: string; unit: string | null; start: number; step_seconds: number; median: number[]; bands: ForecastBand[]; card: string | null }

export const modelKinds = ["forecast", "detector", "inference"] as const;
export type ModelKind = (typeof modelKinds)[number];
export interface ModelError { measure: string; value: number; baseline: string; baseline_value: number; better_percent: number }
export interface TensorInfo { name: string; shape: (number | string)[]; type: string }
export interface ModelCard {
  id: string; kind: ModelKind; title: string; thing: string | null; name: string | null; champion: string | null; learned_from: number | null; learned_to: number | null; samples: number;
  error: ModelError | null; drift: { since: number; words: string } | null; false_alarms_a_month: number | null; state_bytes: number; updated: number;
  licence?: string | null; sha256?: string | null; engine?: string | null; inputs?: TensorInfo[]; outputs?: TensorInfo[];
}
export interface ModelPage { items: ModelCard[]; next: string | null }
export interface MindSettings { false_alarms_a_month: number; enabled: boolean }

export interface InsightQuery { state?: "open" | "acknowledged" | "over" | "all"; thing?: string; kind?: InsightKind; after?: string; limit?: number }
export interface ModelQuery { kind?: ModelKind; thing?: string; after?: string; limit?: number }

interface Answers<Body> { 200: { headers: Record<string, string>; content: { "application/json": Body } } }
interface Body<Content> { content: { "application/json": Content } }
interface OfId { path: { id: string } }
interface Paths {
  "/api/v1/insights": { get: { parameters: { query?: InsightQuery }; responses: Answers<InsightPage> } };
  "/api/v1/insights/{id}": { get: { parameters: OfId; responses: Answers<Insight> } };
  "/api/v1/insights/{id}/acknowledge": { post: { parameters: OfId; requestBody: Body<{ note?: string }>; responses: Answers<Insight> } };
  "/api/v1/insights/{id}/normal": { post: { parameters: OfId; requestBody: Body<{ note?: string }>; responses: Answers<Insight> } };
  "/api/v1/things/{thing}/health": { get: { parameters: { path: { thing: string } }; responses: Answers<Health> } };
  "/api/v1/things/{thing}/forecast": { get: { parameters: { path: { thing: string }; query: { name: string; hours?: number; at?: number } }; responses: Answers<Forecast> } };
  "/api/v1/model-cards": { get: { parameters: { query?: ModelQuery }; responses: Answers<ModelPage> } };
  "/api/v1/model-cards/{id}": { get: { parameters: OfId; responses: Answers<ModelCard> } };
  "/api/v1/settings/mind": { get: { parameters: { query?: never }; responses: Answers<MindSettings> }; put: { parameters: { query?: never }; requestBody: Body<MindSettings>; responses: Answers<MindSettings> } };
}

const calls = client as unknown as Client<Paths>;
const signalled = (signal?: AbortSignal) => (signal ? { signal } : {});
const of = (id: string) => ({ params: { path: { id } } });
const noted = (note: string) => ({ body: note.trim() ? { note: note.trim() } : {} });

export const mind = {
  path: "/api/v1/insights",
  cardsPath: "/api/v1/model-cards",
  insights: (query: InsightQuery, signal?: AbortSignal): Promise<InsightPage> => ask(calls.GET("/api/v1/insights", { params: { query }, ...signalled(signal) })),
  insight: (id: string, signal?: AbortSignal): Promise<Insight> => ask(calls.GET("/api/v1/insights/{id}", { ...of(id), ...signalled(signal) })),
  acknowledge: (id: string, note = ""): Promise<Insight> => ask(calls.POST("/api/v1/insights/{id}/acknowledge", { ...of(id), ...noted(note) })),
  normal: (id: string, note = ""): Promise<Insight> => ask(calls.POST("/api/v1/insights/{id}/normal", { ...of(id), ...noted(note) })),
  health: (thing: string, signal?: AbortSignal): Promise<Health> => ask(calls.GET("/api/v1/things/{thing}/health", { params: { path: { thing } }, ...signalled(signal) })),
  forecast: (thing: string, name: string, hours: number, signal?: AbortSignal): Promise<Forecast> =>
    ask(calls.GET("/api/v1/things/{thing}/forecast", { params: { path: { thing }, query: { name, hours } }, ...signalled(signal) })),
  models: (query: ModelQuery, signal?: AbortSignal): Promise<ModelPage> => ask(calls.GET("/api/v1/model-cards", { params: { query }, ...signalled(signal) })),
  model: (id: string, signal?: AbortSignal): Promise<ModelCard> => ask(calls.GET("/api/v1/model-cards/{id}", { ...of(id), ...signalled(signal) })),
  settings: (signal?: AbortSignal): Promise<MindSettings> => ask(calls.GET("/api/v1/settings/mind", signalled(signal))),
  setSettings: (body: MindSettings): Promise<MindSettings> => ask(calls.PUT("/api/v1/settings/mind", { body })),
};
