// Owns requests to the daemon that served the page, and the API token they carry: in a header, never in a URL.
import { computed, signal } from "@preact/signals";
import type { ReadonlySignal, Signal } from "@preact/signals";
import { keepItem, lastingStorage, tabStorage } from "./browser-storage.ts";

/**
 * `no`, or why the page asks: there is no token yet, the one there was is wrong, it may not do what the visitor wants, or the visitor wants
 * to give another one.
 */
export type TokenAsked = "no" | "first" | "wrong" | "admin" | "change";

export interface Api {
  readonly tokenAsked: Signal<TokenAsked>;
  /** Whether requests carry one. */
  readonly hasToken: ReadonlySignal<boolean>;
  /** The daemon wants a token, and the visitor gave none: its 401 answers go to who asked, and nobody is asked again. */
  readonly tokenDeclined: ReadonlySignal<boolean>;
  /** Lets the requests that wait for it go on, once the daemon has taken it. `keep` outlives the tab. */
  giveToken(token: string, keep: boolean): Promise<"taken" | "wrong" | "unreachable">;
  /** The visitor gives none: requests that wait for one get their 401. */
  declineToken(): void;
  forgetToken(): void;
  /**
   * Like fetch; a 401 waits for a token from the visitor and asks again, unless the visitor gives none.
   * @throws what fetch throws, an abort included, also when no answer begins within `responseTimeoutMs`
   */
  request(path: string, init?: RequestOptions): Promise<Response>;
}

export interface ApiOptions {
  /** What a new token is tried on: a route that wants one. */
  readonly tokenTryPath?: string;
}

export interface RequestOptions extends RequestInit {
  /** By default half a minute. */
  readonly responseTimeoutMs?: number;
}

const storageKey = "waggle.token";
/** The daemon answers most requests at once or not at all; only the body of a stream takes its time. */
const defaultResponseTimeoutMs = 30_000;
/** What a header can carry; a token is nothing else. */
const sendable = /^[\x21-\x7E]+$/;

export function createApi({ tokenTryPath = "/v1/info" }: ApiOptions = {}): Api {
  const tokenAsked = signal<TokenAsked>("no");
  const token = signal(tabStorage.getItem(storageKey) ?? lastingStorage.getItem(storageKey));
  const tokenDeclined = signal(false);
  let waiting: (() => void)[] = [];

  function forget(): void {
    token.value = null;
    tabStorage.removeItem(storageKey);
    lastingStorage.removeItem(storageKey);
  }

  function refuse(used: string | null): void {
    if (used !== token.peek()) return;
    forget();
    if (used !== null) tokenAsked.value = "wrong";
    else if (tokenAsked.peek() === "no" && !tokenDeclined.peek()) tokenAsked.value = "first";
  }

  function goOn(): void {
    for (const go of waiting) go();
    waiting = [];
  }

  function decline(): void {
    tokenAsked.value = "no";
    tokenDeclined.value = true;
    goOn();
  }

  async function tokenOrAbort(abort: AbortSignal | null | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      abort?.addEventListener("abort", () => resolve(), { once: true });
    });
    abort?.throwIfAborted();
  }

  async function send(path: string, init: RequestOptions, used: string | null): Promise<Response> {
    const headers = new Headers(init.headers);
    if (used !== null) headers.set("authorization", `Bearer ${used}`);
    return await fetchInTime(path, { ...init, headers, cache: "no-store", redirect: "error" });
  }

  return {
    tokenAsked,
    hasToken: computed(() => token.value !== null),
    tokenDeclined,
    async giveToken(given, keep) {
      if (!sendable.test(given)) return "wrong";
      const status = await send(tokenTryPath, {}, given).then(
        (response) => response.status,
        () => undefined,
      );
      if (status === undefined) return "unreachable";
      if (status === 401) return "wrong";
      forget();
      token.value = given;
      // Without room for it there, it lasts as long as the tab, or the page.
      if (!keep || !keepItem(lastingStorage, storageKey, given)) keepItem(tabStorage, storageKey, given);
      tokenAsked.value = "no";
      tokenDeclined.value = false;
      goOn();
      return "taken";
    },
    declineToken: decline,
    forgetToken() {
      forget();
      decline();
    },
    async request(path, init = {}) {
      for (;;) {
        const used = token.peek();
        const response = await send(path, init, used);
        if (response.status !== 401) return response;
        refuse(used);
        if (token.peek() !== null) continue;
        if (!tokenDeclined.peek()) await tokenOrAbort(init.signal);
        if (token.peek() === null && tokenDeclined.peek()) return response;
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
