// Owns the short forms of job ids: what tables show, and what `waggle cancel` takes. Pure.

/** As many characters as `job-` and the 8 hexadecimal digits after it. */
const fewestCharacters = 12;
const cut = "…";

/** Ids that are alike for longer than this keep their ends: a fleet's job has the same long beginning at each worker that ran it. */
const longestBegin = 16;
const beginOfLong = 8;

/** Shortens each id to a beginning that no other id has, and `…`; ids with a long common beginning to their begin, `…` and their end. */
export function shortIdsOf(ids: readonly string[]): ReadonlyMap<string, string> {
  const short = new Map<string, string>();
  let alike = [...new Set(ids)];
  for (let length = fewestCharacters; alike.length > 0; length += 1) {
    const cutId = (id: string): string =>
      length <= longestBegin
        ? id.slice(0, length) + cut
        : id.slice(0, beginOfLong) + cut + id.slice(beginOfLong - length);
    const seen = new Set<string>();
    const shared = new Set<string>();
    for (const form of alike.map(cutId)) (seen.has(form) ? shared : seen).add(form);
    for (const id of alike) {
      const form = cutId(id);
      if (!shared.has(form)) short.set(id, id.length <= length + 1 ? id : form);
    }
    alike = alike.filter((id) => !short.has(id));
  }
  return short;
}

/** A script that cancels `job-1` again must not cancel `job-10`: only a shortened id means a longer one. */
export function isShortened(word: string): boolean {
  return word.indexOf(cut) > 0;
}
