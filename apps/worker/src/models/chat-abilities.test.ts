import { genericFormat } from "@waggle/chat-format";
import { expect, test } from "vitest";
import { chatOf } from "./chat-abilities.ts";
import type { HostedFile } from "./model-entry.ts";

test("why a chat template is not known as well as it could be is told with what is known of it", () => {
  const warning = "Cannot find out what the chat template takes: it takes more than 10 s.";
  const told = (format: object): unknown => {
    const hosted = { host: { info: { kind: "generate", chatFormat: { ...genericFormat, ...format } } } };
    return chatOf(hosted as unknown as HostedFile, { known: () => undefined });
  };
  expect(told({ warning })).toMatchObject({ format: "generic", warning });
  expect(told({})).not.toHaveProperty("warning");
});
