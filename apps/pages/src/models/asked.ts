// Owns questions to the worker that a component asks on demand, and their answers.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Api } from "../wire/api.ts";
import { responseProblem, unreachable, type Problem } from "../wire/problem.ts";

export type Asked<T> =
  | { readonly state: "asking" }
  | { readonly state: "found"; readonly found: T }
  | { readonly state: "failed"; readonly problem: Problem };

/** The worker may have to ask the hub first, in several requests. */
const responseTimeoutMs = 120_000;

/** @returns the answer, undefined before the first question, and the function that asks; a further question ends the one before */
export function useAsked<T>(
  api: Api,
  method: "GET" | "POST",
): readonly [Asked<T> | undefined, (path: string) => Promise<void>] {
  const answer = useSignal<Asked<T> | undefined>(undefined);
  const asking = useRef<AbortController>(undefined);

  async function request(path: string, signal: AbortSignal): Promise<Asked<T>> {
    try {
      const response = await api.request(path, { method, signal, responseTimeoutMs });
      return response.ok
        ? { state: "found", found: (await response.json()) as T }
        : { state: "failed", problem: await responseProblem(response) };
    } catch {
      return { state: "failed", problem: unreachable };
    }
  }

  async function ask(path: string): Promise<void> {
    asking.current?.abort();
    const own = new AbortController();
    asking.current = own;
    answer.value = { state: "asking" };
    const next = await request(path, own.signal);
    if (!own.signal.aborted) answer.value = next;
  }
  return [answer.value, ask];
}
