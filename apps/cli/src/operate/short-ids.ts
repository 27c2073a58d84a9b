// Owns the short forms of job ids: what a table in a terminal shows, and what `waggle cancel` takes.

/** As many characters as `job-` and the 8 hexadecimal digits after it. */
const fewestCharacters = 12;
const cut = "…";

/** Shortens each id to a beginning that no other id has, ending in `…`. */
export function shortIdsOf(ids: readonly string[]): ReadonlyMap<string, string> {
  const short = new Map<string, string>();
  let alike = [...new Set(ids)];
  for (let length = fewestCharacters; alike.length > 0; length += 1) {
    const seen = new Set<string>();
    const shared = new Set<string>();
    for (const begin of alike.map((id) => id.slice(0, length))) (seen.has(begin) ? shared : seen).add(begin);
    for (const id of alike) {
      const begin = id.slice(0, length);
      if (!shared.has(begin)) short.set(id, id.length <= length + 1 ? id : begin + cut);
    }
    alike = alike.filter((id) => !short.has(id));
  }
  return short;
}

export function isShortened(word: string): boolean {
  return word.length > cut.length && word.endsWith(cut);
}

/** Only a shortened id means a longer one: a script that cancels `job-1` again must not cancel `job-10`. */
export function meansId(word: string, id: string): boolean {
  return isShortened(word) ? id.startsWith(word.slice(0, -cut.length)) : id === word;
}
