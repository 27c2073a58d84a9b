// Owns the jobs of MCP tests with the fake model: what they ask, and what their streams say of the calls.
import { createRequire } from "node:module";
import type { GenerateRequestInput, StreamEvent } from "@waggle/protocol";
import type { ListeningWorker } from "../support/daemon.ts";

/** The fake model says the last such text of its prompt. */
export const say = (text: string): string => `[say:${encodeURIComponent(text)}]`;
export const calling = (name: string, given: object): string =>
  `<tool_call>${JSON.stringify({ name, arguments: given })}</tool_call>`;

/** The program of an official server. */
export const serverProgram = (name: string): string =>
  createRequire(import.meta.url).resolve(`@modelcontextprotocol/${name}/dist/index.js`);

export function asking(text: string, jobId: string, tools: "all" | string[] = "all"): GenerateRequestInput {
  return { messages: [{ role: "user", content: say(text) }], temperature: 0, mcp_tools: tools, job_id: jobId };
}

export async function eventsOf(
  { client }: ListeningWorker,
  body: GenerateRequestInput,
): Promise<readonly StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of client.inference(body)) events.push(event);
  return events;
}

/** Tool and outcome of each result. */
export const results = (events: readonly StreamEvent[]): [tool: string, outcome: string][] =>
  events.flatMap((event) => (event.type === "tool_result" ? [[event.tool, event.outcome]] : []));

export async function kill(worker: ListeningWorker): Promise<void> {
  worker.signal("SIGKILL");
  await worker.exited;
}

export async function consent({ url }: ListeningWorker, jobId: string, callId: string): Promise<Response> {
  const body = JSON.stringify({ call_id: callId, allow: "once" });
  return await fetch(`${url}/v1/jobs/${jobId}/consent`, { method: "POST", body });
}
