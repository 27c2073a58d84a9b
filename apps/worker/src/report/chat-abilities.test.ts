import { genericFormat } from "@waggle/chat-format/format";
import { expect, test } from "vitest";
import { chatOf } from "./chat-abilities.ts";
import type { ModelHost } from "../models/run/model-host-port.ts";

const told = (format: object, source = "download"): unknown => {
  const host = { info: { kind: "generate", chatFormat: { ...genericFormat, ...format } }, file: { source } };
  return chatOf(host as unknown as ModelHost, { known: () => undefined });
};

test("the embedded model has no ability to call tools, whatever its template can write", () => {
  const abilities = { ...genericFormat.abilities, tools: true, parallelCalls: true };
  expect(told({ abilities })).toMatchObject({ tools: true, parallel_tool_calls: true });
  expect(told({ abilities }, "embedded")).toMatchObject({ tools: false, parallel_tool_calls: false });
});

test("incomplete abilities of a chat template include the reason as a warning", () => {
  const warning = "Cannot find out what the chat template takes: it takes more than 10 s.";
  expect(told({ warning })).toMatchObject({ format: "generic", warning });
  expect(told({})).not.toHaveProperty("warning");
});
