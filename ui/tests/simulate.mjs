// From an empty form to a plan: a small warehouse is simulated, watched, compared and searched over, in a real browser.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { base, call, close, enter, open, until } from "./support/browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const bounded = { timeout: 120_000 };
const patience = 90_000;
let page;
let runs = [];

before(async () => {
  page = await open({ bypassCSP: true, reducedMotion: "reduce" });
  await enter(page);
}, bounded);
after(close);

const small = (title, robots) => ({
  title, domain: "fleet", policy: { name: "central", parameters: {} }, duration_seconds: 120, seeds: [1, 2],
  world: { floor: { line_side: { cells: 4, storages: 6, chargers: 2 } }, robots: { count: robots }, demand: { orders_per_hour: 240 } },
});

async function clean(what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  assert.deepEqual(found.violations.map((violation) => `${what}: ${violation.id}: ${violation.nodes.slice(0, 3).map((node) => node.target.join(" ")).join("; ")}`), []);
}

test("what is wrong with a scenario is said at its field, and what was typed is kept", bounded, async () => {
  await page.goto(`${base}/runs/new`);
  await page.getByRole("radio", { name: "Line-side" }).click();
  await page.getByLabel("Production cells").fill("4");
  await page.getByText(/4 stations/).waitFor();
  await page.getByLabel("Name", { exact: true }).fill("A small line");
  await page.getByLabel("Robots", { exact: true }).fill("4");
  await page.getByLabel("Speed", { exact: true }).fill("99");
  await page.getByLabel("Simulated time").fill("2");
  await page.getByLabel("Repetitions").fill("2");
  page.errors.length = 0;
  await page.getByRole("button", { name: "Simulate", exact: true }).click();
  await page.locator('[data-place="/world/robots/speed"] [role=alert]').waitFor();
  // The browser tells of the refusal as an error of its own.
  assert.ok(page.errors.every((text) => text.includes("422")), page.errors.join());
  page.errors.length = 0;
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "A small line");
  await clean("form");
});

test("rows of a list of orders that cannot be read are named", bounded, async () => {
  await page.getByRole("button", { name: "Paste" }).click();
  await page.getByLabel(/Known orders/).fill("second,from,to\n0,supermarket-1,cell-1\nsoon,supermarket-1,cell-1");
  await page.getByRole("button", { name: "Take these" }).click();
  await page.getByText(/Row 3/).waitFor();
  await page.getByLabel(/Known orders/).fill("second,from,to\n0,supermarket-1,cell-1");
  await page.getByRole("button", { name: "Take these" }).click();
  await page.getByText("1 known order", { exact: true }).waitFor();
});

test("a simulation is started, finishes, and is watched", bounded, async () => {
  await page.getByLabel("Speed", { exact: true }).fill("1.5");
  await page.getByRole("button", { name: "Simulate", exact: true }).click();
  await page.waitForURL(/\/runs\/run-/);
  await page.getByRole("heading", { name: "Figures" }).waitFor({ timeout: patience });
  const replay = page.getByRole("region", { name: "Replay" });
  await replay.waitFor();
  await replay.getByRole("button", { name: "Robots as a table" }).click();
  assert.equal(await replay.locator("tbody tr").count(), 4);
  const picture = () => replay.locator("canvas[role=img]").evaluate((canvas) => canvas.toDataURL());
  const before = await picture();
  await page.locator("h1").focus();
  await page.keyboard.press("Space");
  await until("the clock runs", async () => !(await replay.locator(".clock").innerText()).startsWith("0:00:00"));
  await page.keyboard.press("Space");
  assert.notEqual(await picture(), before, "robots move");
  const paused = await replay.locator(".clock").innerText();
  await page.keyboard.press("ArrowRight");
  await until("an arrow goes on", async () => (await replay.locator(".clock").innerText()) !== paused);
  await replay.getByLabel("Congestion").check();
  await replay.getByText(/stood/).first().waitFor();
  await clean("run");
  assert.deepEqual(page.errors, []);
});

test("a repetition has the same trace", bounded, async () => {
  await page.getByRole("button", { name: "Repeat" }).click();
  await page.getByText("every trace came out the same").waitFor({ timeout: patience });
});

test("two simulations are selected and compared", bounded, async () => {
  for (const robots of [2, 6]) runs.push((await call(page, "POST", "/runs", small(`Line of ${robots}`, robots))).id);
  await until("both finish", async () => (await Promise.all(runs.map((id) => call(page, "GET", `/runs/${id}`)))).every((run) => run.state === "finished"), patience);
  await page.goto(`${base}/runs`);
  await page.getByLabel("Select Line of 2").check();
  await page.getByLabel("Select Line of 6").check();
  await clean("runs");
  await page.getByRole("link", { name: "Compare" }).click();
  await page.getByRole("row", { name: /Orders done an hour/ }).waitFor();
  await page.getByRole("row", { name: /Robots .*2.*6.*Differs/ }).waitFor();
  await clean("comparison");
});

test("a plan finds the best of three fleets, and its candidate can be simulated", bounded, async () => {
  await page.goto(`${base}/plans/new?from=${runs[0]}`);
  await page.getByLabel(/^Values/).fill("2-6/2");
  await page.getByText("2 · 4 · 6").waitFor();
  await clean("plan form");
  await page.getByRole("button", { name: "Search", exact: true }).click();
  await page.waitForURL(/\/plans\/plan-/);
  await page.getByText(/^Best: Robots/).waitFor({ timeout: patience });
  assert.equal(await page.locator("tbody tr").count(), 3);
  await page.locator(".plot canvas").waitFor();
  await clean("plan");
  await page.getByRole("row", { name: /Robots/ }).first().waitFor();
  await page.locator("tbody").getByRole("button", { name: "Simulate" }).first().click();
  await page.waitForURL(/\/runs\/run-/);
  assert.deepEqual(page.errors, []);
});

test("on a phone, in the dark and in Korean, every page of it fits and axe finds nothing", bounded, async () => {
  const phone = await open({ bypassCSP: true, reducedMotion: "reduce", colorScheme: "dark", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await enter(phone);
  await phone.evaluate(() => localStorage.setItem("manmul.language", "ko"));
  const [plan] = await call(phone, "GET", "/plans");
  const desk = page;
  page = phone;
  for (const path of ["/runs", "/runs/new", `/runs/${runs[0]}`, `/runs/compare?first=${runs[0]}&second=${runs[1]}`, "/plans/new", `/plans/${plan.id}`]) {
    await page.goto(base + path);
    await page.locator(".panel").first().waitFor();
    await page.waitForTimeout(700);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${path} is ${overflow} px wider than the screen`);
    await clean(path);
  }
  assert.deepEqual(page.errors, []);
  page = desk;
});

test("a run and a plan are deleted, and come back when that is undone", bounded, async () => {
  await page.goto(`${base}/runs`);
  await page.getByRole("button", { name: "Actions for Line of 2", exact: true }).first().click();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByText("Line of 2 deleted").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByLabel("Select Line of 2").first().waitFor();
});
