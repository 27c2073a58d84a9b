// Owns the element that the page's address names. It is updated each time that a visitor follows a link to it.
import { signal, type ReadonlySignal } from "@preact/signals";

export interface Target {
  readonly id: string;
  /** Differs between visits to the same element. */
  readonly visit: number;
}

const current = signal<Target>({ id: idOf(location.hash), visit: 0 });
export const target: ReadonlySignal<Target> = current;

function idOf(hash: string): string {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return "";
  }
}

function go(hash: string): void {
  current.value = { id: idOf(hash), visit: current.peek().visit + 1 };
}

addEventListener("hashchange", () => go(location.hash));
addEventListener("click", ({ target: clicked }) => {
  const link = clicked instanceof Element ? clicked.closest<HTMLAnchorElement>('a[href^="#"]') : null;
  // A link to the present address sends no `hashchange` event.
  if (link !== null && link.hash === location.hash) go(link.hash);
});
