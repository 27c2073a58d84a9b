// Owns the switches for faults that the hive injects into workers' requests, for testing.
import { useSignal } from "@preact/signals";
import type { Fault } from "@waggle/protocol";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { Alert } from "../parts/alert.tsx";
import type { Api } from "../wire/api.ts";
import { responseProblem } from "../wire/problem.ts";

const switches: readonly { readonly fault: Fault["fault"]; readonly label: string; readonly meaning: string }[] = [
  { fault: "none", label: "Behave", meaning: "Answer normally." },
  { fault: "refuse", label: "Refuse", meaning: "Close the connection before reading the request." },
  { fault: "drop", label: "Drop", meaning: "Read the request and never answer." },
  { fault: "500", label: "Fail", meaning: "Answer with an internal error." },
  { fault: "delay", label: "Delay", meaning: "Delay the answer by:" },
  { fault: "forget", label: "Forget", meaning: "Forget every worker once, then answer normally." },
];

const defaultDelayMs = 3_000;

export function Faults({ api }: { readonly api: Api }): VNode {
  const inForce = useSignal<Fault["fault"]>("none");
  const trouble = useSignal<string | undefined>(undefined);
  const delayMs = useSignal(defaultDelayMs);

  async function ask(init?: RequestInit): Promise<void> {
    try {
      const response = await api.request("/v1/faults", init);
      if (response.ok) inForce.value = ((await response.json()) as Fault).fault;
      trouble.value = response.ok ? undefined : (await responseProblem(response)).message;
    } catch {
      trouble.value = "The hive does not answer.";
    }
  }

  function set(fault: Fault["fault"]): void {
    const body: Fault = fault === "delay" ? { fault, delay_ms: delayMs.value } : { fault };
    void ask({ method: "PUT", body: JSON.stringify(body) });
  }

  useEffect(() => void ask(), [api]);

  return (
    <section class="card" aria-labelledby="faults-title">
      <h2 id="faults-title">Faults, for testing</h2>
      <p class="small muted">Faults injected into worker requests; client streams must not be affected.</p>
      <ul class="stack tight faults">
        {switches.map(({ fault, label, meaning }) => (
          <li key={fault}>
            <button
              type="button"
              class="button tiny"
              aria-pressed={fault === "forget" ? undefined : inForce.value === fault}
              onClick={() => set(fault)}
            >
              {label}
            </button>
            <span class="small muted">{meaning}</span>
            {fault === "delay" && (
              <input
                class="input delay numbers"
                type="number"
                aria-label="Delay in milliseconds"
                min={0}
                max={600_000}
                value={delayMs.value}
                onInput={(event) => (delayMs.value = Number(event.currentTarget.value))}
              />
            )}
          </li>
        ))}
      </ul>
      <Alert text={trouble.value} />
    </section>
  );
}
