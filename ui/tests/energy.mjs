// The demo home under the optimiser, against a running server: it tells things what to do, the page says why, and what happens when the
// price feed is pulled.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { base, call, close, enter, open, until } from "./support/browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const patience = 240_000;
const bounded = { timeout: 120_000 };
let page;

before(async () => {
  page = await open({ bypassCSP: true, reducedMotion: "reduce" });
  await enter(page);
  // The past is told, the home learned and a run of it finished before the plan goes live by itself.
  await until("the demo home goes by its plan", async () => {
    const plan = await call(page, "GET", "/home/plan");
    return plan.mode === "operate" && plan.standing === "plan" && plan.decided.some((one) => one.sent);
  }, patience);
}, { timeout: patience + 60_000 });
after(close);

async function clean(what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  assert.deepEqual(found.violations.map((violation) => `${what}: ${violation.id}: ${violation.nodes.slice(0, 3).map((node) => node.target.join(" ")).join("; ")}`), []);
}

test("the plan tells the battery what to do, with the decision as the cause", bounded, async () => {
  const plan = await call(page, "GET", "/home/plan");
  assert.ok(plan.live.run, "a run shows for it");
  const roles = plan.course.devices.map((device) => device.role);
  assert.ok(roles.includes("battery") && roles.includes("charger"), roles.join());
  assert.ok(plan.course.devices.every((device) => device.reasons.length > 0), "everything has its reason");
  const { items } = await call(page, "GET", "/things/home-battery/commands");
  const command = items.find((one) => one.cause.kind === "policy" && one.cause.id === "optimiser");
  assert.ok(command, "the battery got a command of the plan");
  const entry = JSON.stringify(await call(page, "GET", `/entries/${command.cause.position}`));
  assert.match(entry, /decisions/);
  assert.match(entry, /reason/);
});

test("the page says what flows, what is planned and why, and what it saves", bounded, async () => {
  page.errors.length = 0;
  await page.goto(`${base}/energy`);
  await page.getByRole("region", { name: "Flowing now" }).locator("svg").waitFor();
  await page.getByRole("slider", { name: /The plan of the next day/ }).waitFor();
  const why = page.getByRole("region", { name: "Why" });
  await why.getByRole("region", { name: "Home battery" }).getByText("now", { exact: true }).waitFor();
  await page.getByRole("region", { name: "Done and decided" }).getByText("sent", { exact: true }).first().waitFor();
  await page.getByRole("region", { name: "What the plan saves" }).getByText("Saved since the plan is carried out").waitFor();
  await clean("energy");
  assert.deepEqual(page.errors, []);
});

test("what was learned of the home is told on the set-up page", bounded, async () => {
  const savings = await until("the home is learned", async () => {
    const savings = await call(page, "GET", "/home/savings");
    return savings.learnt.length > 0 && savings;
  }, patience);
  await page.goto(`${base}/energy/setup`);
  await page.getByRole("region", { name: "What was learned of this home" }).getByText(savings.learnt[0].words).waitFor();
  await clean("setup");
});

test("another battery is asked of this home, and the answer says how sure it is", { timeout: 150_000 }, async () => {
  await page.goto(`${base}/energy/what-if`);
  await page.getByRole("spinbutton", { name: "Battery, What if" }).fill("20");
  await page.getByRole("form", { name: "What if" }).getByRole("button", { name: "Simulate", exact: true }).click();
  const answer = page.getByRole("region", { name: "What it comes to" });
  await answer.getByText("Saves in a year").waitFor({ timeout: 100_000 });
  await answer.getByText("±").first().waitFor();
  await clean("what if");
});

test("a price feed that is pulled is said, and the plan goes on as the settings say", bounded, async () => {
  const feed = "spot-of-a-test";
  const model = { id: feed, kind: "price-feed", title: "Spot of a test", properties: { price: { type: "number", unit: "€/kWh", role: "primary" } } };
  await call(page, "POST", "/things", { id: feed, title: "Spot of a test", model });
  const { settings } = await call(page, "GET", "/home/settings");
  const contract = (property) => ({ ...settings, tariff: { ...settings.tariff, import: { kind: "dynamic", property, factor: 1, plus: 0, otherwise: 0.777 } } });
  try {
    await call(page, "POST", `/ingest/things/${feed}`, { price: 0.123 });
    await call(page, "PUT", "/home/settings", contract(`${feed}/price`));
    const first = (plan) => plan.course?.import_price[0];
    await until("its price is planned with", async () => Math.abs(first(await call(page, "GET", "/home/plan")) - 0.123) < 1e-9, 60_000);
    await call(page, "DELETE", `/things/${feed}`);
    const plan = await until("the page's API says that it is gone", async () => {
      const plan = await call(page, "GET", "/home/plan");
      return plan.notes.some((note) => note.about === "prices" && note.words.includes("0.777")) && first(plan) > 0.7 && plan;
    }, 90_000);
    assert.equal(plan.standing, "plan", "it is planned all the same");
    assert.ok(plan.course.price_known.every((known) => !known), "what stands in for a price is marked");
    await page.goto(`${base}/energy`);
    await page.getByRole("region", { name: "What to know" }).getByText(/tells no price: 0\.777 is taken/).waitFor();
  } finally {
    await call(page, "PUT", "/home/settings", settings);
  }
});

test("shadow sends nothing, and the run lets it go live again", bounded, async () => {
  const { live } = await call(page, "GET", "/home/plan");
  await page.goto(`${base}/energy`);
  const mode = page.getByRole("radiogroup", { name: "Who decides" });
  await mode.getByRole("radio", { name: "Shadow" }).click();
  await page.getByRole("note").getByText("recorded and not sent").waitFor({ timeout: 60_000 });
  await until("the battery is left to itself", async () => (await call(page, "GET", "/home/plan")).decided.some((one) => one.value === "self_use" && one.words.includes("only looks on")), 60_000);
  await call(page, "POST", "/home/mode", { mode: "operate", run: live.run });
  await until("it is live again", async () => (await call(page, "GET", "/home/plan")).mode === "operate", 30_000);
});
