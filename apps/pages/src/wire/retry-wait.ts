// Owns the delay before reconnecting, which ends early when the network or the visitor returns.

/** Resolves after the delay, when the browser goes online, or when the page becomes visible; at once on abort. */
export function waitToRetry(delayMs: number, signal?: AbortSignal): Promise<"delay" | "woken"> {
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
    addEventListener("online", () => finish("woken"), options);
    document.addEventListener(
      "visibilitychange",
      () => {
        if (document.visibilityState === "visible") finish("woken");
      },
      { signal: done.signal },
    );
    if (signal?.aborted === true) finish("delay");
  });
}
