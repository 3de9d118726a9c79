// The calls about models that people bring, and what those are bound to. Times are microseconds, as everywhere.
import { ask, client } from "./client.ts";
import type { components } from "./schema.d.ts";

type Schemas = components["schemas"];
export type Brought = Schemas["InferenceModel"];
export type Binding = Schemas["Binding"];
export type BindingSpec = Schemas["BindingSpec"];
export type BindingInput = Schemas["BindingInput"];
export type Comparison = Schemas["SuccessorComparison"];
export type ModelStage = Schemas["ModelStage"];
export const formats = ["json", "u8", "i16", "f32", "pnm"] as const satisfies readonly Schemas["Format"][];
export type Format = Schemas["Format"];
/** What a model says; the schema leaves it open. */
export type Answer = { values: number[] } | { label: [label: string, score: number] | null };
export interface Tried { answer: Answer; milliseconds: number }
export interface Tensor { shape: number[]; numbers: { float: number[] } | { integer: number[] } }

/** What the id of a model's card begins with. */
const card = "inference-";
export const modelOfCard = (id: string): string => (id.startsWith(card) ? id.slice(card.length) : id);
export const cardOfModel = (id: string): string => card + id;

const signalled = (signal?: AbortSignal) => (signal ? { signal } : {});
const of = (id: string) => ({ params: { path: { id } } });

/** What somebody wants of a binding, out of what is known of it. */
export const specOf = ({ model, inputs, output, every, mode, successor }: Binding): BindingSpec => ({ model, inputs, output, ...(every ? { every } : {}), ...(mode ? { mode } : {}), successor: successor ?? null });

export const inference = {
  path: "/api/v1/inference/models",
  bindingsPath: "/api/v1/inference/bindings",
  models: (signal?: AbortSignal): Promise<Brought[]> => ask(client.GET("/api/v1/inference/models", signalled(signal))).then((page) => page.items),
  model: (id: string, signal?: AbortSignal): Promise<Brought> => ask(client.GET("/api/v1/inference/models/{id}", { ...of(id), ...signalled(signal) })),
  install: (manifest: File, file: File): Promise<Brought> => {
    const form = new FormData();
    form.append("manifest", manifest);
    form.append("file", file);
    return ask(client.POST("/api/v1/inference/models", { body: { manifest: {}, file: "" }, bodySerializer: () => form }));
  },
  remove: (id: string): Promise<unknown> => ask(client.DELETE("/api/v1/inference/models/{id}", of(id))),
  tryStreams: (id: string, streams: number[][]): Promise<Tried> => ask(client.POST("/api/v1/inference/models/{id}/try", { ...of(id), body: { streams } })) as Promise<unknown> as Promise<Tried>,
  tryTensors: (id: string, tensors: Tensor[]): Promise<Tried> => ask(client.POST("/api/v1/inference/models/{id}/try", { ...of(id), body: { tensors: tensors as unknown as Record<string, never>[] } })) as Promise<unknown> as Promise<Tried>,
  bindings: (signal?: AbortSignal): Promise<Binding[]> => ask(client.GET("/api/v1/inference/bindings", signalled(signal))).then((page) => page.items),
  bind: (body: BindingSpec): Promise<Binding> => ask(client.POST("/api/v1/inference/bindings", { body })),
  change: (id: string, body: BindingSpec): Promise<Binding> => ask(client.PUT("/api/v1/inference/bindings/{id}", { ...of(id), body })),
  unbind: (id: string): Promise<unknown> => ask(client.DELETE("/api/v1/inference/bindings/{id}", of(id))),
};
