// The names the pages use for the API's types, so that one file knows how the generated schema spells them.
import type { components } from "./schema.d.ts";

type Schemas = components["schemas"];
export type Session = Schemas["Session"];
export type ThingSummary = Schemas["ThingSummary"];
export type Thing = Schemas["Thing"];
export type ThingModel = Schemas["ThingModel"];
export type PropertyModel = Schemas["PropertyModel"];
export type ActionModel = Schemas["ActionModel"];
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
export type Headline = Schemas["Headline"];
export type Series = Schemas["Series"];
export type HistoryAnswer = Schemas["HistoryAnswer"];
export type SeriesInfo = Schemas["SeriesInfo"];
export type User = Schemas["User"];
export type Token = Schemas["Token"];
export type System = Schemas["System"];
export type Credential = Schemas["Credential"];
export type Audit = Schemas["Audit"];
