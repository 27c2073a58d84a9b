// Owns the check that a piece of work leaks no timer, socket, server or child process.
//
// Comparing process.getActiveResourcesInfo() before and after the work is not enough: a timer of the test runner that ends in between hides a
// leak. So the check watches only resources that the work creates, and not those of other work, such as a page that asks again.
import { AsyncLocalStorage, createHook } from "node:async_hooks";
import { sleep } from "@waggle/async";

/** Grace for closing: sockets and children close over several turns of the event loop, and on a busy machine a child needs seconds to exit. */
const usualGraceMs = 10_000;
const pollIntervalMs = 10;

/** A timer or a handle, which reports whether it keeps the process alive. Closed resources do not keep the process alive. */
interface Resource {
  hasRef(): boolean | null;
}

interface Creation {
  readonly resource: WeakRef<Resource>;
  readonly kind: string;
  readonly stack: string;
}

/**
 * Watches the resources that the caller creates from now on. Call the returned function after the work: it rejects if one of them still keeps the
 * process alive. Timers and handles do not keep it alive after `unref()`.
 * @throws Error that names each resource and the line of code that created it, after the grace
 */
export function expectNoLeaks(graceMs: number = usualGraceMs): () => Promise<void> {
  const creations = new Map<number, Creation>();
  const work = new AsyncLocalStorage<true>();
  work.enterWith(true);
  const hook = createHook({
    init(id, kind, _trigger, resource) {
      if (work.getStore() === undefined || !isResource(resource)) return;
      creations.set(id, { resource: new WeakRef(resource), kind, stack: new Error(kind).stack ?? "" });
    },
    destroy: (id) => void creations.delete(id),
  }).enable();
  const left = (): Creation[] => [...creations.values()].filter(({ resource }) => resource.deref()?.hasRef() === true);
  return async () => {
    const deadline = performance.now() + graceMs;
    while (left().length > 0 && performance.now() < deadline) await work.exit(() => sleep(pollIntervalMs));
    hook.disable();
    const described = left().map(describe);
    if (described.length > 0) throw new Error(`Resources were left behind: ${described.join(", ")}`);
  };
}

function isResource(resource: object): resource is Resource {
  return "hasRef" in resource && typeof resource.hasRef === "function";
}

/** Names the innermost stack frame outside of Node and of this file. */
function describe({ kind, stack }: Creation): string {
  const frames = stack.split("\n").slice(1);
  const origin = frames.find((frame) => !/node:|[\\/]leaks\.ts:/.test(frame));
  return origin === undefined ? kind : `${kind} created ${origin.trim()}`;
}
