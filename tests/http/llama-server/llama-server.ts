// Owns the start of a llama-server with the slots that the cases need.
import { createServer } from "node:net";
import { poll, type ProcessGroups } from "@waggle/testing/harness";
import { caseSlots } from "./cases.ts";

const readyLimitMs = 60_000;
const lookTimeoutMs = 2_000;

export interface ServerRun {
  /** Path of the model's file. */
  readonly model: string;
  /** Tokens of a slot. */
  readonly contextSize: number;
}

/** Resolves with the server's address when its model is loaded. @throws Error when the server does not get ready */
export async function startLlamaServer(groups: ProcessGroups, path: string, run: ServerRun): Promise<string> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await groups.start({
    name: "llama-server",
    command: [
      path,
      ...["--model", run.model],
      ...["--host", "127.0.0.1", "--port", String(port)],
      ...["--ctx-size", String(run.contextSize * caseSlots), "--parallel", String(caseSlots), "--no-kv-unified"],
      ...["--threads", "1", "--slots", "--offline"],
    ],
    env: process.env,
  });
  await poll(
    "llama-server to be ready",
    async () => (await fetch(`${url}/health`, { signal: AbortSignal.timeout(lookTimeoutMs) })).ok,
    readyLimitMs,
  );
  return url;
}

/** Finds a free port in advance, because llama-server does not report a port that the system chose. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("No port is free")),
      );
    });
  });
}
