// The names the pages use for the API's types, so that one file knows how the generated schema spells them.
import type { components } from "./schema.d.ts";

type Schemas = components["schemas"];
/** Parts of a model may be left out where they are empty; pages get them filled in (see models.ts). */
type Filled<Model> = Model extends undefined ? never : Required<Model>;

export type Session = Schemas["Session"];
export type ThingSummary = Schemas["ThingSummary"];
export type PropertyModel = Filled<Schemas["PropertyModel"]>;
export type ActionModel = Omit<Filled<Schemas["ActionModel"]>, "input"> & { input: Record<string, PropertyModel> };
export type EventModel = Filled<Schemas["EventModel"]>;
export type ThingModel = Omit<Filled<Schemas["ThingModel"]>, "properties" | "actions" | "events"> & {
  properties: Record<string, PropertyModel>; actions: Record<string, ActionModel>; events: Record<string, EventModel>;
};
export type Thing = Omit<Schemas["Thing"], "model"> & { model: ThingModel };
export type PropertyState = Schemas["PropertyState"];
export type Cause = Schemas["Cause"];
export type CauseKind = Cause["kind"];
export type Command = Schemas["Command"];
export type LogRecord = Schemas["Record"];
export type RecordKind = LogRecord["kind"];
export type Message = Schemas["Message"];
export type Space = Schemas["Space"];
export type Overview = Schemas["Overview"];
export type Attention = Schemas["Attention"];
export type Headline = Schemas["SpaceHeadline"];
export type Series = Schemas["SeriesPoints"];
export type HistoryAnswer = Schemas["Points"];
export type SeriesInfo = Schemas["Series"];
export type User = Schemas["User"];
export type Role = User["role"];
export type Token = Schemas["Token"];
export type Scope = Token["scopes"][number];
export type System = Schemas["System"];
export type Credential = Schemas["NewCredential"];
export type Audit = Schemas["AuditEntry"];
export type DomainDescription = Schemas["DomainDescription"];
export type KpiDescription = Schemas["KpiDescription"];
export type Summary = Schemas["Summary"];
export type Run = Schemas["Run"];
export type RunState = Schemas["RunState"];
export type PlanRun = Schemas["PlanRun"];
export type Turn = Schemas["Turn"];
export type Fall = Schemas["Fall"];
export type Ranked = Schemas["Ranked"];
export type Comparison = Schemas["Comparison"];
export type ApiScenario = Schemas["Scenario"];
export type Complaint = Schemas["Complaint"];
export type Live = Schemas["Live"];
