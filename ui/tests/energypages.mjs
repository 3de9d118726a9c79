// The energy pages against a home of the test's own: every look, the keyboard, what is pressed, and what is wrong where it stands.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { close, open, until } from "./support/browser.mjs";
import { startEnergyServer } from "./support/energy-server.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const bounded = { timeout: 60_000 };
const still = { reducedMotion: "reduce", bypassCSP: true };
const looks = [
  { name: "desk, light", options: { colorScheme: "light" } },
  { name: "phone, dark", options: { colorScheme: "dark", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true } },
];
let server;
let bare;

before(async () => {
  [server, bare] = await Promise.all([startEnergyServer(), startEnergyServer({ bare: true })]);
}, bounded);
after(async () => {
  await close();
  await Promise.all([server.close(), bare.close()]);
});

async function clean(page) {
  await page.waitForTimeout(500);
  assert.deepEqual(page.errors, []);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} px wider than the screen`);
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  assert.deepEqual(found.violations.map((violation) => `${violation.id}: ${violation.nodes.slice(0, 3).map((node) => node.target.join(" ")).join("; ")}`), []);
}

for (const look of looks)
  test(`pages, ${look.name}`, { timeout: 120_000 }, async (context) => {
    const page = await open({ ...still, ...look.options });
    for (const [who, path] of [["full", "/energy"], ["full", "/energy/setup"], ["full", "/energy/what-if"], ["bare", "/energy"], ["bare", "/energy/setup"], ["bare", "/energy/what-if"]])
      await context.test(`${who} ${path}`, async () => {
        await page.goto((who === "bare" ? bare : server).url + path);
        await page.getByRole("heading", { level: 1, name: "Energy" }).waitFor();
        await page.locator("section, form, .empty").first().waitFor();
        // A home that is not known is refused a scenario of it, which the browser tells of as an error of its own.
        page.errors = page.errors.filter((error) => !error.includes("409"));
        await clean(page);
      });
    await page.context().close();
  });

test("the plan is read with keys alone, with its reasons, and as a table", bounded, async () => {
  const page = await open(still);
  await page.goto(`${server.url}/energy`);
  const chart = page.getByRole("slider", { name: /The plan of the next day/ });
  await chart.focus();
  const first = await chart.getAttribute("aria-valuetext");
  await page.keyboard.press("End");
  assert.equal(await chart.getAttribute("aria-valuenow"), "95");
  assert.notEqual(await chart.getAttribute("aria-valuetext"), first);
  await page.locator(".said").getByText("Gives to the house").waitFor();
  await page.keyboard.press("Home");
  await page.locator(".said").getByText("Waits, because the evening pays more").waitFor();
  await page.getByRole("region", { name: "The plan" }).getByText("The data as a table").click();
  assert.equal(await page.getByRole("region", { name: "The plan" }).locator("tbody tr").count(), 96);
  await page.getByText("65 % by 07:30 is impossible").waitFor();
  await page.context().close();
});

test("shadow is marked, and nothing goes live without a run but by an owner who holds the button", bounded, async () => {
  const page = await open(still);
  await page.goto(`${server.url}/energy`);
  const mode = page.getByRole("radiogroup", { name: "Who decides" });
  await mode.getByRole("radio", { name: "Shadow" }).click();
  await page.getByRole("note").getByText("recorded and not sent").waitFor();
  await mode.getByRole("radio", { name: "Operate" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Nothing shows yet what the plan does").waitFor();
  await dialog.getByRole("button", { name: "Go live without a simulation" }).focus();
  await page.keyboard.down("Enter");
  await until("it is live", async () => (await mode.getByRole("radio", { name: "Operate" }).getAttribute("aria-checked")) === "true");
  await page.keyboard.up("Enter");
  assert.deepEqual(server.changes.filter((one) => one.path === "/home/mode").map((one) => [one.body.mode, one.body.force]), [["shadow", false], ["operate", false], ["operate", true]]);
  page.errors = page.errors.filter((error) => !error.includes("409"));
  await page.context().close();
});

test("a question is answered, and what is wrong is said where it stands without losing what was typed", bounded, async () => {
  const page = await open(still);
  await page.goto(`${server.url}/energy/setup`);
  await page.getByLabel("How many kilowatt hours does Car hold when it is full?").fill("58");
  const percent = page.getByRole("region", { name: "When the car leaves" }).getByLabel("Charged to");
  await percent.evaluate((field) => field.removeAttribute("max"));
  await percent.fill("120");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("region", { name: "When the car leaves" }).getByText("a car cannot be 120 % full").waitFor();
  assert.equal(await percent.inputValue(), "120");
  await percent.fill("80");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved. The plan is made anew.").waitFor();
  const said = server.changes.findLast((one) => one.path === "/home/settings").body;
  assert.deepEqual([said.things.car.capacity_kilowatt_hours, said.departures[0].percent], [58, 80]);
  assert.equal(await page.getByLabel("How many kilowatt hours does Car hold").count(), 0, "it is not asked again");
  await page.context().close();
});

test("what another battery would come to is asked, and told as simulated with its interval", bounded, async () => {
  const page = await open(still);
  await page.goto(`${server.url}/energy/what-if`);
  await page.getByRole("note").getByText("Simulated.").waitFor();
  await page.getByRole("spinbutton", { name: "Battery, What if" }).fill("15");
  await page.getByRole("button", { name: "Simulate", exact: true }).click();
  const answer = page.getByRole("region", { name: "What it comes to" });
  await answer.getByText("± €12.50").waitFor();
  await answer.getByText("31.0 years – 41.8 years").waitFor();
  const bill = page.getByRole("form", { name: "The bill that was paid" });
  await bill.getByRole("button", { name: "Compare" }).click();
  await bill.getByText("€3.10 to €7.90, 95 % sure").waitFor();
  await page.context().close();
});

test("the words are there in Korean too", bounded, async () => {
  const page = await open({ ...still, locale: "ko-KR" });
  await page.addInitScript(() => localStorage.setItem("manmul.language", "ko"));
  await page.goto(`${server.url}/energy`);
  await page.getByRole("heading", { name: "에너지" }).waitFor();
  await page.getByText("지금의 흐름").first().waitFor();
  await page.goto(`${server.url}/energy/setup`);
  await page.getByRole("heading", { name: "전기 요금" }).waitFor();
  await page.context().close();
});
