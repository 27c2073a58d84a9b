// Owns a gate that holds the steps or the loads of a worker's fake backend, so that a test decides when each continues.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../wait.ts";

export interface Gate extends Disposable {
  /** Flags of a worker with this gate. Its watchdog lets an engine wait. */
  readonly flags: readonly string[];
  /** Holds what comes from now on, as at first. */
  close(): void;
  open(): void;
  /** Lets this many through, now or when they come. */
  step(count?: number): void;
  /** Resolves as soon as a step or load waits. */
  held(): Promise<void>;
}

export async function createGate(holds: "load" | "step" = "step"): Promise<Gate> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-gate-"));
  const path = join(folder, "gate");
  const waiting = new Set<Socket>();
  let allowed = 0;

  function admit(): void {
    for (const socket of waiting) {
      if (allowed === 0) return;
      allowed -= 1;
      waiting.delete(socket);
      socket.destroy();
    }
  }

  const server = createServer((socket) => {
    // An engine that is killed waits no longer.
    socket.once("close", () => waiting.delete(socket)).on("error", () => {});
    socket.once("data", (what) => {
      if (what.toString() !== holds) return void socket.destroy();
      waiting.add(socket);
      admit();
      if (waiting.has(socket)) server.emit("held");
    });
  });
  await once(server.listen(path), "listening");

  return {
    flags: ["--backend", "fake", "--fake-gate", path, "--watchdog-timeout", "1h", "--load-timeout", "1h"],
    close: () => void (allowed = 0),
    open() {
      allowed = Infinity;
      admit();
    },
    step(count = 1) {
      allowed += count;
      admit();
    },
    async held() {
      if (waiting.size === 0) await waitFor(`a held ${holds}`, once(server, "held"));
    },
    [Symbol.dispose]() {
      server.close();
      for (const socket of waiting) socket.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
