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

/** The ids that the word means: the equal one, else all that begin with it. */
export function idsThatMatch(word: string, ids: readonly string[]): readonly string[] {
  const begin = word.endsWith(cut) ? word.slice(0, -cut.length) : word;
  return ids.includes(word) ? [word] : [...new Set(ids)].filter((id) => begin !== "" && id.startsWith(begin));
}
