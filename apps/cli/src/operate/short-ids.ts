// Owns the short forms of job ids: what a table in a terminal shows, and what `waggle cancel` takes.

/** As many characters as `job-` and the 8 hexadecimal digits after it. */
const fewestCharacters = 12;
const cut = "…";

/** Shortens ids to beginnings that differ from each other, each ending in `…`. */
export function shortIdsOf(ids: readonly string[]): ReadonlyMap<string, string> {
  const all = new Set(ids);
  const longest = Math.max(0, ...ids.map(({ length }) => length));
  let length = fewestCharacters;
  while (length < longest && new Set([...all].map((id) => id.slice(0, length))).size < all.size) length += 1;
  return new Map([...all].map((id) => [id, id.length <= length + 1 ? id : id.slice(0, length) + cut]));
}

export function isShortened(word: string): boolean {
  return word.length > cut.length && word.endsWith(cut);
}

/** Only a shortened id means a longer one: a script that cancels `job-1` again must not cancel `job-10`. */
export function meansId(word: string, id: string): boolean {
  return isShortened(word) ? id.startsWith(word.slice(0, -cut.length)) : id === word;
}
