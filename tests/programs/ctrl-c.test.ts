// Tests a Ctrl-C in a terminal, which signals the whole process group; npx and pnpm then forward the signal once more.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { StdoutLineSchema } from "@waggle/protocol";
import { createLog, logged, packageManager, repositoryPath, timeBetween } from "@waggle/testing/harness";
import type { Log } from "@waggle/testing/harness";
import { expect, it } from "vitest";

it("a worker under npx and pnpm drains at one Ctrl-C, and does not abort", async () => {
  const { text, log } = await interrupted();
  const drain = log.lines.find(({ to }) => to === "draining");
  expect(drain).toBeDefined();
  const abort = log.lines.find(logged("drain_aborted"));
  if (abort === undefined) expect(text).toContain('"finish_reason":"stop"');
  // On a busy machine npx and pnpm may forward the signal so late that it counts as a second one.
  else expect(timeBetween(drain, abort)).toBeGreaterThanOrEqual(300);
});

/** Sends a Ctrl-C during an answer. Resolves with the answer and the worker's log after its exit. */
async function interrupted(): Promise<{ readonly text: string; readonly log: Log }> {
  const worker = [
    "exec",
    "waggle-worker",
    "--local-mode",
    "--port",
    "0",
    "--backend",
    "fake",
    "--fake-step-delay",
    "20",
  ];
  const group = spawn("npx", ["--yes", packageManager, ...worker, "--log-format", "json"], {
    cwd: repositoryPath(""),
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<number | null>((resolve) => group.once("close", (code) => resolve(code)));
  try {
    const log = createLog();
    createInterface({ input: group.stderr }).on("line", log.add);
    const url = await new Promise<string>((resolve, reject) => {
      let text = "";
      group.stdout.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        for (const line of text.split("\n").slice(0, -1)) {
          if (!line.startsWith("{")) continue;
          const event = StdoutLineSchema.parse(JSON.parse(line));
          if (event.type === "ready") resolve(event.url);
        }
      });
      group.once("exit", () => reject(new Error(`The worker exited before it was ready:\n${log.text}`)));
    });
    const response = await fetch(`${url}/v1/inference`, { method: "POST", body: '{"prompt":"a [eog:50]"}' });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = new TextDecoder().decode((await reader.read()).value);
    process.kill(-(group.pid as number), "SIGINT");
    for (;;) {
      // The stream of an aborted drain breaks.
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
      if (done) break;
      text += new TextDecoder().decode(value);
    }
    await exited;
    return { text, log };
  } finally {
    try {
      process.kill(-(group.pid as number), "SIGKILL");
    } catch {
      // The processes have already exited.
    }
  }
}
