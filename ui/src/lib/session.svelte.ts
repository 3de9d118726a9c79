// Who is signed in and at which site, and what they may do.
import { ask, client, onSignedOut } from "../api/client.ts";
import type { Session } from "../api/types.ts";
import { live } from "../live/store.svelte.ts";

class Sessions {
  current = $state.raw<Session | null>(null);
  problem = $state.raw<Error | null>(null);

  constructor() {
    onSignedOut(() => {
      if (this.current?.state === "signed_in") this.accept({ ...this.current, state: "signed_out", user: null });
    });
  }

  get role() { return this.current?.user?.role ?? "viewer"; }
  get mayOperate(): boolean { return this.role !== "viewer"; }
  get mayConfigure(): boolean { return this.role === "owner"; }

  async load(): Promise<void> {
    try {
      this.accept(await ask(client.GET("/api/v1/session")));
      this.problem = null;
    } catch (cause) {
      this.problem = cause as Error;
    }
  }

  accept(session: Session): void {
    this.current = session;
    if (session.state === "signed_in") live.connect();
    else live.disconnect();
  }

  async signOut(): Promise<void> {
    await ask(client.DELETE("/api/v1/session"));
    await this.load();
  }
}

export const session = new Sessions();
