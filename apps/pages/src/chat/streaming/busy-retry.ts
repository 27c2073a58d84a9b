// Owns which answer the page requests again by itself, because a busy worker refused it. Only the tab that sent the request does so, so two tabs never
// send it twice; after a reload, the visitor presses Retry.
import { signal, type Signal } from "@preact/signals";
import { adviseOn } from "../../wire/advice.ts";
import type { Problem } from "../../wire/problem.ts";
import type { Answer } from "../conversation/answer.ts";

export interface BusyRetry {
  /** The job of the answer that is requested again when its wait is over. */
  readonly waiting: Signal<string | undefined>;
  /** Called after each request of this tab. @param problem undefined if the worker accepted the request */
  asked(answer: Answer, problem: Problem | undefined): void;
}

/** Automatic retries in a row. */
const retriesLimit = 5;
/** After a longer wait, such as a day's quota, the visitor may have other plans. */
const longestWaitMs = 120_000;

export function createBusyRetry(): BusyRetry {
  const waiting = signal<string | undefined>(undefined);
  let refused = { answerId: "", times: 0 };
  return {
    waiting,
    asked({ id, jobId }, problem) {
      const times = problem === undefined ? 0 : refused.answerId === id ? refused.times + 1 : 1;
      refused = { answerId: id, times };
      const { retryAt = Infinity } = problem ?? {};
      const isShort = retryAt - Date.now() <= longestWaitMs;
      const waits = problem !== undefined && isShort && times <= retriesLimit && adviseOn(problem).calm;
      waiting.value = waits ? jobId : undefined;
    },
  };
}
