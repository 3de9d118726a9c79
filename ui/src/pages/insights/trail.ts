// The list that a finding was opened from, so that the next one is a key away.
class Trail {
  ids: string[] = [];
  /** The address of the list, with its filter. */
  address = "/insights";

  beside(id: string, step: number): string | null {
    const at = this.ids.indexOf(id);
    return at < 0 ? null : (this.ids[at + step] ?? null);
  }

  place(id: string): { at: number; count: number } | null {
    const at = this.ids.indexOf(id);
    return at < 0 ? null : { at: at + 1, count: this.ids.length };
  }
}

export const trail = new Trail();
