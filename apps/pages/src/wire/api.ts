// Owns requests to the daemon that served the page, and their API token, which is sent in a header and never in a URL.
import { computed, signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { storeItem, lastingStorage, tabStorage } from "./browser-storage.ts";

/** Why the page asks for a token: there is no token yet, the token is wrong or no admin token, or the visitor changes it. `no`: it does not ask. */
export type TokenAsked = "no" | "first" | "wrong" | "admin" | "change";

export interface Api {
  readonly tokenAsked: Signal<TokenAsked>;
  readonly hasToken: ReadonlySignal<boolean>;
  /** Whether the visitor has given no token although the daemon requires one. Requests then get their 401, and the page does not ask again. */
  readonly tokenDeclined: ReadonlySignal<boolean>;
  /** Continues the waiting requests if the daemon accepts the token. @param keep whether to keep the token after the tab is closed */
  giveToken(token: string, keep: boolean): Promise<"taken" | "wrong" | "unreachable">;
  /** Called when the visitor gives no token: waiting requests get their 401. */
  declineToken(): void;
  forgetToken(): void;
  /**
   * Like fetch. After a 401, waits for a token from the visitor and tries again; returns the 401 if the visitor declines.
   * @throws the error of fetch, also for an abort; an error if no response begins within `responseTimeoutMs`
   */
  request(path: string, init?: RequestOptions): Promise<Response>;
}

export interface RequestOptions extends RequestInit {
  /** Half a minute by default. */
  readonly responseTimeoutMs?: number;
}

const storageKey = "waggle.token";
/** The daemon answers most requests at once or not at all; only the body of a stream takes longer. */
const defaultResponseTimeoutMs = 30_000;
/** Matches tokens that a header can carry. */
const sendable = /^[\x21-\x7E]+$/;

/** @param tokenTryPath a route that requires a token, to test a new token */
export function createApi(tokenTryPath = "/v1/info"): Api {
  const tokenAsked = signal<TokenAsked>("no");
  const token = signal(tabStorage.getItem(storageKey) ?? lastingStorage.getItem(storageKey));
  const tokenDeclined = signal(false);

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

  function decline(): void {
    tokenDeclined.value = true;
    tokenAsked.value = "no";
  }

  async function send(path: string, init: RequestOptions, used: string | null): Promise<Response> {
    const headers = new Headers(init.headers);
    if (typeof init.body === "string") headers.set("content-type", "application/json");
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
      // If the lasting storage is full, the token lasts as long as the tab, or the page.
      if (!keep || !storeItem(lastingStorage, storageKey, given)) storeItem(tabStorage, storageKey, given);
      tokenDeclined.value = false;
      tokenAsked.value = "no";
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
        if (!tokenDeclined.peek()) await notAsked(tokenAsked, init.signal);
        if (token.peek() === null && tokenDeclined.peek()) return response;
      }
    },
  };
}

/** The JSON of an answer; undefined if the daemon refuses, or does not answer: the page shows that elsewhere. */
export async function readJson<T>(api: Api, path: string, init?: RequestOptions): Promise<T | undefined> {
  try {
    const response = await api.request(path, init);
    return response.ok ? ((await response.json()) as T) : undefined;
  } catch {
    return undefined;
  }
}

/** Resolves when the page no longer asks for a token. @throws the signal's reason if it is aborted earlier */
async function notAsked(asked: ReadonlySignal<TokenAsked>, signal: AbortSignal | null | undefined): Promise<void> {
  signal?.throwIfAborted();
  let stop = (): void => {};
  await new Promise<void>((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    stop = asked.subscribe((now) => {
      if (now === "no") resolve();
    });
  }).finally(() => stop());
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
