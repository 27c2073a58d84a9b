// Owns the delay before the next try. In a browser, the delay ends early when the network or the visitor returns.

/** Globals of browsers that this file uses. Node lacks them. */
interface Browser {
  readonly addEventListener?: EventTarget["addEventListener"];
  readonly document?: EventTarget & { readonly visibilityState: string };
}

/** Delays between tries in a row without an event; at most 15 s for 8 tries. They are short for the 5 s (`--reconnect-grace`) that a job waits for its reader. */
const delaysMs = [250, 750, 1_000, 1_000, 1_000, 1_000, 4_000, 6_000] as const;

/** Between four fifths of the delay and the whole delay, so that clients that lost the same server do not return at the same moment. */
export function retryDelayMs(tries: number): number {
  return (delaysMs[Math.min(tries, delaysMs.length - 1)] as number) * (0.8 + Math.random() / 5);
}

/** Resolves after the delay, when the browser goes online, or when the page becomes visible; at once on abort. */
export function waitToRetry(delayMs: number, signal?: AbortSignal): Promise<"delay" | "woken"> {
  const browser = globalThis as Browser;
  return new Promise((resolve) => {
    const done = new AbortController();
    const finish = (how: "delay" | "woken"): void => {
      clearTimeout(timer);
      done.abort();
      resolve(how);
    };
    const timer = setTimeout(() => finish("delay"), delayMs);
    const options = { once: true, signal: done.signal };
    signal?.addEventListener("abort", () => finish("delay"), options);
    browser.addEventListener?.("online", () => finish("woken"), options);
    browser.document?.addEventListener(
      "visibilitychange",
      () => {
        if (browser.document?.visibilityState === "visible") finish("woken");
      },
      { signal: done.signal },
    );
    if (signal?.aborted === true) finish("delay");
  });
}
