// What was typed but not kept, so that a closed tab loses nothing. One for each rule, in this browser only.

const key = (id: string | null) => `manmul.rule.${id ?? "new"}`;

export const drafts = {
  get: (id: string | null): string | null => sessionStorage.getItem(key(id)),
  put(id: string | null, text: string | null): void {
    if (text === null) sessionStorage.removeItem(key(id));
    else sessionStorage.setItem(key(id), text);
  },
};
