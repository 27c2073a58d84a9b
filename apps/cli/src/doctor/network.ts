// Checks that the ports which Waggle uses are free, and that the hive answers.
import { ok, problem, warning, type Finding } from "./finding.ts";

export interface PortFacts {
  readonly port: number;
  /** The user of the port: `the worker`, `--ollama`, `the hive`. */
  readonly wantedBy: string;
  readonly taken: boolean;
  /** The holder's process id and command, where they can be found. */
  readonly holder: string | undefined;
  /** The Waggle worker or hive that already uses the port. */
  readonly ours: string | undefined;
  readonly flag: string;
  /** Whether this worker is in the state `failed`. */
  readonly isFailed?: boolean;
}

export function checkPort({ port, wantedBy, taken, holder, ours, flag, isFailed }: PortFacts): Finding {
  const check = `Port ${port}`;
  if (!taken) return ok(check, `free for ${wantedBy}`);
  if (isFailed === true) return problem(check, ours ?? "", `"waggle ps --url http://127.0.0.1:${port}" says why.`);
  if (ours !== undefined) return ok(check, ours);
  const who = holder ?? "a process of another user";
  // No warning: Ollama itself may be running on its port.
  if (flag === "--ollama-port") return ok(check, `taken by ${who}; --ollama would need ${flag}`);
  return warning(check, `taken by ${who}`, `End that process, or use another port: ${flag} ${port + 1}.`);
}

export interface HiveFacts {
  readonly url: string;
  /** Why the hive does not answer; undefined if it does. */
  readonly error: string | undefined;
}

export function checkHive(facts: HiveFacts | undefined): Finding | undefined {
  if (facts === undefined) return undefined;
  const { url, error } = facts;
  if (error === undefined) return ok("Hive", `${url} answers`);
  return problem(
    "Hive",
    `${url} does not answer: ${error}`,
    "Start the hive, or correct WAGGLE_HIVE_URL. Workers also serve without a hive.",
  );
}
