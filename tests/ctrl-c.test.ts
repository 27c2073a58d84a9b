// Tests a Ctrl-C in a terminal, which signals the whole process group; npx and pnpm then forward the signal once more.
import { spawn } from "node:child_process";
import { StdoutLineSchema } from "@waggle/protocol";
import { packageManager, repositoryPath } from "@waggle/testing/harness";
import { expect, it } from "vitest";

it("a worker under npx and pnpm drains at one Ctrl-C, and does not abort", async () => {
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
  const exited = new Promise<number | null>((resolve) => group.once("exit", (code) => resolve(code)));
  try {
    let log = "";
    group.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
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
      group.once("exit", () => reject(new Error(`The worker exited before it was ready:\n${log}`)));
    });
    const response = await fetch(`${url}/v1/inference`, { method: "POST", body: '{"prompt":"a [eog:50]"}' });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = new TextDecoder().decode((await reader.read()).value);
    process.kill(-(group.pid as number), "SIGINT");
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += new TextDecoder().decode(value);
    }
    await exited;
    expect(text).toContain('"finish_reason":"stop"');
    expect(log).toContain('"to":"draining"');
    expect(log).not.toContain("drain_aborted");
  } finally {
    try {
      process.kill(-(group.pid as number), "SIGKILL");
    } catch {
      // The processes have already exited.
    }
  }
});
