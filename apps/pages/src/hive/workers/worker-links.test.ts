// Shows which addresses of workers become links on which pages.
import { expect, it } from "vitest";
import { isReachable } from "./worker-links.tsx";

it.each([
  ["http://127.0.0.1:7711", "127.0.0.1", true],
  ["http://localhost:7711", "[::1]", true],
  ["http://127.0.0.1:7711", "192.0.2.1", false],
  ["http://[::1]:7711", "hive.lan", false],
  ["http://192.0.2.2:7711", "192.0.2.1", true],
  ["http://127.0.0.1.example:7711", "192.0.2.1", true],
  ["javascript:alert(1)", "127.0.0.1", false],
])("%s, on a page from %s: %s", (url, host, reachable) => {
  expect(isReachable(url, host)).toBe(reachable);
});
