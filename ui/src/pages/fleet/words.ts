// The fleet's robots, orders and findings in words.
import type { FleetFinding, FleetRobot, OrderState, RobotState } from "../../api/fleet.ts";
import { t } from "../../lib/text.svelte.ts";

/** RFC 3339 to the microseconds that the pages reckon in. */
export const moment = (text: string): number => Date.parse(text) * 1000;

/** What people call a robot: the title of its thing, or its number where that says nothing. */
export const robotName = (robot: Pick<FleetRobot, "number" | "title">): string => robot.title || t("robot.name", { number: String(robot.number) });

export type Tone = "plain" | "amber" | "red" | "blue";
export const robotTone: Record<RobotState, Tone> = { idle: "plain", moving: "plain", waiting: "plain", serving: "plain", charging: "plain", broken: "red", unlinked: "amber", set_aside: "blue" };
export const orderTone: Record<OrderState, Tone> = { waiting: "plain", assigned: "plain", under_way: "plain", done: "plain", failed: "red", cancelled: "plain" };

export function findingTone(finding: FleetFinding): Tone {
  return finding.weight === "alarm" ? "red" : finding.weight === "warning" ? "amber" : "plain";
}
