// Finds the common start and the common end of two template outputs without splitting a marker (`<…>`, `[…]`).

export function commonStart(a: string, b: string): string {
  let length = 0;
  while (length < a.length && length < b.length && a.charAt(length) === b.charAt(length)) length += 1;
  const split = Math.min(openMarker(a, length), openMarker(b, length));
  return a.slice(0, split);
}

export function commonEnd(a: string, b: string): string {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length += 1;
  // If the texts share only the end of a marker, the marker is not part of the common end.
  for (; length > 0; length -= 1) {
    const [inA, inB] = [a.length - length, b.length - length];
    if (openMarker(a, inA) === inA && openMarker(b, inB) === inB) break;
  }
  return a.slice(a.length - length);
}

/** The beginning of the marker that contains a position; outside of markers, the position itself. */
function openMarker(text: string, at: number): number {
  const before = text.slice(0, at);
  const rest = text.slice(at);
  for (const [open, close] of [
    ["<", ">"],
    ["[", "]"],
  ] as const) {
    const begin = before.lastIndexOf(open);
    if (begin === -1 || before.includes(close, begin)) continue;
    const end = text.indexOf(close, at);
    if (end === -1 || /[\s{}"]/.test(text.slice(begin + 1, end)) || rest === "") continue;
    return begin;
  }
  return at;
}
