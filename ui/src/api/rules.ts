// The calls of rules, scenes, alarms, notifications, suggestions and plans, and what they answer. Times are microseconds, as everywhere.
import { ask, client } from "./client.ts";
import { place } from "./place.ts";
import type { components } from "./schema.d.ts";

type Schemas = components["schemas"];
export type RuleState = Schemas["RuleState"];
export const ruleStates = ["draft", "shadow", "live", "off"] as const satisfies readonly RuleState[];
export type Stage = Schemas["RuleStage"];
export type Guard = Schemas["RuleGuard"];
export type RuleSummary = Schemas["RuleSummary"];
export type RuleProblem = Schemas["RuleProblem"];
export type ProblemSeverity = RuleProblem["severity"];
export type Graph = Schemas["RuleGraph"];
export type GraphNode = Graph["nodes"][number];
export type GraphEdge = Graph["edges"][number];
export type TestResult = Schemas["RuleTestResult"];
export type Checked = Schemas["Checked"];
export type Rule = Schemas["RuleDetail"];
export type RuleVersion = Schemas["RuleVersion"];
export type DayCount = Schemas["CardDay"];
export type Backtest = Schemas["Backtest"];
export type WouldHave = Schemas["WouldHave"];
export type TraceOutcome = Schemas["RuleOutcome"];
export const traceOutcomes = ["finished", "stopped", "failed", "kept_from_running", "running"] as const satisfies readonly TraceOutcome[];
export type TraceSummary = Schemas["RuleTraceSummary"];
export type Trace = Schemas["RuleTrace"];
export type WhyNot = Schemas["WhyNot"];
export type ImportReport = Schemas["Imports"];
export type Scene = Schemas["Scene"];
export type SceneSet = Schemas["SceneSet"];
export type Alarm = Schemas["Alarm"];
export type AlarmState = Schemas["AlarmState"];
export const alarmStates = ["active", "acknowledged", "shelved", "over"] as const satisfies readonly AlarmState[];
export type Notice = Schemas["ShownNotification"];
export type PlannedCommand = Schemas["PlannedCommand"];
export type SpokenPlan = Schemas["Plan"];
export type Spoken = Schemas["Asked"];
export interface Suggestion {
  id: string; text: string; title: string; state: "new" | "shadow" | "accepted" | "dismissed";
  evidence: { words: string; days: number; times: number[]; precision: number; support: number };
  rule?: string | null; note?: string | null; backtest?: Backtest | null;
}

interface Options { params?: { path?: Record<string, unknown>; query?: Record<string, unknown> }; body?: unknown; signal?: AbortSignal }
type Call = (path: string, options: Options) => Promise<{ data?: unknown; error?: unknown; response: Response }>;
type Method = "GET" | "POST" | "PUT" | "DELETE";

const calls = client as unknown as Record<Method, Call>;
const asked = <Answer>(method: Method, path: string, options: Options = {}): Promise<Answer> => ask(calls[method](`/api/v1${path}`, options)) as Promise<Answer>;
const of = (id: string) => ({ params: { path: { id } } });
const signalled = (signal?: AbortSignal) => (signal ? { signal } : {});

export interface RuleQuery { state?: RuleState; thing?: string; search?: string; after?: string; limit?: number }
export type Promotion = Schemas["PromoteRule"];

export const rules = {
  path: "/api/v1/rules",
  list: (query: RuleQuery, signal?: AbortSignal) => ask(client.GET("/api/v1/rules", { params: { query }, ...signalled(signal) })),
  get: (id: string, signal?: AbortSignal) => ask(client.GET("/api/v1/rules/{id}", { ...of(id), ...signalled(signal) })),
  add: (text: string) => ask(client.POST("/api/v1/rules", { body: { text } })),
  put: (id: string, text: string, version: number) => ask(client.PUT("/api/v1/rules/{id}", { ...of(id), body: { text, version } })),
  remove: (id: string) => ask(client.DELETE("/api/v1/rules/{id}", of(id))),
  check: (text: string, id: string | null, signal?: AbortSignal) => ask(client.POST("/api/v1/rules/check", { body: { text, ...(id ? { id } : {}) }, ...signalled(signal) })),
  backtest: (id: string, body: Schemas["BacktestRequest"], signal?: AbortSignal) => ask(client.POST("/api/v1/rules/{id}/backtest", { ...of(id), body, ...signalled(signal) })),
  backtests: (id: string, signal?: AbortSignal) => ask(client.GET("/api/v1/rules/{id}/backtests", { ...of(id), ...signalled(signal) })).then((page) => page.items),
  shadow: (id: string) => ask(client.POST("/api/v1/rules/{id}/shadow", of(id))),
  promote: (id: string, body: Promotion) => ask(client.POST("/api/v1/rules/{id}/promote", { ...of(id), body })),
  off: (id: string) => ask(client.POST("/api/v1/rules/{id}/off", of(id))),
  revert: (id: string, version: number) => ask(client.POST("/api/v1/rules/{id}/revert", { ...of(id), body: { version } })),
  versions: (id: string, signal?: AbortSignal) => ask(client.GET("/api/v1/rules/{id}/versions", { ...of(id), ...signalled(signal) })).then((page) => page.items),
  wouldHave: (id: string, from: number, to: number, signal?: AbortSignal) =>
    ask(client.GET("/api/v1/rules/{id}/would-have", { params: { path: { id }, query: { from, to } }, ...signalled(signal) })).then((page) => page.items),
  traces: (id: string, query: { outcome?: TraceOutcome; after?: string; limit?: number }, signal?: AbortSignal) => ask(client.GET("/api/v1/rules/{id}/traces", { params: { path: { id }, query }, ...signalled(signal) })),
  trace: (id: string, signal?: AbortSignal) => ask(client.GET("/api/v1/rules/traces/{id}", { ...of(id), ...signalled(signal) })),
  /** Without a moment: why it does not run now. */
  whyNot: (id: string, at: number | null, signal?: AbortSignal) => ask(client.GET("/api/v1/rules/{id}/why-not", { params: { path: { id }, query: at === null ? {} : { at } }, ...signalled(signal) })),
  conflicts: (signal?: AbortSignal) => ask(client.GET("/api/v1/rules/conflicts", signalled(signal))).then((page) => page.items),
  import: (text: string, save: boolean) => ask(client.POST("/api/v1/rules/import", { body: { format: "home_assistant", text, save } })),
};

export const scenes = {
  path: "/api/v1/scenes",
  list: (signal?: AbortSignal) => ask(client.GET("/api/v1/scenes", signalled(signal))).then((page) => page.items),
  add: (scene: Omit<Scene, "id"> & { id?: string }) => ask(client.POST("/api/v1/scenes", { body: scene })),
  put: (scene: Scene) => ask(client.PUT("/api/v1/scenes/{id}", { ...of(scene.id), body: scene })),
  remove: (id: string) => ask(client.DELETE("/api/v1/scenes/{id}", of(id))),
  apply: (id: string) => ask(client.POST("/api/v1/scenes/{id}/apply", of(id))),
};

export const alarms = {
  path: "/api/v1/alarms",
  list: (state: AlarmState | "all", signal?: AbortSignal) => ask(client.GET("/api/v1/alarms", { params: { query: { state } }, ...signalled(signal) })).then((page) => page.items),
  acknowledge: (id: string, note: string) => ask(client.POST("/api/v1/alarms/{id}/acknowledge", { ...of(id), body: note.trim() ? { note: note.trim() } : {} })),
  shelve: (id: string, until: number) => ask(client.POST("/api/v1/alarms/{id}/shelve", { ...of(id), body: { until } })),
  unshelve: (id: string) => ask(client.POST("/api/v1/alarms/{id}/unshelve", of(id))),
};

export const notices = {
  path: "/api/v1/notifications",
  list: (signal?: AbortSignal) => ask(client.GET("/api/v1/notifications", signalled(signal))).then((page) => page.items),
  read: (ids: string[]) => ask(client.POST("/api/v1/notifications/read", { body: { ids } })),
  pushKey: () => asked<{ key: string }>("GET", "/push/key"),
  unsubscribe: (id: string) => asked<unknown>("DELETE", "/push/subscriptions/{id}", of(id)),
  subscribe: (subscription: unknown) => asked<unknown>("POST", "/push/subscriptions", { body: subscription }),
};

export const suggestions = {
  path: "/api/v1/suggestions",
  list: (signal?: AbortSignal) => asked<{ items: Suggestion[] }>("GET", "/suggestions", signalled(signal)).then((page) => page.items),
  accept: (id: string) => asked<{ rule?: string; rule_state?: RuleState | null } | null>("POST", "/suggestions/{id}/accept", { ...of(id), body: {} }),
  shadow: (id: string) => asked<unknown>("POST", "/suggestions/{id}/shadow", { ...of(id), body: {} }),
  dismiss: (id: string) => asked<unknown>("POST", "/suggestions/{id}/dismiss", { ...of(id), body: {} }),
};

export const speech = {
  path: "/api/v1/ask",
  /** The clock of the place counts where somebody said where it is, and that of this browser otherwise. */
  ask: async (text: string, language: string, space: string | null, signal?: AbortSignal) => {
    const { chosen } = await place.get(signal);
    return ask(client.POST("/api/v1/ask", { body: { text, language, ...(chosen ? {} : { utc_offset_minutes: -new Date().getTimezoneOffset() }), ...(space ? { space } : {}) }, ...signalled(signal) }));
  },
  apply: (plan: string) => ask(client.POST("/api/v1/plans/{id}/apply", of(plan))),
};
