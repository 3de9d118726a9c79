// Fills in what a model leaves out, so that no page has to ask whether a part is there.
import { humanName } from "../lib/format.ts";
import type { components } from "./schema.d.ts";
import type { ActionModel, PropertyModel, Thing, ThingModel } from "./types.ts";

type Schemas = components["schemas"];

export function fillProperty(name: string, model: Schemas["PropertyModel"]): PropertyModel {
  return {
    title: !model.title || model.title === name ? humanName(name) : model.title, description: model.description ?? "", type: model.type ?? "json", unit: model.unit ?? null, minimum: model.minimum ?? null, maximum: model.maximum ?? null, step: model.step ?? null,
    decimals: model.decimals ?? null, choices: model.choices ?? [], readable: model.readable ?? true, writable: model.writable ?? false, role: model.role ?? "normal",
  };
}

const mapped = <From, To>(record: Record<string, From> | undefined, fill: (name: string, value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(record ?? {}).map(([name, value]) => [name, fill(name, value)]));

export function fillModel(model: Schemas["ThingModel"]): ThingModel {
  return {
    id: model.id ?? "", title: model.title ?? "", description: model.description ?? "", kind: model.kind ?? "thing", version: model.version ?? "", inferred: model.inferred ?? false,
    properties: mapped(model.properties, fillProperty),
    actions: mapped(model.actions, (_, action): ActionModel => ({ title: action.title ?? "", description: action.description ?? "", hold: action.hold ?? false, input: mapped(action.input, fillProperty) })),
    events: mapped(model.events, (_, event) => ({ title: event.title ?? "", description: event.description ?? "", severity: event.severity ?? "information" })),
  };
}

export function fillThing(thing: Schemas["Thing"]): Thing {
  return { ...thing, model: fillModel(thing.model) };
}
