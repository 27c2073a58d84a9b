import { expect, it } from "vitest";
import { createMemory } from "../wire/browser-storage.ts";
import { createRememberedSwitch } from "./remembered-switch.tsx";

it.each(["on", "off"] as const)("remembers that a switch which is %s at first was turned", (initially) => {
  const place = createMemory();
  const first = createRememberedSwitch("waggle.figures", initially, place);
  expect(first.on.value).toBe(initially === "on");
  first.message();
  expect(createRememberedSwitch("waggle.figures", initially, place).on.value).toBe(initially !== "on");
});
