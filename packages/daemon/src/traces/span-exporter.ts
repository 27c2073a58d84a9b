// Sends spans to a collector. Adding a span takes no time and never throws: spans that cannot be sent wait within limits, then are
// dropped and counted. No request and no stream waits for the exporter. The official packages are 28 MB on disk, and do much that we do not need:
// contexts that follow asynchronous calls, and instrumented libraries.
import { createBackoff } from "@waggle/async";
import type { Clock } from "@waggle/async";
import { encodeBatch, encodeSpan } from "./span.ts";
import type { Span } from "./span.ts";
import type { TraceSettings } from "./trace-settings.ts";

export interface SpanExporter {
  add(span: Span): void;
  /** Tries once to send the waiting spans, within this time limit. Then drops remaining spans and stops. */
  stop(limitMs: number): Promise<void>;
}

export interface SpanExporterOptions {
  readonly settings: TraceSettings;
  /** Version of the sending program. */
  readonly version: string;
  readonly clock: Clock;
  readonly onSpans: (outcome: "sent" | "dropped", count: number) => void;
  /** Called with a reason when sending begins to fail, and with undefined when sending works again. The reason contains no header values. */
  readonly onFailing: (reason: string | undefined) => void;
}

/** Delays between attempts to send a batch. The batch is dropped when the last attempt fails. */
const retryDelaysMs = [1_000, 2_000, 4_000, 8_000];
const jitter = 0.2;
/** "Retryable Response Codes" of the specification of OTLP/HTTP. */
const retryableStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export function createSpanExporter(options: SpanExporterOptions): SpanExporter {
  const { settings, version, clock, onSpans } = options;
  const leaving = new AbortController();
  let waiting: string[] = [];
  let timer: ReturnType<Clock["setTimeout"]> | undefined;
  let sending: Promise<void> | undefined;
  let stopping = false;
  let failing = false;
  /** Ends the pause between two attempts. */
  let wake = (): void => {};

  function tell(reason: string | undefined): void {
    if (failing === (reason !== undefined)) return;
    failing = reason !== undefined;
    options.onFailing(reason);
  }

  function flush(): void {
    timer?.cancel();
    timer = undefined;
    sending ??= sendAll().finally(() => {
      sending = undefined;
      // More spans may have been added since the last check.
      if (waiting.length > 0) flush();
    });
  }

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, settings.batchSize);
      waiting = waiting.slice(batch.length);
      const sent = await send(encodeBatch(settings.resource, version, batch));
      onSpans(sent ? "sent" : "dropped", batch.length);
    }
  }

  /** Returns whether the collector accepted the batch. */
  async function send(body: string): Promise<boolean> {
    const backoff = createBackoff({ delaysMs: retryDelaysMs, jitter });
    while (!leaving.signal.aborted) {
      const { reason, again } = await post(body);
      tell(reason);
      if (reason === undefined) return true;
      if (!again || stopping || backoff.attempts === retryDelaysMs.length) return false;
      await pause(backoff.next());
    }
    return false;
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const pausing = clock.setTimeout(resolve, ms);
      wake = () => {
        pausing.cancel();
        resolve();
      };
    });
  }

  async function post(body: string): Promise<{ readonly reason: string | undefined; readonly again: boolean }> {
    const aborting = new AbortController();
    const abort = (): void => aborting.abort();
    const limit = clock.setTimeout(abort, settings.timeoutMs);
    leaving.signal.addEventListener("abort", abort);
    try {
      const response = await fetch(settings.url, {
        method: "POST",
        headers: { ...settings.headers, "content-type": "application/json" },
        body,
        // A redirect counts as a refusal: the headers may hold secrets that only this host may get. With "error", Node 20 and 22 may forget the signal.
        redirect: "manual",
        signal: aborting.signal,
      });
      await response.body?.cancel();
      const reason = response.ok ? undefined : `it answers ${response.status}`;
      return { reason, again: retryableStatuses.has(response.status) };
    } catch (error) {
      return { reason: aborting.signal.aborted ? "it does not answer in time" : causeOf(error), again: true };
    } finally {
      limit.cancel();
      leaving.signal.removeEventListener("abort", abort);
    }
  }

  return {
    add(span) {
      if (stopping || waiting.length >= settings.queueSize) return onSpans("dropped", 1);
      waiting.push(encodeSpan(span));
      if (waiting.length >= settings.batchSize) flush();
      else timer ??= clock.setTimeout(flush, settings.delayMs);
    },
    async stop(limitMs) {
      stopping = true;
      wake();
      const limit = clock.setTimeout(() => leaving.abort(), limitMs);
      while (waiting.length > 0 || sending !== undefined) {
        flush();
        await sending;
      }
      limit.cancel();
    },
  };
}

/** Returns the reason of a failed `fetch`. The message is always "fetch failed"; the error's cause has the reason. */
function causeOf(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: string; readonly message?: string } };
  return cause?.code ?? cause?.message ?? String(error);
}
