import { genericFormat } from "@waggle/chat-format/format";
import { expect, test } from "vitest";
import { chatOf } from "./chat-abilities.ts";
import type { ModelHost } from "../models/run/model-host-port.ts";

test("incomplete abilities of a chat template include the reason as a warning", () => {
  const warning = "Cannot find out what the chat template takes: it takes more than 10 s.";
  const told = (format: object): unknown => {
    const host = { info: { kind: "generate", chatFormat: { ...genericFormat, ...format } } };
    return chatOf(host as unknown as ModelHost, { known: () => undefined });
  };
  expect(told({ warning })).toMatchObject({ format: "generic", warning });
  expect(told({})).not.toHaveProperty("warning");
});
