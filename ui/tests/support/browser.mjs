// What the browser tests share: one Chromium, a signed-in page that collects its errors, and calls to the API from inside it.
import { chromium } from "playwright-core";

export const base = (process.env.MANMUL_URL ?? "http://127.0.0.1:7700").replace(/\/$/, "");
export const owner = { name: "owner", password: "correct horse battery staple" };
const token = process.env.MANMUL_SETUP_TOKEN ?? "";

// The one launch, not its browser: hooks and tests that begin together must not launch one each.
let launched = null;

export async function open(options = {}) {
  launched ??= chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const context = await (await launched).newContext({ viewport: { width: 1440, height: 900 }, locale: "en-US", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.errors = [];
  page.on("console", (message) => { if (message.type() === "error") page.errors.push(`${page.url()}: ${message.text()}`); });
  page.on("pageerror", (error) => page.errors.push(`${page.url()}: ${error.message}`));
  return page;
}

export async function close() {
  const browser = await launched;
  launched = null;
  await browser?.close();
}

/** Becomes the owner through the one-time link, or signs in where there is one already. */
export async function enter(page) {
  await page.goto(`${base}/setup?token=${encodeURIComponent(token)}`);
  await page.locator("input").first().or(page.locator("nav")).first().waitFor();
  if (page.url().includes("/setup")) {
    await page.getByLabel("Your name").fill(owner.name);
    await page.getByLabel("Password").fill(owner.password);
    await page.getByRole("button", { name: "Start" }).click();
  } else if (page.url().includes("/sign-in")) {
    await page.getByLabel("Name", { exact: true }).fill(owner.name);
    await page.getByLabel("Password").fill(owner.password);
    await page.getByRole("button", { name: "Sign in" }).click();
  }
  await page.getByRole("navigation", { name: "Main" }).waitFor();
}

/** Calls the API as the page's own person. */
export async function call(page, method, path, body) {
  return page.evaluate(async ([method, path, body]) => {
    const headers = method === "GET" ? {} : { "X-Manmul-Csrf": "1", "Content-Type": "application/json" };
    const answer = await fetch(`/api/v1${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }, [method, path, body]);
}

/** Polls until a condition holds; the error says which did not. */
export async function until(what, condition, patience = 8000) {
  const end = Date.now() + patience;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${patience} ms for: ${what}`);
    await new Promise((resume) => setTimeout(resume, 60));
  }
}
