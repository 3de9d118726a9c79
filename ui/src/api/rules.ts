// The calls of rules, scenes, alarms, notifications, suggestions and plans, and what they answer. Times are microseconds, as everywhere.
import { ask, client } from "./client.ts";
import type { Cause } from "./types.ts";

export const ruleStates = ["draft", "shadow", "live", "off"] as const;
export type RuleState = (typeof ruleStates)[number];
export interface Stage { spaces: string[]; share: number }
export interface Guard { property: string; above?: number | null; below?: number | null; for?: string | null }
export interface RuleSummary {
  id: string; title: string; state: RuleState; version: number; live_version: number | null; shadow_version?: number | null; problems: number; fired_day: number; failed_day: number; last_fired: number | null;
  would_have_fired_day: number; things: string[]; space: string | null; stage: Stage | null; guard: Guard | null;
}
export interface Page<Item> { items: Item[]; next: string | null }

export type ProblemSeverity = "error" | "warning" | "notice";
export interface RuleProblem { severity: ProblemSeverity; line: number; column: number; path: string; message: string; hint: string | null; other_rule: string | null }
export interface GraphNode { id: string; kind: string; words: string; line: number }
export interface GraphEdge { from: string; to: string; label: string | null }
export interface Graph { nodes: GraphNode[]; edges: GraphEdge[] }
export interface TestResult { name: string; passed: boolean; expected: string[]; came: string[]; trace: Trace | null }
export interface Checked { problems: RuleProblem[]; words: string[]; graph: Graph; tests: TestResult[] }
export interface Rule extends RuleSummary { text: string; description: string | null; mode: string; problem_list: RuleProblem[]; graph: Graph; words: string[]; tests: TestResult[] }
export interface RuleVersion { version: number; time: number; by: string; text: string; note: string | null; live_from: number | null; live_to: number | null }

export interface DayCount { day: string; fired: number; commands: number }
export interface ReplayedCommand { thing: string; name: string; value: unknown; really: unknown }
export interface ReplayedMoment { time: number; fired: boolean; commands: ReplayedCommand[]; why: string }
export interface Backtest {
  run: string; from: number; to: number; records: number; seconds: number; fired: number; failed?: number; commands: number; kept_from_running: number;
  differences: { same: number; only_rule: number; only_history: number }; energy_kilowatt_hours: number | null; shaped_by: string | null;
  per_day: DayCount[]; timeline: ReplayedMoment[]; left_out: number;
  /** Nothing where another text than a kept version was replayed. */
  version: number | null; not_replayed?: string[];
}
export interface WouldHave { time: number; thing: string; name: string; value: unknown }

export const traceOutcomes = ["finished", "stopped", "failed", "kept_from_running", "running"] as const;
export type TraceOutcome = (typeof traceOutcomes)[number];
export type StepOutcome = "passed" | "held" | "failed" | "skipped";
export interface TraceSummary { id: string; rule: string; version: number; began: number; seconds: number; outcome: TraceOutcome; shadow: boolean; trigger_words: string; cause: Cause | null }
export interface TraceStep { path: string; line: number; words: string; began: number; seconds: number; outcome: StepOutcome; value: unknown; detail: string | null }
export interface Trace extends TraceSummary { steps: TraceStep[]; steps_left_out?: number; variables: Record<string, unknown> }
export interface WhyNot {
  at: number; words: string;
  triggers: { words: string; line: number; fired: boolean; last: number | null; off_by: string | null; near: number }[];
  conditions: { words: string; line: number; held: boolean; value: unknown; off_by: string | null }[];
}
export interface Conflict { kind: "contradiction" | "loop" | "flood" | "shadowed"; rules: string[]; thing: string | null; name: string | null; words: string; severity: ProblemSeverity }
export interface Imported { title: string; id: string | null; text: string | null; carried: string[]; left_out: { path: string; line: number; message: string }[]; guessed?: string[] }
export interface ImportReport { items: Imported[]; rules: number; whole: number; partly: number; refused: number }

export interface SceneSet { thing: string; name: string; value: unknown }
export interface Scene { id: string; title: string; sets: SceneSet[] }
export const alarmStates = ["active", "acknowledged", "shelved", "over"] as const;
export type AlarmState = (typeof alarmStates)[number];
export interface Alarm {
  id: string; name: string; severity: "notice" | "warning" | "alarm"; message: string; state: AlarmState; raised: number; count: number; rule: string | null; thing: string | null;
  acknowledged_by: string | null; shelved_until: number | null; escalated: number;
}
export interface Notice { id: string; time: number; title: string; message: string; rule: string | null; read: boolean }
export interface Suggestion {
  id: string; text: string; title: string; state: "new" | "shadow" | "accepted" | "dismissed";
  evidence: { words: string; days: number; times: number[]; precision: number; support: number };
  rule?: string | null; note?: string | null; backtest?: Backtest | null;
}

/** A property is written with its input, or an action called with it. */
export interface PlannedCommand { thing: string; name: string; write: boolean; input: unknown; at: number | null }
export interface SpokenPlan { id: string; words: string; commands: PlannedCommand[]; rule_text: string | null; refusals: string[]; expires: number }
export interface Spoken { understood: boolean; plan: SpokenPlan | null; answer: string | null; choices: { text: string; words: string }[] }
export interface PlanResults { results: { thing: string; name: string; error: string | null }[] }

interface Options { params?: { path?: Record<string, unknown>; query?: Record<string, unknown> }; body?: unknown; signal?: AbortSignal }
type Call = (path: string, options: Options) => Promise<{ data?: unknown; error?: unknown; response: Response }>;
type Method = "GET" | "POST" | "PUT" | "DELETE";

const calls = client as unknown as Record<Method, Call>;
const asked = <Answer>(method: Method, path: string, options: Options = {}): Promise<Answer> => ask(calls[method](`/api/v1${path}`, options)) as Promise<Answer>;
const of = (id: string) => ({ params: { path: { id } } });
const signalled = (signal?: AbortSignal) => (signal ? { signal } : {});

export interface RuleQuery { state?: RuleState; thing?: string; search?: string; after?: string; limit?: number }
export interface Promotion { run?: string; force?: boolean; stage?: Stage; guard?: Guard }

export const rules = {
  path: "/api/v1/rules",
  list: (query: RuleQuery, signal?: AbortSignal) => asked<Page<RuleSummary>>("GET", "/rules", { params: { query: { ...query } }, ...signalled(signal) }),
  get: (id: string, signal?: AbortSignal) => asked<Rule>("GET", "/rules/{id}", { ...of(id), ...signalled(signal) }),
  add: (text: string) => asked<Rule>("POST", "/rules", { body: { text } }),
  put: (id: string, text: string, version: number) => asked<Rule>("PUT", "/rules/{id}", { ...of(id), body: { text, version } }),
  remove: (id: string) => asked<void>("DELETE", "/rules/{id}", of(id)),
  check: (text: string, id: string | null, signal?: AbortSignal) => asked<Checked>("POST", "/rules/check", { body: { text, ...(id ? { id } : {}) }, ...signalled(signal) }),
  backtest: (id: string, body: { from?: number; to?: number; text?: string }, signal?: AbortSignal) => asked<Backtest>("POST", "/rules/{id}/backtest", { ...of(id), body, ...signalled(signal) }),
  backtests: (id: string, signal?: AbortSignal) => asked<{ items: Backtest[] }>("GET", "/rules/{id}/backtests", { ...of(id), ...signalled(signal) }).then((page) => page.items),
  shadow: (id: string) => asked<Rule>("POST", "/rules/{id}/shadow", { ...of(id), body: {} }),
  promote: (id: string, body: Promotion) => asked<Rule>("POST", "/rules/{id}/promote", { ...of(id), body }),
  off: (id: string) => asked<Rule>("POST", "/rules/{id}/off", { ...of(id), body: {} }),
  revert: (id: string, version: number) => asked<Rule>("POST", "/rules/{id}/revert", { ...of(id), body: { version } }),
  versions: (id: string, signal?: AbortSignal) => asked<{ items: RuleVersion[] }>("GET", "/rules/{id}/versions", { ...of(id), ...signalled(signal) }).then((page) => page.items),
  wouldHave: (id: string, from: number, to: number, signal?: AbortSignal) =>
    asked<{ items: WouldHave[] }>("GET", "/rules/{id}/would-have", { params: { path: { id }, query: { from, to } }, ...signalled(signal) }).then((page) => page.items),
  traces: (id: string, query: { outcome?: TraceOutcome; after?: string; limit?: number }, signal?: AbortSignal) => asked<Page<TraceSummary>>("GET", "/rules/{id}/traces", { params: { path: { id }, query: { ...query } }, ...signalled(signal) }),
  trace: (id: string, signal?: AbortSignal) => asked<Trace>("GET", "/rules/traces/{id}", { ...of(id), ...signalled(signal) }),
  whyNot: (id: string, at: number, signal?: AbortSignal) => asked<WhyNot>("GET", "/rules/{id}/why-not", { params: { path: { id }, query: { at } }, ...signalled(signal) }),
  conflicts: (signal?: AbortSignal) => asked<{ items: Conflict[] }>("GET", "/rules/conflicts", signalled(signal)).then((page) => page.items),
  import: (text: string, save: boolean) => asked<ImportReport>("POST", "/rules/import", { body: { format: "home_assistant", text, save } }),
};

export const scenes = {
  path: "/api/v1/scenes",
  list: (signal?: AbortSignal) => asked<{ items: Scene[] } | Scene[]>("GET", "/scenes", signalled(signal)).then((page) => (Array.isArray(page) ? page : page.items)),
  add: (scene: Omit<Scene, "id"> & { id?: string }) => asked<Scene>("POST", "/scenes", { body: scene }),
  put: (scene: Scene) => asked<Scene>("PUT", "/scenes/{id}", { ...of(scene.id), body: scene }),
  remove: (id: string) => asked<void>("DELETE", "/scenes/{id}", of(id)),
  apply: (id: string) => asked<unknown>("POST", "/scenes/{id}/apply", { ...of(id), body: {} }),
};

export const alarms = {
  path: "/api/v1/alarms",
  list: (state: AlarmState | "all", signal?: AbortSignal) => asked<{ items: Alarm[] }>("GET", "/alarms", { params: { query: { state } }, ...signalled(signal) }).then((page) => page.items),
  acknowledge: (id: string, note: string) => asked<Alarm>("POST", "/alarms/{id}/acknowledge", { ...of(id), body: note.trim() ? { note: note.trim() } : {} }),
  shelve: (id: string, until: number) => asked<Alarm>("POST", "/alarms/{id}/shelve", { ...of(id), body: { until } }),
  unshelve: (id: string) => asked<Alarm>("POST", "/alarms/{id}/unshelve", { ...of(id), body: {} }),
};

export const notices = {
  path: "/api/v1/notifications",
  list: (signal?: AbortSignal) => asked<{ items: Notice[] }>("GET", "/notifications", signalled(signal)).then((page) => page.items),
  read: (ids: string[]) => asked<unknown>("POST", "/notifications/read", { body: { ids } }),
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
  ask: (text: string, language: string, space: string | null, signal?: AbortSignal) => asked<Spoken>("POST", "/ask", { body: { text, language, utc_offset_minutes: -new Date().getTimezoneOffset(), ...(space ? { space } : {}) }, ...signalled(signal) }),
  apply: (plan: string) => asked<PlanResults>("POST", "/plans/{id}/apply", of(plan)),
};
