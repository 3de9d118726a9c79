// Web push for this browser: a worker that shows what comes, and a subscription that the server knows.
import { notices } from "../../api/rules.ts";

const worker = "/push-worker.js";

async function registration(): Promise<ServiceWorkerRegistration | undefined> {
  return navigator.serviceWorker.getRegistration(worker);
}

function bytes(key: string): Uint8Array<ArrayBuffer> {
  const text = atob(key.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(key.length / 4) * 4, "="));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** The id under which the server knows an address. */
async function idOf(endpoint: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint)));
  return btoa(String.fromCharCode(...hash.slice(0, 16))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export const push = {
  /** Browsers give it to pages that came over TLS only. */
  possible: globalThis.isSecureContext && "serviceWorker" in navigator && "PushManager" in globalThis,

  async subscribed(): Promise<boolean> {
    if (!push.possible) return false;
    return ((await (await registration())?.pushManager.getSubscription()) ?? null) !== null;
  },

  async subscribe(): Promise<void> {
    if ((await Notification.requestPermission()) !== "granted") throw new Error("denied");
    const { key } = await notices.pushKey();
    await navigator.serviceWorker.register(worker);
    const ready = await navigator.serviceWorker.ready;
    const subscription = await ready.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
    await notices.subscribe(subscription.toJSON());
  },

  async unsubscribe(): Promise<void> {
    const subscription = await (await registration())?.pushManager.getSubscription();
    if (!subscription) return;
    await subscription.unsubscribe();
    // If this does not reach the server, it drops the subscription when the browser no longer answers.
    await notices.unsubscribe(await idOf(subscription.endpoint)).catch(() => {});
  },
};
