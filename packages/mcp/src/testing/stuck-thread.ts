// The thread of a server that starts a process and then, at a call, loops for ever or takes all its memory.
import { spawn } from "node:child_process";
import { parentPort, workerData } from "node:worker_threads";
import type { FromServer, ServerThreadData, ToServer } from "../thread/server-thread.ts";

const { spec } = workerData as ServerThreadData;
const post = (message: FromServer): void => parentPort?.postMessage(message);
if (spec.transport.kind === "stdio") {
  const { command, args } = spec.transport;
  const child = spawn(command, args, { detached: true, stdio: "ignore" });
  if (child.pid !== undefined) post({ kind: "group", pid: child.pid });
}
const ready = (): void => post({ kind: "tools", list: { tools: [], leftOut: [] } });
ready();
parentPort?.on("message", (message: ToServer) => {
  if (message.kind !== "call") return;
  if (message.tool !== "early") post({ kind: "sent", id: message.id });
  // Tells the test that the call is here.
  ready();
  const kept: unknown[][] = [];
  for (;;) if (message.tool === "grow") kept.push(Array.from({ length: 100_000 }, () => ({})));
});
