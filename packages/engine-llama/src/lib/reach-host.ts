// Owns the question whether a server can be reached at all, so that a machine without a network learns it at once and not as a stall.
import { deadlineSignal, linkSignals } from "@waggle/async";
import { cannotDownload } from "./download.ts";

const answerTimeoutMs = 15_000;

/** Resolves with any answer at all. @throws WaggleError unavailable when there is none; the signal's reason when it aborts */
export async function reachHost(reference: string, url: string, signal: AbortSignal | undefined): Promise<void> {
  const { origin } = new URL(url);
  using deadline = deadlineSignal(answerTimeoutMs);
  using stop = linkSignals(signal, deadline.signal);
  try {
    const response = await fetch(origin, { method: "HEAD", redirect: "manual", signal: stop });
    await response.body?.cancel();
  } catch (error) {
    signal?.throwIfAborted();
    const reason = deadline.signal.aborted ? `no answer in ${answerTimeoutMs / 1_000} s` : networkReason(error);
    throw cannotDownload(reference, `${origin} cannot be reached (${reason})`, error);
  }
}

/** `fetch` says "fetch failed" to everything; what happened is one level down. */
function networkReason(error: unknown): string {
  const { cause, message } = error as Error & { cause?: NodeJS.ErrnoException };
  return cause?.code ?? cause?.message ?? message;
}
