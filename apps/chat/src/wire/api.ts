// Owns requests to the daemon that served the page, and the API token they carry: in a header, never in a URL.
import { signal } from "@preact/signals";
import type { Signal } from "@preact/signals";

export interface Api {
  /** `no`, or why the page asks: there is no token yet, the one there was is wrong, or it may not do what the visitor wants. */
  readonly tokenAsked: Signal<"no" | "first" | "wrong" | "admin">;
  /** Lets the requests that wait for it go on. `keep` outlives the tab. */
  giveToken(token: string, keep: boolean): void;
  /**
   * Like fetch; a 401 waits for a token from the visitor and asks again.
   * @throws what fetch throws, an abort included, also when no answer begins within `responseTimeoutMs`
   */
  request(path: string, init?: RequestOptions): Promise<Response>;
}

export interface RequestOptions extends RequestInit {
  /** By default half a minute. */
  readonly responseTimeoutMs?: number;
}

const storageKey = "waggle.token";
/** The daemon answers most requests at once or not at all; only the body of a stream takes its time. */
const defaultResponseTimeoutMs = 30_000;

export function createApi(): Api {
  const tokenAsked = signal<"no" | "first" | "wrong" | "admin">("no");
  let token = sessionStorage.getItem(storageKey) ?? localStorage.getItem(storageKey);
  let waiting: (() => void)[] = [];

  function forget(): void {
    token = null;
    sessionStorage.removeItem(storageKey);
    localStorage.removeItem(storageKey);
  }

  function refuse(used: string | null): void {
    if (used !== token) return;
    forget();
    if (used !== null) tokenAsked.value = "wrong";
    else if (tokenAsked.value !== "wrong") tokenAsked.value = "first";
  }

  async function tokenOrAbort(abort: AbortSignal | null | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      abort?.addEventListener("abort", () => resolve(), { once: true });
    });
    abort?.throwIfAborted();
  }

  return {
    tokenAsked,
    giveToken(given, keep) {
      forget();
      token = given;
      (keep ? localStorage : sessionStorage).setItem(storageKey, given);
      tokenAsked.value = "no";
      for (const go of waiting) go();
      waiting = [];
    },
    async request(path, init = {}) {
      for (;;) {
        const used = token;
        const headers = new Headers(init.headers);
        if (used !== null) headers.set("authorization", `Bearer ${used}`);
        const response = await fetchInTime(path, { ...init, headers, cache: "no-store", redirect: "error" });
        if (response.status !== 401) return response;
        refuse(used);
        if (token === null) await tokenOrAbort(init.signal);
      }
    },
  };
}

async function fetchInTime(
  path: string,
  { responseTimeoutMs = defaultResponseTimeoutMs, ...init }: RequestOptions,
): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error("No answer began in time")), responseTimeoutMs);
  const signals = [late.signal, init.signal].filter((signal) => signal instanceof AbortSignal);
  try {
    return await fetch(path, { ...init, signal: AbortSignal.any(signals) });
  } finally {
    clearTimeout(timer);
  }
}
