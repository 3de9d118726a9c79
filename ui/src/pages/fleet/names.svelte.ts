// What the robots of the fleet are called, by their numbers.
import { fleet, type FleetRobot } from "../../api/fleet.ts";
import { t } from "../../lib/text.svelte.ts";
import { robotName } from "./words.ts";

class RobotNames {
  #names = $state.raw(new Map<number, string>());
  #asked = new Set<number>();
  #loading: Promise<void> | null = null;

  /** A robot's name; its number stands in until the name is known. */
  of(number: number): string {
    const name = this.#names.get(number);
    if (name === undefined && !this.#asked.has(number)) {
      // Whoever came since the names were fetched is looked for once.
      this.#asked.add(number);
      this.#loading ??= Promise.resolve().then(() => fleet.robots()).then((robots) => this.learn(robots), () => this.#asked.clear()).then(() => { this.#loading = null; });
    }
    return name ?? t("robot.name", { number: String(number) });
  }

  learn(robots: FleetRobot[]): void {
    this.#names = new Map(robots.map((robot) => [robot.number, robotName(robot)]));
  }
}

export const robotNames = new RobotNames();
