// Tests which hives' commands a worker obeys.
import { expect, test } from "vitest";
import { commandsObeyed } from "./hive-membership.ts";

test.each([
  ["http://127.0.0.1:7700", undefined, ["drain"]],
  ["http://[::1]:7700", undefined, ["drain"]],
  ["http://localhost:7700", undefined, ["drain"]],
  ["http://192.0.2.1:7700", undefined, []],
  ["http://127.0.0.1.evil.example", undefined, []],
  ["http://192.0.2.1:7700", "a-token-of-mine", ["drain"]],
])("a hive at %s, shown the token %s, is obeyed in %j", (url, token, commands) => {
  expect(commandsObeyed(url, token)).toEqual(commands);
});
