// How the stages of a model look; the word beside carries the meaning.
import type { ModelStage } from "../../api/inference.ts";

export const stageTone: Record<ModelStage, "plain" | "amber" | "red"> = { loading: "plain", ready: "plain", stuck: "amber", refused: "red" };
