// Owns how far two token lists agree.
import type { Token } from "./backend.ts";

/** How many of the first tokens are the same, `limit` at most. */
export function commonPrefix(a: readonly Token[], b: readonly Token[], limit = Infinity): number {
  const most = Math.min(a.length, b.length, limit);
  let length = 0;
  while (length < most && a[length] === b[length]) length += 1;
  return length;
}
