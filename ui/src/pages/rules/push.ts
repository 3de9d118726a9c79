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
    // The server drops a subscription whose browser no longer answers.
    await (await (await registration())?.pushManager.getSubscription())?.unsubscribe();
  },
};
