// The pages of rules against a site of the test's own that has rules in every state: every look, the keyboard, the sentences and their text,
// what is pressed, and what is asked in words.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { close, open, until } from "./support/browser.mjs";
import { startRulesServer } from "./support/rules-server.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const bounded = { timeout: 60_000 };
const still = { reducedMotion: "reduce", bypassCSP: true };
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const looks = [
  { name: "desk, light", options: { colorScheme: "light" } },
  { name: "desk, dark, Korean", options: { colorScheme: "dark", locale: "ko-KR" } },
  { name: "phone, dark", options: { colorScheme: "dark", ...phone } },
];
const rule = "/rules/hall-light";
const paths = [
  "/rules", "/rules?state=shadow", "/rules?search=nothing-like-it", rule, "/rules/damp-fan", "/rules/blinds", `${rule}?view=text`, "/rules/blinds?view=text", "/rules/damp-fan?view=graph", `${rule}?tab=test`,
  `${rule}?tab=backtest`, "/rules/damp-fan?tab=shadow", "/rules/blinds?tab=shadow", `${rule}?tab=history`, `${rule}?tab=traces`, `${rule}?tab=traces&trace=t-3`, "/rules/new", "/rules/new?example=humidity",
  "/scenes", "/alarms?state=all", "/notifications", "/suggestions", "/things/bath-fan",
];
let server;
let page;

before(async () => {
  server = await startRulesServer();
  page = await open(still);
}, bounded);
after(async () => {
  await close();
  await server.close();
});

async function clean(where) {
  await where.waitForTimeout(500);
  assert.deepEqual(where.errors, []);
  const overflow = await where.evaluate(() => { const main = document.getElementById("main"); return Math.max(document.documentElement.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth); });
  assert.ok(overflow <= 0, `the page is ${overflow} px wider than the screen`);
  await where.evaluate(axe);
  const found = await where.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  assert.deepEqual(found.violations.map((violation) => `${violation.id}: ${violation.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.failureSummary?.split("\n")[1]?.trim() ?? ""}`).join("; ")}`), []);
}

for (const look of looks)
  test(`pages, ${look.name}`, { timeout: 240_000 }, async (context) => {
    const own = await open({ ...still, ...look.options });
    for (const path of paths)
      await context.test(path, bounded, async () => {
        own.errors.length = 0;
        await own.goto(server.url + path);
        await own.locator("h1").first().waitFor();
        await clean(own);
      });
    await own.context().close();
  });

test("a site without rules offers examples to start from, about things that it has", bounded, async (context) => {
  const bare = await startRulesServer({ empty: true });
  context.after(() => bare.close());
  await page.goto(`${bare.url}/rules`);
  await page.getByText("No rules yet").waitFor();
  await clean(page);
  await page.getByRole("link", { name: /Fan when the air is damp/ }).click();
  await page.getByRole("button", { name: "Value: Bath climate · Humidity" }).waitFor();
  await page.getByRole("button", { name: "Value to set: Bath fan · On" }).waitFor();
  await page.getByRole("radio", { name: "Text", exact: true }).click();
  assert.match(await page.getByLabel("Text of the rule, YAML").inputValue(), /property: bath-climate\/humidity\n {4}above: 70/);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await until("it is kept", () => bare.rules.size === 1);
  await until("it has an address of its own", () => page.url().includes("/rules/new-1"));
});

test("a rule is changed in its sentences by keyboard alone, and its text keeps its comments", bounded, async () => {
  await page.goto(`${server.url}${rule}`);
  const when = page.getByRole("list", { name: "When" });
  const amount = when.getByLabel("For how long", { exact: true });
  await amount.fill("7");
  await amount.press("Tab");
  await when.getByLabel("Unit of For how long").selectOption("min");
  await page.getByRole("button", { name: "Add a condition" }).first().focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "A value", exact: true }).waitFor();
  await page.keyboard.press("Enter");
  const added = page.getByRole("list", { name: "And only if" }).getByRole("listitem").nth(2);
  await added.waitFor();
  await until("the new condition has the keys", async () => added.evaluate((row) => row.contains(document.activeElement)));
  await page.keyboard.press("Enter");
  await page.getByRole("combobox", { name: "Value" }).waitFor();
  await page.keyboard.type("bath climate");
  await page.getByRole("option", { name: /Bath climate/ }).waitFor();
  await until("only it is offered", async () => (await page.getByRole("listbox", { name: "Value" }).getByRole("option").count()) === 1);
  await page.keyboard.press("Enter");
  await page.getByRole("option", { name: /Temperature/ }).waitFor();
  await page.keyboard.type("temp");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Value: Bath climate · Temperature" }).waitFor();
  // What was true or not can be no temperature, so a limit stands there now.
  await until("it is compared with a limit", async () => (await added.getByLabel("Comparison").inputValue()) === "above");
  const limit = added.getByLabel("Above (°C)");
  await limit.fill("18.5");
  await limit.press("Tab");
  await page.keyboard.press("Alt+ArrowUp");
  await page.getByRole("radio", { name: "Text", exact: true }).click();
  const text = page.getByLabel("Text of the rule, YAML");
  const said = await text.inputValue();
  assert.match(said, /^# Written with Anna in March\n/);
  assert.match(said, / {2}- property: hall-motion\/occupancy {3}# the sensor above the door\n {4}to: true\n {4}for: 7 min\n/);
  assert.match(said, / {2}- property: bath-climate\/temperature\n {4}above: 18.5\n {2}- property: hall-lamp\/on\n/);
  await page.getByRole("button", { name: "Undo", exact: true }).click();
  assert.match(await text.inputValue(), / {4}is: false\n {2}- property: bath-climate\/temperature\n/);
  await page.reload();
  await page.getByText("What you had typed and not saved is here again.").waitFor();
  await page.getByRole("button", { name: "Discard" }).click();
  await until("it is as it was kept", async () => (await page.getByText("Changed", { exact: true }).count()) === 0);
});

test("what is wrong is said while one types, at its line, and in its sentence", bounded, async () => {
  await page.goto(`${server.url}/rules/blinds?view=text`);
  const problems = page.getByRole("status", { name: "Problems" });
  await problems.getByText("There is no thing living-blind").or(problems.getByText("there is no thing living-blind")).waitFor();
  const text = page.getByLabel("Text of the rule, YAML");
  await text.fill((await text.inputValue()).replace("living-blind/position", "living-blinds/position"));
  await until("one problem is gone", async () => (await problems.getByRole("button").count()) === 1);
  await text.fill("rule: [\n");
  await problems.getByRole("button", { name: /Line/ }).first().waitFor();
  await page.getByRole("radio", { name: "Sentences" }).click();
  await page.getByText("The text cannot be read as a rule").waitFor();
  await page.getByRole("button", { name: "Undo", exact: true }).click();
  await page.getByText("Only in the text").first().waitFor();
  await page.getByText("dawn_chorus: loud").waitFor();
});

test("the past is replayed, the shadow started, the rule promoted with its evidence, and taken back", { timeout: 90_000 }, async () => {
  await page.goto(`${server.url}/rules/new?example=light`);
  await page.getByRole("tab", { name: "Backtest" }).click();
  await page.getByRole("button", { name: "Replay the past" }).click();
  const card = page.getByRole("region", { name: "What it would have done" });
  await card.getByText("Against what really happened").waitFor();
  await card.getByText(/This history was shaped by/).waitFor();
  await page.getByRole("button", { name: "Start shadow" }).click();
  const dialog = page.getByRole("dialog", { name: "How the rule acts" });
  await dialog.getByRole("button", { name: "Start shadow" }).click();
  await page.getByRole("button", { name: "Promote" }).click();
  await dialog.getByText("What shows for it").waitFor();
  await dialog.getByLabel("In some rooms").check();
  await dialog.getByLabel("Hall", { exact: true }).check();
  await dialog.getByRole("button", { name: "Hold to promote" }).focus();
  await page.keyboard.down("Enter");
  await until("it is live", () => [...server.rules.values()].at(-1).state === "live", 5000);
  await page.keyboard.up("Enter");
  const made = [...server.rules.values()].at(-1);
  assert.deepEqual(made.stage, { spaces: ["hall"], share: 1 });
  await page.goto(`${server.url}/rules/${made.id}`);
  const title = page.getByLabel("Title", { exact: true });
  await title.fill("Light in the hall");
  await title.press("Tab");
  await page.keyboard.press("Control+s");
  await page.getByText("Saved as version 2").waitFor();
  await page.getByRole("tab", { name: "History" }).click();
  await page.getByRole("button", { name: /^Version 1/ }).click();
  await page.getByRole("button", { name: "Go back to version 1" }).click();
  await until("it is back", () => made.text.startsWith("rule: Light when somebody comes"));
  await page.getByRole("heading", { level: 1, name: "Light when somebody comes" }).waitFor();
});

test("a rule that somebody else changed is not overwritten", bounded, async () => {
  await page.goto(`${server.url}/rules/night`);
  const title = page.getByLabel("Title", { exact: true });
  await title.fill("Lights out");
  await title.press("Tab");
  server.rules.get("night").version += 1;
  page.errors.length = 0;
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("alert").getByText("It was changed meanwhile").waitFor();
  assert.equal(await title.inputValue(), "Lights out");
  page.errors.length = 0;
  await page.evaluate(() => sessionStorage.clear());
});

test("a run is told step by step, and why there was none", bounded, async () => {
  await page.goto(`${server.url}${rule}?tab=traces`);
  await page.getByRole("list", { name: "Runs" }).getByRole("button", { name: /Failed/ }).click();
  const steps = page.getByRole("list", { name: "Steps" });
  await steps.getByText("hall-lamp did not answer in 10 s").waitFor();
  await page.getByRole("button", { name: "An hour ago" }).click();
  await page.getByText("0.8 s too short").waitFor();
  await page.getByRole("img", { name: "60 % of the way" }).waitFor();
  await page.getByRole("button", { name: "Hall lamp · On is off", exact: true }).first().click();
  await page.getByLabel("Text of the rule, YAML").waitFor();
});

test("automations of another system are looked at first, then kept as drafts", bounded, async () => {
  await page.goto(`${server.url}/rules`);
  await page.getByRole("button", { name: "Import" }).click();
  const dialog = page.getByRole("dialog", { name: "Import from Home Assistant" });
  await dialog.getByLabel("Automations, YAML").fill("- alias: Light in the hall\n");
  await dialog.getByRole("button", { name: "See what becomes of it" }).click();
  await dialog.getByText("blueprints are not carried over").waitFor();
  await dialog.getByRole("button", { name: "Keep 2 drafts" }).click();
  await dialog.getByRole("link", { name: "Light in the hall" }).waitFor();
});

test("scenes are made and applied, alarms acknowledged and shelved, notifications read", bounded, async () => {
  await page.goto(`${server.url}/scenes`);
  await page.getByRole("button", { name: "Apply Film evening" }).click();
  await page.getByText("Film evening applied").waitFor();
  await page.getByRole("button", { name: "New scene" }).click();
  const dialog = page.getByRole("dialog", { name: "New scene" });
  await dialog.getByLabel("Name").fill("Reading");
  await dialog.getByRole("button", { name: "Add a value" }).click();
  await page.getByRole("option", { name: /Hall lamp/ }).click();
  await page.getByRole("option", { name: /Brightness/ }).click();
  await dialog.getByText("Hall lamp · Brightness").waitFor();
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Reading" }).waitFor();
  assert.equal(server.scenes.at(-1).sets[0].name, "brightness");

  await page.goto(`${server.url}/alarms`);
  await page.getByRole("button", { name: "Acknowledge: Water in the cellar" }).click();
  await page.getByLabel("Note").fill("The plumber comes");
  await page.getByRole("button", { name: "Acknowledge", exact: true }).click();
  await until("it is acknowledged", () => server.alarms.find((one) => one.id === "a-2").note === "The plumber comes");
  await page.getByRole("button", { name: "Shelve: Front door open" }).click();
  await page.getByRole("button", { name: "8 hr" }).click();
  await page.getByText("No alarms").waitFor();
  await page.getByRole("button", { name: "Notifications, 2 new" }).click();
  await page.getByRole("button", { name: "Mark all as read" }).click();
  await until("all are read", () => server.notices().every((one) => one.read));
});

test("a routine that was seen becomes a rule only when somebody says so, and a refusal can be taken back", { timeout: 30_000 }, async () => {
  const state = () => server.suggestions[0].state;
  await page.goto(`${server.url}/suggestions`);
  await page.getByRole("button", { name: "Dismiss: Hall lamp off late in the evening" }).click();
  await page.getByRole("button", { name: "Undo", exact: true }).click();
  assert.equal(state(), "new");
  await page.getByRole("link", { name: "Replay the past" }).click();
  await page.getByRole("heading", { level: 1, name: "Hall lamp off late in the evening" }).waitFor();
  await page.goBack();
  await page.getByRole("button", { name: "Make it a rule: Hall lamp off late in the evening" }).click();
  await until("it is one", () => state() === "accepted");
});

test("what is asked in words is done only after a yes, and asked back where it is not clear", bounded, async () => {
  await page.goto(`${server.url}/things`);
  await page.getByRole("heading", { name: "Things" }).waitFor();
  await page.keyboard.press(".");
  const box = page.getByRole("dialog", { name: "Ask or tell" });
  await box.getByRole("textbox").fill("Close the blinds in ten minutes");
  await page.keyboard.press("Enter");
  await box.getByText("In ten minutes, close the living room blinds").waitFor();
  await box.getByRole("list", { name: "What would be done" }).getByText("Living room blinds · Position").waitFor();
  await box.getByText("the wind is too strong").waitFor();
  assert.equal(server.asked.some((one) => one.includes("/plans/")), false);
  await box.getByRole("textbox").fill("the lamp");
  await page.keyboard.press("Enter");
  await box.getByText("Did you mean one of these?").waitFor();
  await box.getByRole("button", { name: "Turn off the hall lamp" }).click();
  await box.getByRole("button", { name: "Do it" }).click();
  await until("it is done", () => server.asked.some((one) => one === "POST /api/v1/plans/p-1/apply"));
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search" }).fill("how warm is it");
  await page.getByRole("option", { name: /Ask: “how warm is it”/ }).click();
  await page.getByText("The living room is 21.3 °C.").waitFor();
});
